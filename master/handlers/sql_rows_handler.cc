// insert into and delete from of sql: turned into the rows of a batch_insert, so that values are checked in
// one place.
#include <memory>
#include <utility>

#include "common/types/value_text.h"
#include "master/handlers/append_rows.h"
#include "master/handlers/handlers.h"
#include "master/protocol/native/batch_json.h"

namespace dl::master {
namespace {

void append_key(std::string& out, std::string_view name) {
    if (out.back() != '{') out += ',';
    append_json_string(out, name);
    out += ':';
}

std::string batch_prefix(const TableMeta& table) {
    std::string json = "{\"batch_insert\":{\"table_name\":";
    append_json_string(json, table.name);
    return json + ",\"data\":[";
}

Result<std::string> insert_json(const InsertStatement& sql, const TableMeta& table) {
    std::vector<std::string> columns = sql.columns;
    if (columns.empty())
        for (const auto& field : table.schema.fields)
            columns.push_back(field.name);
    auto json = batch_prefix(table);
    for (std::size_t r = 0; r < sql.rows.size(); ++r) {
        const auto& row = sql.rows[r];
        if (row.size() != columns.size())
            return make_error(ErrorCode::invalid_request, "row " + std::to_string(r) + " has " +
                                                              std::to_string(row.size()) +
                                                              " values, table '" + table.name + "' has " +
                                                              std::to_string(columns.size()) +
                                                              " columns; name the columns behind the table");
        json += r == 0 ? "{" : ",{";
        for (std::size_t c = 0; c < row.size(); ++c) {
            if (row[c].kind == SqlLiteral::Kind::use_default) continue;
            append_key(json, columns[c]);
            if (row[c].kind == SqlLiteral::Kind::null)
                json += "null";
            else
                append_json_string(json, row[c].text);
        }
        json += '}';
    }
    return json + "]}}";
}

Result<std::string> delete_json(const DeleteStatement& sql, const TableMeta& table) {
    const auto& key = table.schema.key().name;
    DL_TRY_ASSIGN(const auto column, normalize_name("column", sql.column));
    if (column != key)
        return make_error(ErrorCode::not_supported,
                          "rows of table '" + table.name + "' are deleted by its major key '" + key +
                              "', not by '" + column + "'; query the keys first, then delete them");
    auto json = batch_prefix(table);
    for (std::size_t i = 0; i < sql.keys.size(); ++i) {
        json += i == 0 ? "{" : ",{";
        append_key(json, key);
        append_json_string(json, sql.keys[i]);
        json += ",\"crud\":\"delete\"}";
    }
    return json + "]}}";
}

HandlerResult append_json(Services& services, Statement& statement, ClientReply& reply, TablePtr table,
                          std::string json) {
    const auto bytes = json.size();
    auto request = JsonRequest::parse_owned(std::move(json));
    if (request.has_error()) co_return std::move(request).error();
    auto shared = std::make_shared<JsonRequest>(std::move(*request));
    RowParser parse = [shared](const TableMeta& meta) { return parse_json_rows(*shared, meta); };
    co_return co_await append_rows(services, statement, reply, std::move(table), bytes, std::move(parse));
}

}  // namespace

HandlerResult insert_rows(Services& services, Statement& statement, ClientReply& reply, InsertStatement sql) {
    auto table = services.catalog.find(sql.table);
    if (table.has_error()) co_return std::move(table).error();
    auto json = insert_json(sql, **table);
    if (json.has_error()) co_return std::move(json).error();
    co_return co_await append_json(services, statement, reply, *table, std::move(*json));
}

HandlerResult delete_rows(Services& services, Statement& statement, ClientReply& reply, DeleteStatement sql) {
    auto table = services.catalog.find(sql.table);
    if (table.has_error()) co_return std::move(table).error();
    auto json = delete_json(sql, **table);
    if (json.has_error()) co_return std::move(json).error();
    co_return co_await append_json(services, statement, reply, *table, std::move(*json));
}

}  // namespace dl::master
