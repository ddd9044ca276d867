// SQL text to commands, and the rows of INSERT and DELETE.
#include "master/execution/sql_command.h"

#include <gtest/gtest.h>

#include "master/execution/command_runs.h"
#include "master/execution/row_cursor.h"
#include "master/execution/sql_rows.h"
#include "master/sql/ddl_parser.h"

namespace dl::master {
namespace {

TableMeta table() {
    TableDefinition definition;
    definition.name = "t";
    definition.columns = {{"id", "int", false, {}},
                          {"name", "string", false, std::string("none")},
                          {"at", "timestamp", false, {}}};
    definition.major_key = "id";
    auto built = build_table(definition, 7);
    EXPECT_TRUE(built) << built.error().to_text();
    return *built;
}

SqlLiteral value(std::string text, SqlLiteral::Kind kind = SqlLiteral::Kind::text) {
    return {kind, std::move(text), 0};
}

// The rows of an INSERT or DELETE as text, "id|name|at", "-" in front of a delete.
Result<std::vector<std::string>> rows_of_sql(std::string_view sql, SqlParameters params = {}) {
    SqlOptions options;
    options.params = std::move(params);
    DL_TRY_ASSIGN(auto body, command_of_sql(sql, std::move(options)));
    const auto meta = table();
    DL_TRY(settle_delete([&](const std::string&) { return std::make_shared<const TableMeta>(meta); }, body));
    auto& append = std::get<AppendRows>(body);
    EXPECT_EQ(*append.source->table(), "t");
    DL_TRY_ASSIGN(const auto batch, append.source->read(meta));
    std::vector<std::string> rows;
    for (const auto& part : batch.partitions) {
        DL_TRY_ASSIGN(const auto columns,
                      ColumnBatch::decode(SharedBytes::from_string(part.body), part.rows));
        for (std::uint32_t row = 0; row < part.rows; ++row) {
            std::string text = columns.is_delete(row) ? "-" : "";
            for (const auto& column : columns.columns()) {
                if (!text.empty() && text != "-") text += '|';
                if (column.is_null(row))
                    text += '~';
                else
                    append_value_text(text, column, row);
            }
            rows.push_back(std::move(text));
        }
    }
    return rows;
}
std::vector<std::string> rows(std::string_view sql, SqlParameters params = {}) {
    auto result = rows_of_sql(sql, std::move(params));
    EXPECT_TRUE(result) << sql << ": " << (result ? "" : result.error().to_text());
    return result ? *result : std::vector<std::string>{};
}
std::string refusal(std::string_view sql, SqlParameters params = {}) {
    auto result = rows_of_sql(sql, std::move(params));
    EXPECT_FALSE(result) << sql;
    return result ? "" : result.error().to_text();
}
using Texts = std::vector<std::string>;

TEST(SqlRows, ValuesFollowTheRulesOfJson) {
    EXPECT_EQ(rows("insert into t values (3.0, 7.50, null)"), (Texts{"3|7.50|~"}));
    EXPECT_EQ(rows("insert into t (AT, id) values ('2024-01-31', -7e0), (default, '+8')"),
              (Texts{"-7|none|2024-01-31 00:00:00", "8|none|~"}));
    EXPECT_EQ(rows("insert into t (id, name) values (1, true)"), (Texts{"1|true|~"}));
    EXPECT_EQ(rows("delete from t where id in (3, '4')"), (Texts{"-3|~|~", "-4|~|~"}));
    EXPECT_TRUE(
        refusal("insert into t (id) values (3.5)").starts_with("INVALID_VALUE: row 0, column \"id\""));
    EXPECT_TRUE(refusal("insert into t (id) values (true)").starts_with("INVALID_VALUE"));
    EXPECT_TRUE(refusal("insert into t (id, id) values (1, 2)").starts_with("INVALID_REQUEST: row 0"));
    EXPECT_TRUE(refusal("insert into t (id, crud) values (1, 'delete')").starts_with("COLUMN_NOT_FOUND"));
    EXPECT_TRUE(
        refusal("insert into t values (1, 'a', null), (2)").starts_with("INVALID_REQUEST: row 1 has 1"));
    EXPECT_TRUE(refusal("insert into t (id, nosuch) values (1, 2)").starts_with("COLUMN_NOT_FOUND"));
}

TEST(SqlRows, ParametersGiveValues) {
    using Kind = SqlLiteral::Kind;
    const SqlParameters params = {value("7", Kind::number), value("x'y"), value("", Kind::null)};
    EXPECT_EQ(rows("insert into t values ($1, $2, $3), (8, $2, null)", params),
              (Texts{"7|x'y|~", "8|x'y|~"}));
    EXPECT_EQ(rows("delete from t where id = $1", {value("7")}), (Texts{"-7|~|~"}));
    EXPECT_TRUE(refusal("insert into t (id) values ($1)", {value("abc")})
                    .starts_with("INVALID_VALUE: parameter $1: row 0, column \"id\": \"abc\""));
    EXPECT_TRUE(
        refusal("insert into t (id) values ($1)").starts_with("INVALID_REQUEST: the statement has 1"));
    EXPECT_TRUE(refusal("insert into t (id) values ($2)", params)
                    .starts_with("INVALID_REQUEST: the statement uses $2"));
    EXPECT_TRUE(refusal("insert into t (id) values ($4000000000)", params).starts_with("INVALID_REQUEST"));
    EXPECT_TRUE(refusal("insert into t (id) values ($x)", params).starts_with("SYNTAX_ERROR"));
    SqlOptions with_params;
    with_params.params = params;
    EXPECT_EQ(command_of_sql("drop t", with_params).error().code, ErrorCode::invalid_request);
}

TEST(SqlRows, TheirParametersHaveTheTypesOfTheirColumns) {
    const auto insert = parse_sql_statement("insert into t (at, id) values ($2, $1), (null, $3)");
    ASSERT_TRUE(insert);
    const auto shape = shape_of(std::get<InsertStatement>(*insert), table());
    ASSERT_TRUE(shape) << shape.error().to_text();
    ASSERT_EQ(shape->parameters.size(), 3u);
    EXPECT_EQ(shape->parameters[0]->kind, TypeKind::int32);
    EXPECT_EQ(shape->parameters[1]->kind, TypeKind::timestamp);
    EXPECT_TRUE(shape->columns.empty());
}

TEST(RowCursor, NoNameStandsTwice) {
    const DataType type{TypeKind::int32};
    std::vector<ResultColumn> columns = {
        {"id", type}, {"id_1", type}, {"id", type}, {"id", type}, {"n", type}};
    Texts names;
    make_names_unique(columns);
    for (const auto& column : columns)
        names.push_back(column.name);
    EXPECT_EQ(names, (Texts{"id", "id_1", "id_2", "id_3", "n"}));
}

TEST(SqlCommand, OptionsThatTheStatementHasNoUseFor) {
    struct Case {
        const char* sql;
        bool batch_id, cut, repair;
    };
    for (const auto& [sql, batch_id, cut, repair] :
         {Case{"select 1", false, true, false}, Case{"explain analyze select 1", false, true, false},
          Case{"insert into t values (1)", true, false, false},
          Case{"insert into t select 1", false, true, false},
          Case{"delete from t where id = 1", true, false, false},
          Case{"create table u primary key (id) as select 1 as id", false, true, false},
          Case{"create table u(id int primary key)", false, false, false},
          Case{"check table t", false, false, true}, Case{"desc t", false, false, false},
          Case{"compress t", false, false, false}, Case{"show tables", false, false, false}}) {
        SqlOptions one;
        one.batch_id = BatchId{"b", 0};
        EXPECT_EQ(command_of_sql(sql, one).has_value(), batch_id) << sql;
        SqlOptions two;
        two.cut.min_offsets = {{0, 1}};
        EXPECT_EQ(command_of_sql(sql, two).has_value(), cut) << sql;
        SqlOptions three;
        three.cut.as_of = std::map<std::uint32_t, Offset>{{0, 1}};
        EXPECT_EQ(command_of_sql(sql, three).has_value(), cut) << sql;
        SqlOptions four;
        four.repair = true;
        const auto repaired = command_of_sql(sql, four);
        EXPECT_EQ(repaired.has_value(), repair) << sql;
        if (!repair) {
            EXPECT_EQ(repaired.error().code, ErrorCode::invalid_request) << sql;
        }
    }
}

}  // namespace
}  // namespace dl::master
