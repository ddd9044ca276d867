#include "master/sql/system_tables.h"

#include "common/base/ascii.h"
#include "common/duck/parquet_file.h"
#include "common/duck/select_ast.h"
#include "common/json/json_writer.h"
#include "master/sql/query_ast.h"

namespace dl::master {
namespace {

bool is_system_schema(std::string_view schema) {
    return schema == "system" || schema == "information_schema";
}

std::string rows_sql(const SystemTable& table) {
    std::string types = "[{";
    for (const auto& [name, type] : table.columns) {
        if (types.size() > 2) types += ',';
        append_json_string(types, name);
        types += ':';
        append_json_string(types, type);
    }
    types += "}]";
    return "SELECT * FROM (SELECT unnest(from_json(" + sql_literal(table.rows) + ", " + sql_literal(types) +
           "), recursive := true)) AS t";
}

// Puts subqueries into the tree; true when there was one.
Result<bool> replace(DuckDatabase& database, const SystemTables& tables, Json& tree) {
    if (tree.is_object() && text_of(tree, "type") == "BASE_TABLE") {
        const auto schema = ascii_lowercase(text_of(tree, "schema_name"));
        if (!is_system_schema(schema) || !text_of(tree, "catalog_name").empty()) return false;
        const auto name = ascii_lowercase(text_of(tree, "table_name"));
        DL_TRY_ASSIGN(const auto table, tables.read(schema, name));
        DL_TRY_ASSIGN(auto parsed, SelectAst::parse(database, rows_sql(table)));
        auto subquery = std::move(parsed.tree()["statements"][0]["node"]["from_table"]);
        const auto alias = text_of(tree, "alias");
        subquery["alias"] = alias.empty() ? name : alias;
        for (const char* kept : {"column_name_alias", "sample"})
            if (const auto* value = member(tree, kept)) subquery[kept] = *value;
        tree = std::move(subquery);
        return true;
    }
    bool replaced = false;
    if (!tree.is_structured()) return replaced;
    // A column without a name is called as it is written, and what is written now would be the rows.
    if (tree.is_object() && tree.contains("select_list")) {
        for (auto& column : tree["select_list"]) {
            DL_TRY_ASSIGN(const bool one, replace(database, tables, column));
            if (one && text_of(column, "alias").empty()) column["alias"] = "subquery";
            replaced = replaced || one;
        }
    }
    for (auto& child : tree) {
        if (!child.is_structured()) continue;
        DL_TRY_ASSIGN(const bool one, replace(database, tables, child));
        replaced = replaced || one;
    }
    return replaced;
}

}  // namespace

bool may_name_system_table(std::string_view sql) {
    const auto lower = ascii_lowercase(sql);
    return lower.find("information_schema") != std::string::npos || lower.find("system") != std::string::npos;
}

Result<std::optional<std::string>> with_system_rows(DuckDatabase& database, std::string_view sql,
                                                    const SystemTables& tables) {
    DL_TRY_ASSIGN(auto ast, SelectAst::parse(database, sql));
    DL_TRY_ASSIGN(const bool replaced, replace(database, tables, ast.tree()));
    if (!replaced) return std::optional<std::string>();
    DL_TRY_ASSIGN(auto text, ast.to_sql(database));
    return std::optional<std::string>(ast.explain() ? "EXPLAIN " + text : text);
}

}  // namespace dl::master
