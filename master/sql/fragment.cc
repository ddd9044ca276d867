#include "master/sql/fragment.h"

#include <algorithm>

#include "common/duck/parquet_file.h"

namespace dl::master {

std::string Fragment::sql(const std::vector<std::size_t>& positions) const {
    if (!chooses_columns()) return whole;
    std::string list;
    for (const auto position : positions) {
        list += (list.empty() ? "" : ", ") + sql_identifier(columns[position].name);
    }
    return "SELECT " + (list.empty() ? std::string("true") : list) + " FROM " + from;
}

std::string Fragment::view_body(const std::string& source) const {
    const bool as_they_are = std::all_of(columns.begin(), columns.end(),
                                         [](const FragmentColumn& column) { return column.shown.empty(); });
    if (as_they_are) return "SELECT * FROM " + source;
    std::string list;
    for (const auto& column : columns) {
        const auto name = sql_identifier(column.name);
        list += list.empty() ? "" : ", ";
        list += column.shown.empty() ? name : "CAST(" + name + " AS " + column.shown + ") AS " + name;
    }
    return "SELECT " + list + " FROM " + source;
}

Fragment whole_table(std::shared_ptr<const TableMeta> table) {
    Fragment fragment;
    fragment.view = table->name;
    for (const auto& field : table->schema.fields)
        fragment.columns.push_back({field.name, field.type, {}});
    fragment.from = sql_identifier(table->name);
    fragment.table = std::move(table);
    return fragment;
}

}  // namespace dl::master
