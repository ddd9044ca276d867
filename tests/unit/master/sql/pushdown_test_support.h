// A table of every column type, and the plan of a statement over it.
#pragma once

#include "master/sql/fragment_planner.h"
#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::master::test {

inline std::shared_ptr<const TableMeta> typed_table(std::uint64_t id, const std::string& name) {
    auto meta = std::make_shared<TableMeta>();
    meta->id = TableId{id};
    meta->name = name;
    std::uint32_t next = 1;
    for (const auto& [column, type] :
         std::initializer_list<std::pair<const char*, const char*>>{{"id", "int"},
                                                                    {"big", "long"},
                                                                    {"ratio", "double"},
                                                                    {"flag", "boolean"},
                                                                    {"city", "string"},
                                                                    {"at", "timestamp"},
                                                                    {"day", "date"},
                                                                    {"price", "decimal(10,2)"},
                                                                    {"wide", "decimal(38,4)"},
                                                                    {"tiny", "decimal(4,1)"},
                                                                    {"raw", "binary"},
                                                                    {"Order", "int"}}) {
        meta->schema.fields.push_back({FieldId{next++}, column, *parse_type(type), false, {}});
    }
    return meta;
}

class PushdownTest : public ::testing::Test {
  protected:
    FragmentPlan plan(const std::string& sql) {
        auto ast = SelectAst::parse_short(*database_, sql);
        EXPECT_TRUE(ast) << sql << ": " << (ast ? "" : ast.error().to_text());
        if (!ast) return {};
        const auto report =
            check_select(*ast, [&](const std::string& name) { return tables_.contains(name); });
        EXPECT_TRUE(report) << sql << ": " << (report ? "" : report.error().to_text());
        QueryTables used;
        if (report) {
            for (const auto& name : report->tables)
                used.emplace(name, tables_.at(name));
        }
        return planner_.plan(*ast, used, rows_, std::make_shared<QueryCancel>());
    }
    // What the slaves are asked, a line each.
    std::string asked(const std::string& sql) {
        std::string lines;
        for (const auto& text : plan(sql).texts)
            lines += (lines.empty() ? "" : "\n") + text;
        return lines;
    }

    TableRows rows_;  // by table name; empty: not known
    std::shared_ptr<DuckDatabase> database_ = dl::test::open_database();
    FragmentPlanner planner_{database_};
    QueryTables tables_{{"t", typed_table(1, "t")}, {"u", typed_table(2, "u")}, {"v", typed_table(3, "v")}};
};

}  // namespace dl::master::test
