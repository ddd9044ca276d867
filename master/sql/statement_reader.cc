#include "master/sql/statement_reader.h"

#include <set>
#include <utility>

#include "common/duck/sql_names.h"
#include "master/sql/hex_texts.h"
#include "master/sql/key_lookup.h"
#include "master/sql/macros.h"
#include "master/sql/quoted_names.h"
#include "master/sql/syntax_hints.h"
#include "master/sql/view_expansion.h"

namespace dl::master {

namespace {

Result<QueryTables> gate(const SelectAst& ast, const TableLookup& lookup, GateReport& report,
                         bool parameters_allowed) {
    QueryTables tables;
    std::optional<Error> failed;
    auto checked = check_select(
        ast,
        [&](const std::string& name) {
            if (tables.contains(name)) return true;
            auto found = lookup(name);
            if (!found) {
                failed = found.error();
                return false;
            }
            tables.emplace(name, std::move(*found));
            return true;
        },
        parameters_allowed);
    // The catalog knows names that are near, or that it cannot be reached.
    if (!checked) return failed ? *failed : checked.error();
    report = std::move(*checked);
    return tables;
}

}  // namespace

Result<ReadStatement> StatementReader::read(std::string_view sql, const TableLookup& lookup) const {
    ReadStatement asked;
    if (auto point = find_point(sql, lookup)) {
        asked.table_references = 1;
        asked.text = std::string(sql);
        asked.lookups.emplace(point->table->name, std::move(point->keys));
        asked.tables.emplace(point->table->name, std::move(point->table));
        return asked;
    }
    DL_TRY_ASSIGN(auto parsed, parse(sql, lookup, false));
    asked.tables = std::move(parsed.tables);
    asked.lookups = find_key_lookups(parsed.ast, asked.tables);
    asked.explain = parsed.explain;
    asked.lasting = parsed.lasting;
    asked.table_references = parsed.table_references;
    asked.text = (parsed.explain ? "EXPLAIN " : "") + parsed.ast.text();
    asked.ast = std::move(parsed.ast);
    return asked;
}

Result<QueryTables> StatementReader::tables_of(std::string_view sql, const TableLookup& lookup,
                                               bool parameters_allowed) const {
    if (auto point = find_point(sql, lookup)) {
        QueryTables tables;
        tables.emplace(point->table->name, std::move(point->table));
        return tables;
    }
    DL_TRY_ASSIGN(auto parsed, parse(sql, lookup, parameters_allowed));
    return std::move(parsed.tables);
}

// Views are looked for when a name is that of no table: most statements name none.
Result<ParsedStatement> StatementReader::parse(std::string_view sql, const TableLookup& lookup,
                                               bool parameters_allowed) const {
    std::string quoted;
    if (has_backticks(sql)) sql = quoted = with_double_quotes(sql);
    auto parsed = parse_tables(sql, lookup, parameters_allowed);
    if (parsed.has_error()) parsed = with_syntax_hint(std::move(parsed).error(), sql);
    const bool unknown = parsed.has_error() && parsed.error().code == ErrorCode::table_not_found;
    if (!unknown || system_tables_ == nullptr) return parsed;
    DL_TRY_ASSIGN(const auto views, views_of(*system_tables_));
    const auto has_table = [&lookup](const std::string& name) { return lookup(name).has_value(); };
    DL_TRY_ASSIGN(const auto expanded, with_views(*database_, sql, views, has_table));
    if (!expanded) return parsed;
    DL_TRY_ASSIGN(auto of_views, parse_tables(*expanded, lookup, parameters_allowed));
    of_views.lasting = false;
    return of_views;
}

// Tables of the system become their rows, macros their expressions, and names are folded, first.
Result<ParsedStatement> StatementReader::parse_tables(std::string_view sql, const TableLookup& lookup,
                                                      bool parameters_allowed) const {
    std::optional<std::string> with_system;
    if (system_tables_ != nullptr && may_name_system_table(sql)) {
        DL_TRY_ASSIGN(with_system, with_system_rows(*database_, sql, *system_tables_));
        if (with_system) sql = *with_system;
    }
    DL_TRY_ASSIGN(const auto without_macros, with_macros(*database_, sql));
    if (without_macros) sql = *without_macros;
    std::string folded;
    if (has_names_to_fold(sql)) {
        DL_TRY_ASSIGN(folded, with_names_as_stored(sql, lookup));
        sql = folded;
    }
    DL_TRY_ASSIGN(auto parsed, parse_as_written(sql, lookup, parameters_allowed));
    parsed.lasting = !with_system;
    return parsed;
}

Result<ParsedStatement> StatementReader::parse_as_written(std::string_view sql, const TableLookup& lookup,
                                                          bool parameters_allowed) const {
    DL_TRY_ASSIGN(auto ast, SelectAst::parse_short(*database_, sql));
    GateReport report;
    DL_TRY_ASSIGN(auto tables, gate(ast, lookup, report, parameters_allowed));
    DL_TRY(check_hex_texts(ast, tables));
    return ParsedStatement{std::move(ast), std::move(tables), report.explain, true, report.table_references};
}

// Names of the tables that the statement is about, and of their columns, in lower case of their script.
Result<std::string> StatementReader::with_names_as_stored(std::string_view sql,
                                                          const TableLookup& lookup) const {
    DL_TRY_ASSIGN(const auto parsed, parse_as_written(sql, lookup, true));
    std::set<std::string> names;
    for (const auto& [as_written, table] : parsed.tables) {
        names.insert(table->name);
        for (const auto& field : table->schema.fields)
            names.insert(field.name);
    }
    return fold_names(sql, [&](const std::string& name) { return names.contains(name); });
}

}  // namespace dl::master
