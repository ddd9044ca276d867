#include "common/rpc/messages/query_messages.h"

#include <algorithm>
#include <set>

#include "common/base/ascii.h"
#include "common/base/byte_io.h"

namespace dl::rpc {
namespace {

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

Result<std::vector<BroadcastTable::Column>> read_columns(const std::vector<NamedType>& named) {
    if (named.empty())
        return wrong("must name 1 to " + std::to_string(limits::columns_max) + " columns a table");
    std::vector<BroadcastTable::Column> columns;
    std::set<std::string> seen;
    for (const auto& [name, type] : named) {
        if (name.empty() || name.size() > limits::name_bytes_max || name.find('\0') != std::string::npos)
            return wrong("has a column name of no or too many bytes");
        if (!seen.insert(ascii_lowercase(name)).second) return wrong("names a column twice");
        if (type.kind == TypeKind::json) return wrong("has a column of a type that no column has");
        columns.push_back({name, type});
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

Result<ColumnBatch> take_batch(const BroadcastHeader::Batch& header, const BroadcastTable& table,
                               Budget& left, Rest& rest) {
    if (header.rows > left.rows || header.bytes > left.bytes)
        return make_error(ErrorCode::limit_exceeded,
                          "query: the broadcast table " + table.name + " has more than " +
                              std::to_string(limits::broadcast_rows_max) + " rows or " +
                              std::to_string(limits::broadcast_bytes_max) + " bytes");
    const auto length = static_cast<std::size_t>(header.bytes);
    left.rows -= static_cast<std::size_t>(header.rows);
    left.bytes -= length;
    if (length > rest.bytes.size() - rest.begin)
        return wrong("reaches beyond the " + std::to_string(rest.bytes.size()) + " bytes sent");
    const auto body = rest.bytes.slice(rest.begin, length);
    rest.begin += length;
    auto batch = ColumnBatch::decode(body, static_cast<std::uint32_t>(header.rows), true);
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

Result<BroadcastTable> read_table(const BroadcastHeader& header, Rest& rest) {
    BroadcastTable table;
    table.name = header.name;
    if (!is_broadcast_name(table.name))
        return wrong("must be named " + std::string(limits::broadcast_name_prefix) + "1 and so on");
    DL_TRY_ASSIGN(table.columns, read_columns(header.columns));
    Budget left;
    for (const auto& each : header.batches) {
        DL_TRY_ASSIGN(auto batch, take_batch(each, table, left, rest));
        table.batches.push_back(std::move(batch));
    }
    return table;
}

}  // namespace

BroadcastHeader broadcast_header(const BroadcastTable& table) {
    BroadcastHeader header;
    header.name = table.name;
    for (const auto& column : table.columns)
        header.columns.push_back({column.name, column.type});
    for (const auto& batch : table.batches)
        header.batches.push_back({batch.rows(), batch.body().size()});
    return header;
}

Result<std::vector<BroadcastTable>> read_broadcasts(const std::vector<BroadcastHeader>& headers,
                                                    const std::vector<NamedTable>& names,
                                                    const SharedBytes& attachment) {
    std::vector<BroadcastTable> tables;
    Rest rest{attachment};
    for (const auto& header : headers) {
        DL_TRY_ASSIGN(auto table, read_table(header, rest));
        const auto same = [&](const auto& other) { return other.name == table.name; };
        if (std::any_of(names.begin(), names.end(), same) || std::any_of(tables.begin(), tables.end(), same))
            return wrong("gives a name that another table has");
        tables.push_back(std::move(table));
    }
    if (rest.begin != attachment.size())
        return make_error(ErrorCode::invalid_request,
                          "query: " + std::to_string(attachment.size() - rest.begin) +
                              " bytes more than the broadcast tables name");
    return tables;
}

std::vector<SharedBytes> rows_frame(const ColumnBatch& batch) {
    char count[sizeof(std::uint32_t)];
    store_le(count, batch.rows());
    return {SharedBytes::copy_of(count, sizeof count), batch.body()};
}

Result<ColumnBatch> decode_rows_frame(const SharedBytes& frame, const std::string& node) {
    constexpr std::size_t kCountBytes = sizeof(std::uint32_t);
    if (frame.size() < kCountBytes)
        return make_error(ErrorCode::internal, "slave " + node + " sent a frame without a row count");
    const auto rows = load_le<std::uint32_t>(frame.data());
    auto batch = ColumnBatch::decode(frame.slice(kCountBytes, frame.size() - kCountBytes), rows);
    if (batch.has_error()) return std::move(batch).error().in("rows of slave " + node);
    return batch;
}

}  // namespace dl::rpc
