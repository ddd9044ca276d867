#include "slave/query/view_sql.h"

#include <algorithm>
#include <array>
#include <map>

#include "common/duck/parquet_file.h"
#include "slave/query/found_rows.h"
#include "slave/query/joined_sources.h"

namespace dl::slave {

namespace {

// The value of a column in a file that has it.
std::string stored_sql(const Field& field, DataType stored) {
    auto sql = sql_identifier(parquet_field_name(field.id));
    return stored == field.type ? sql : "CAST(" + sql + " AS " + duck_type_name(field.type) + ")";
}

std::string select_list(const TableMeta& table, const std::vector<StoredColumn>& file_fields) {
    std::string list;
    for (const auto& field : table.schema.fields) {
        if (!list.empty()) list += ", ";
        const auto stored = std::find_if(file_fields.begin(), file_fields.end(),
                                         [&](const StoredColumn& column) { return column.id == field.id; });
        list += stored != file_fields.end() ? stored_sql(field, stored->type) : sql_default(field);
        list += " AS " + sql_identifier(field.name);
    }
    return list;
}

// Of a UNION ALL the engine reads the first column even when the statement needs none of its values (a count,
// a condition that was pushed down): the parts of a view begin with a constant, which costs nothing.
std::string name_for_constant(const TableMeta& table) {
    std::string name = "dl_none";
    while (std::any_of(table.schema.fields.begin(), table.schema.fields.end(),
                       [&](const Field& field) { return field.name == name; }))
        name += '_';
    return name;
}

std::string union_sql(const TableMeta& table, const std::vector<std::string>& parts) {
    std::string list;
    for (const auto& field : table.schema.fields)
        list += (list.empty() ? "" : ", ") + sql_identifier(field.name);
    std::string body;
    for (const auto& part : parts) {
        body += body.empty() ? "SELECT 0::TINYINT AS " + sql_identifier(name_for_constant(table)) + ", "
                             : " UNION ALL SELECT 0::TINYINT, ";
        body += part;
    }
    return "SELECT " + list + " FROM (" + body + ")";
}

std::vector<ScanColumn> tail_columns(const TableMeta& table) {
    std::vector<ScanColumn> columns;
    for (const auto& field : table.schema.fields) {
        columns.push_back({field.name, ScanColumn::Source::field, field.id, field.type, field.default_text});
    }
    return columns;
}

}  // namespace

std::string found_rows_sql(const TableMeta& table, std::vector<ScanUnit> units, DuckSession& session) {
    const auto handle = session.add_scan(units_as_source(tail_columns(table), std::move(units)));
    return "SELECT * FROM dl_scan(" + std::to_string(handle) + ")";
}

std::string view_body_sql(const TableMeta& table, const std::vector<std::shared_ptr<const ReadView>>& views,
                          DuckSession& session) {
    // By the columns they have: one scan takes the types of its first file.
    std::map<std::vector<std::array<std::uint32_t, 4>>, std::vector<const ViewFile*>> clean;
    std::vector<std::string> parts;                  // without their SELECT
    std::vector<std::shared_ptr<ScanSource>> tails;  // one scan: each costs the planner as much as a table
    for (const auto& view : views) {
        for (const auto& file : view->files()) {
            if (file.rows == file.dead_rows) continue;
            if (file.dead_rows != 0) {
                const auto handle = session.add_row_filter(file.filter);
                parts.push_back(select_list(table, file.fields) + " FROM " +
                                sql_parquet_file(file.path, "file_row_number = true") + " WHERE " +
                                sql_alive(handle));
                continue;
            }
            std::vector<std::array<std::uint32_t, 4>> fields;
            for (const auto& field : file.fields)
                fields.push_back({field.id.value, static_cast<std::uint32_t>(field.type.kind),
                                  field.type.precision, field.type.scale});
            std::sort(fields.begin(), fields.end());
            clean[fields].push_back(&file);
        }
        if (view->tail_rows() != 0) tails.push_back(view->tail(tail_columns(table)));
    }
    if (!tails.empty()) {
        const auto handle = session.add_scan(one_after_the_other(std::move(tails)));
        parts.push_back("* FROM dl_scan(" + std::to_string(handle) + ")");
    }
    for (const auto& [fields, files] : clean) {
        std::vector<std::string> paths;
        for (const auto* file : files)
            paths.push_back(file->path);
        parts.push_back(select_list(table, files.front()->fields) + " FROM " + sql_parquet_files(paths));
    }
    if (parts.empty()) {
        std::string list;
        for (const auto& field : table.schema.fields) {
            if (!list.empty()) list += ", ";
            list += "CAST(NULL AS " + duck_type_name(field.type) + ") AS " + sql_identifier(field.name);
        }
        return "SELECT " + list + " WHERE false";
    }
    return parts.size() == 1 ? "SELECT " + parts.front() : union_sql(table, parts);
}

}  // namespace dl::slave
