#include "master/protocol/native/table_text.h"

#include "common/json/json_writer.h"

namespace dl::master {
namespace {

void append_member(std::string& out, std::string_view key, std::string_view text) {
    if (out.back() != '{') out += ',';
    append_json_string(out, key);
    out += ':';
    append_json_string(out, text);
}

std::string column_json(const CatalogTable& table, std::size_t position) {
    const auto& field = table.schema.fields[position];
    const auto& default_text = table.default_of(field);
    const bool has_default = default_text.has_value();
    std::string out = "{";
    append_member(out, "datatype", type_name(field.type));
    append_member(out, "column_config",
                  position == table.schema.key_index ? "PRIMARY_KEY"
                  : field.not_null                   ? "NOT_NULL"
                  : has_default                      ? "DEFAULT"
                                                     : "NULL");
    if (has_default) append_member(out, "default_value", *default_text);
    return out + '}';
}

}  // namespace

std::string partition_address_json(const TableMeta& table, const TableRoutes& routes) {
    std::string out = "{";
    for (std::uint32_t i = 0; i < table.partition_count; ++i) {
        const auto addresses = routes.copy_addresses(PartitionId{i});
        out += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":";
        for (std::size_t copy = 0; copy < addresses.size(); ++copy) {
            out += copy == 0 ? "[{\"address\":" : ",{\"address\":";
            append_json_string(out, addresses[copy]);
            out += copy == 0 ? ",\"info\":\"Leader\"}" : ",\"info\":\"Follower\"}";
        }
        out += ']';
    }
    return out + '}';
}

std::string desc_json(const CatalogTable& table, const TableRoutes& routes) {
    std::string out = "{";
    append_member(out, "table_name", table.name);
    append_member(out, "major_key", table.schema.key().name);
    append_member(out, "partition_number", std::to_string(table.partition_count));
    append_member(out, "partition_address", partition_address_json(table, routes));
    for (std::size_t i = 0; i < table.schema.fields.size(); ++i)
        append_member(out, table.schema.fields[i].name, column_json(table, i));
    return out + '}';
}

std::string desc_json(const std::string& view, const StatementShape& shape) {
    std::string out = "{";
    append_member(out, "table_name", view);
    append_member(out, "major_key", "");
    append_member(out, "partition_number", "0");
    append_member(out, "partition_address", "{}");
    for (const auto& column : shape.columns) {
        std::string about = "{";
        append_member(about, "datatype", column.type ? type_name(*column.type) : "unknown");
        append_member(about, "column_config", "NULL");
        append_member(out, column.name, about + '}');
    }
    return out + '}';
}

std::string metadata_json(const CatalogTable& table, const TableRoutes& routes) {
    std::string out = "{";
    append_member(out, "table_name", table.name);
    std::string types = "{";
    for (const auto& field : table.schema.fields)
        append_member(types, field.name, type_name(field.type));
    out += ",\"col_type\":" + types + "},\"partition_address\":" + partition_address_json(table, routes) +
           ",\"partition_number\":" + std::to_string(table.partition_count);
    append_member(out, "major_key", table.schema.key().name);
    return out + '}';
}

}  // namespace dl::master
