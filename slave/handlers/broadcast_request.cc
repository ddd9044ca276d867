#include "slave/handlers/broadcast_request.h"

#include <algorithm>
#include <set>

#include "common/base/ascii.h"
#include "common/base/limits.h"

namespace dl::slave {
namespace {

constexpr std::int64_t kAnyNumber = std::int64_t{1} << 62;

Error wrong(const std::string& what) {
    return make_error(ErrorCode::invalid_request, "query: 'broadcasts' " + what);
}

// Nothing that a table of ours, or a part of a statement, could be called.
bool is_broadcast_name(std::string_view name) {
    constexpr std::string_view prefix = limits::broadcast_name_prefix;
    if (!name.starts_with(prefix)) return false;
    const auto number = name.substr(prefix.size());
    return !number.empty() && number.size() <= 9 &&
           number.find_first_not_of("0123456789") == std::string_view::npos;
}

Result<std::vector<BroadcastTable::Column>> parse_columns(const RequestJson& table) {
    DL_TRY_ASSIGN(const auto items, table.objects("columns"));
    if (items.empty() || items.size() > limits::columns_max)
        return wrong("must name 1 to " + std::to_string(limits::columns_max) + " columns a table");
    std::vector<BroadcastTable::Column> columns;
    std::set<std::string> seen;
    for (const auto& item : items) {
        BroadcastTable::Column column;
        DL_TRY_ASSIGN(column.name, item.text("name"));
        DL_TRY_ASSIGN(const auto type, item.text("type"));
        if (column.name.empty() || column.name.size() > limits::name_bytes_max ||
            column.name.find('\0') != std::string::npos)
            return wrong("has a column name of no or too many bytes");
        if (!seen.insert(ascii_lowercase(column.name)).second) return wrong("names a column twice");
        auto parsed = parse_type(type);
        if (parsed.has_error()) return wrong("has a column of an unknown type");
        column.type = *parsed;
        columns.push_back(std::move(column));
    }
    return columns;
}

// The bytes of the attachment that no batch has taken yet.
struct Rest {
    const SharedBytes& bytes;
    std::size_t begin = 0;
};

// What a table may still have.
struct Budget {
    std::size_t rows = limits::broadcast_rows_max;
    std::size_t bytes = limits::broadcast_bytes_max;
};

Result<ColumnBatch> take_batch(const RequestJson& item, const BroadcastTable& table, Budget& left,
                               Rest& rest) {
    DL_TRY_ASSIGN(const auto rows, item.integer("rows", 1, kAnyNumber));
    DL_TRY_ASSIGN(const auto bytes, item.integer("bytes", 1, kAnyNumber));
    const auto count = static_cast<std::size_t>(rows), length = static_cast<std::size_t>(bytes);
    if (count > left.rows || length > left.bytes)
        return make_error(ErrorCode::limit_exceeded,
                          "query: the broadcast table " + table.name + " has more than " +
                              std::to_string(limits::broadcast_rows_max) + " rows or " +
                              std::to_string(limits::broadcast_bytes_max) + " bytes");
    left.rows -= count;
    left.bytes -= length;
    if (length > rest.bytes.size() - rest.begin)
        return wrong("reaches beyond the " + std::to_string(rest.bytes.size()) + " bytes sent");
    const auto body = rest.bytes.slice(rest.begin, length);
    rest.begin += length;
    auto batch = ColumnBatch::decode(body, static_cast<std::uint32_t>(count), true);
    if (batch.has_error())
        return make_error(ErrorCode::corrupt_data, "query: a batch of the broadcast table " + table.name +
                                                       " is malformed: " + batch.error().message);
    const auto columns = batch->columns();
    const bool fits = !batch->has_deletes() &&
                      std::equal(columns.begin(), columns.end(), table.columns.begin(), table.columns.end(),
                                 [](const auto& a, const auto& b) { return a.type == b.type; });
    if (!fits)
        return make_error(ErrorCode::corrupt_data,
                          "query: a batch of the broadcast table " + table.name + " has other columns");
    return batch;
}

Result<BroadcastTable> parse_table(const RequestJson& item, Rest& rest) {
    BroadcastTable table;
    DL_TRY_ASSIGN(table.name, item.text("name"));
    if (!is_broadcast_name(table.name))
        return wrong("must be named " + std::string(limits::broadcast_name_prefix) + "1 and so on");
    DL_TRY_ASSIGN(table.columns, parse_columns(item));
    DL_TRY_ASSIGN(const auto batches, item.objects("batches"));
    Budget left;
    for (const auto& each : batches) {
        DL_TRY_ASSIGN(auto batch, take_batch(each, table, left, rest));
        table.batches.push_back(std::move(batch));
    }
    return table;
}

}  // namespace

Result<std::vector<BroadcastTable>> parse_broadcasts(const RequestJson& request,
                                                     const std::map<std::string, TableId>& names,
                                                     const SharedBytes& attachment) {
    std::vector<BroadcastTable> tables;
    Rest rest{attachment};
    if (request.has("broadcasts")) {
        DL_TRY_ASSIGN(const auto items, request.objects("broadcasts"));
        if (items.size() > limits::broadcast_tables_max)
            return make_error(
                ErrorCode::limit_exceeded,
                "query: more than " + std::to_string(limits::broadcast_tables_max) + " broadcast tables");
        for (const auto& item : items) {
            DL_TRY_ASSIGN(auto table, parse_table(item, rest));
            const auto same = [&](const BroadcastTable& other) { return other.name == table.name; };
            if (names.contains(table.name) || std::any_of(tables.begin(), tables.end(), same))
                return wrong("gives a name that another table has");
            tables.push_back(std::move(table));
        }
    }
    if (rest.begin != attachment.size())
        return make_error(ErrorCode::invalid_request,
                          "query: " + std::to_string(attachment.size() - rest.begin) +
                              " bytes more than the broadcast tables name");
    return tables;
}

}  // namespace dl::slave
