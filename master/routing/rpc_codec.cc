#include "master/routing/rpc_codec.h"

#include <nlohmann/json.hpp>

#include "common/base/byte_io.h"
#include "common/types/value_text.h"

namespace dl::master {
namespace {

using nlohmann::json;

std::string number_list(const std::vector<std::uint32_t>& numbers) {
    std::string text = "[";
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        if (i != 0) text += ',';
        text += std::to_string(numbers[i]);
    }
    return text + ']';
}

std::string partition_offsets(const OffsetMap& offsets) {
    std::string text = "[";
    for (const auto& [partition, offset] : offsets) {
        if (text.size() > 1) text += ',';
        text += "{\"partition\":" + std::to_string(partition) + ",\"offset\":" + std::to_string(offset) + '}';
    }
    return text + ']';
}

std::string table_id_prefix(TableId table) {
    return "{\"table_id\":" + std::to_string(table.value);
}

Result<std::uint32_t> partition_key(const std::string& key) {
    if (key.empty() || key.size() > 9 || key.find_first_not_of("0123456789") != std::string::npos)
        return make_error(ErrorCode::internal, "'" + key + "' is not a partition");
    return static_cast<std::uint32_t>(std::stoul(key));
}

Result<OffsetMap> offset_map(const json& object) {
    OffsetMap offsets;
    for (const auto& [key, value] : object.items()) {
        DL_TRY_ASSIGN(const auto partition, partition_key(key));
        offsets[partition] = value.get<Offset>();
    }
    return offsets;
}

std::string offsets_member(std::string_view name, const OffsetMap& offsets) {
    std::string text = ",\"" + std::string(name) + "\":{";
    bool first = true;
    for (const auto& [partition, offset] : offsets) {
        if (!first) text += ',';
        first = false;
        text += '"' + std::to_string(partition) + "\":" + std::to_string(offset);
    }
    return text + '}';
}

// `,"epochs":{...}` by partition; "" without any.
std::string epochs_member(const LeaderEpochs& epochs) {
    if (epochs.empty()) return {};
    std::string text = ",\"epochs\":{";
    for (const auto& [partition, epoch] : epochs)
        text += (text.back() == '{' ? "\"" : ",\"") + std::to_string(partition.value) +
                "\":" + std::to_string(epoch.value);
    return text + '}';
}

// `"tables":[...]`, what is to be pinned.
std::string pin_tables(const std::vector<PinTable>& tables) {
    std::string text = "\"tables\":[";
    for (std::size_t i = 0; i < tables.size(); ++i) {
        const auto& table = tables[i];
        if (i != 0) text += ',';
        text += table_id_prefix(table.id) + ",\"schema_id\":" + std::to_string(table.schema.value) +
                ",\"partitions\":" + number_list(table.partitions) +
                offsets_member("min_offsets", table.min_offsets);
        if (!table.as_of.empty()) text += offsets_member("as_of", table.as_of);
        if (!table.keys.empty()) {
            text += ",\"keys\":";
            for (std::size_t k = 0; k < table.keys.size(); ++k) {
                text += k == 0 ? '[' : ',';
                append_json_string(text, table.keys[k]);
            }
            text += ']';
        }
        text += '}';
    }
    return text + ']';
}

std::string statement_members(std::string_view sql, const std::map<std::string, TableId>& names,
                              std::int64_t timeout_ms) {
    std::string text = ",\"sql\":";
    append_json_string(text, sql);
    text += ",\"names\":{";
    bool first = true;
    for (const auto& [name, id] : names) {
        if (!first) text += ',';
        first = false;
        append_json_string(text, name);
        text += ':' + std::to_string(id.value);
    }
    return text + "},\"timeout_ms\":" + std::to_string(timeout_ms);
}

// `,"broadcasts":[...]`; "" without any.
std::string broadcasts_member(const std::vector<std::shared_ptr<const BroadcastTable>>& tables) {
    if (tables.empty()) return {};
    std::string text = ",\"broadcasts\":";
    for (std::size_t t = 0; t < tables.size(); ++t) {
        const auto& table = *tables[t];
        text += t == 0 ? "[{\"name\":" : ",{\"name\":";
        append_json_string(text, table.name);
        text += ",\"columns\":[";
        for (std::size_t c = 0; c < table.columns.size(); ++c) {
            text += c == 0 ? "{\"name\":" : ",{\"name\":";
            append_json_string(text, table.columns[c].name);
            text += ",\"type\":";
            append_json_string(text, type_name(table.columns[c].type));
            text += '}';
        }
        text += "],\"batches\":[";
        for (std::size_t b = 0; b < table.batches.size(); ++b) {
            const auto& batch = table.batches[b];
            text += std::string(b == 0 ? "" : ",") + "{\"rows\":" + std::to_string(batch.rows()) +
                    ",\"bytes\":" + std::to_string(batch.body().size()) + '}';
        }
        text += "]}";
    }
    return text + ']';
}

Result<void> read_cut(const json& reply, PinReply& decoded) {
    for (const auto& [key, offsets] : reply.at("offsets").items()) {
        DL_TRY_ASSIGN(decoded.offsets[TableId{std::stoull(key)}], offset_map(offsets));
    }
    if (const auto behind = reply.find("behind"); behind != reply.end())
        for (const auto& [key, records] : behind->items())
            decoded.behind[TableId{std::stoull(key)}] = records.get<std::uint64_t>();
    if (const auto rows = reply.find("rows"); rows != reply.end())
        for (const auto& [key, live] : rows->items())
            decoded.rows[TableId{std::stoull(key)}] = live.get<std::uint64_t>();
    return {};
}

// The member "columns".
Result<std::vector<NamedType>> named_types(const json& reply) {
    std::vector<NamedType> columns;
    for (const auto& column : reply.at("columns")) {
        NamedType named;
        named.name = column.at("name").get<std::string>();
        const auto type = column.at("type").get<std::string>();
        if (type == "json") {
            named.type = DataType{TypeKind::json};
        } else {
            DL_TRY_ASSIGN(named.type, parse_type(type));
        }
        columns.push_back(std::move(named));
    }
    return columns;
}

// Runs `read` on the parsed reply; whatever nlohmann throws means that the reply has the wrong shape.
template <class Fn>
auto decode(std::string_view what, std::string_view text, Fn read) -> decltype(read(json())) {
    const auto wrong = [&](const std::string& why) {
        return make_error(ErrorCode::internal, "the slave's reply to " + std::string(what) +
                                                   " is not understood: " + why +
                                                   "; do the versions differ?");
    };
    try {
        auto parsed = json::parse(text.begin(), text.end(), nullptr, false);
        if (parsed.is_discarded()) return wrong("not JSON");
        auto result = read(parsed);
        if (result.has_error()) return wrong(result.error().message);
        return result;
    } catch (const std::exception& e) {
        return wrong(e.what());
    }
}

}  // namespace

std::string encode_register_node(NodeId node) {
    return "{\"node_id\":" + std::to_string(node.value) + '}';
}

std::string encode_create_table(const TableMeta& table, const LeaderEpochs& epochs) {
    std::vector<std::uint32_t> partitions;
    for (const auto& entry : epochs)
        partitions.push_back(entry.first.value);
    return "{\"table\":" + table_meta_to_json(table) + ",\"partitions\":" + number_list(partitions) +
           epochs_member(epochs) + '}';
}

std::string encode_update_table(const TableMeta& table, const LeaderEpochs& epochs) {
    return "{\"table\":" + table_meta_to_json(table) + epochs_member(epochs) + '}';
}

std::string encode_check(TableId table, const std::vector<std::uint32_t>& partitions, bool repair,
                         std::int64_t timeout_ms) {
    return table_id_prefix(table) + ",\"partitions\":" + number_list(partitions) +
           ",\"repair\":" + (repair ? "1" : "0") + ",\"timeout_ms\":" + std::to_string(timeout_ms) + '}';
}

Result<CompressProgress> decode_compress_progress(std::string_view text) {
    return decode("compress", text, [](const json& found) -> Result<CompressProgress> {
        return CompressProgress{found.at("rows_done").get<std::uint64_t>(),
                                found.at("rows_total").get<std::uint64_t>(),
                                found.at("bytes").get<std::uint64_t>()};
    });
}

Result<std::string> check_row(std::string_view slave_json, const std::string& node) {
    return decode("check", slave_json, [&](const json& found) -> Result<std::string> {
        std::string row = "{\"partition\":" + std::to_string(found.at("partition").get<std::uint32_t>());
        row += ",\"slave\":";
        append_json_string(row, node);
        for (const char* key : {"live_rows", "records", "bytes"})
            row += ",\"" + std::string(key) + "\":" + std::to_string(found.at(key).get<std::uint64_t>());
        row += ",\"hash\":";
        append_json_string(row, found.at("hash").get<std::string>());
        row += ",\"problems\":[";
        bool first = true;
        for (const auto& problem : found.at("problems")) {
            if (!first) row += ',';
            first = false;
            append_json_string(row, problem.get<std::string>());
        }
        return row + "]}";
    });
}

std::string encode_drop_table(TableId table) {
    return table_id_prefix(table) + '}';
}

std::string encode_append(const TableMeta& table, const std::optional<std::string>& batch_id,
                          const std::vector<const PartitionBody*>& bodies) {
    std::string text = table_id_prefix(table.id) + ",\"schema_id\":" + std::to_string(table.schema.id.value);
    if (batch_id) {
        text += ",\"batch_id\":";
        append_json_string(text, *batch_id);
    }
    text += ",\"partitions\":[";
    for (std::size_t i = 0; i < bodies.size(); ++i) {
        const auto& body = *bodies[i];
        if (i != 0) text += ',';
        text += "{\"partition\":" + std::to_string(body.partition.value) +
                ",\"count\":" + std::to_string(body.rows) + ",\"bytes\":" + std::to_string(body.body.size()) +
                ",\"crc\":" + std::to_string(body.crc) + '}';
    }
    return text + "]}";
}

std::string encode_read(TableId table, SchemaId schema, const OffsetMap& from, std::uint64_t read_count,
                        std::string_view format, std::size_t bytes_max) {
    return table_id_prefix(table) + ",\"schema_id\":" + std::to_string(schema.value) +
           ",\"partitions\":" + partition_offsets(from) + ",\"read_count\":" + std::to_string(read_count) +
           ",\"format\":\"" + std::string(format) + "\",\"bytes_max\":" + std::to_string(bytes_max) + '}';
}

std::string encode_wait(TableId table, const OffsetMap& from, std::uint64_t min_rows, std::int64_t wait_ms) {
    return table_id_prefix(table) + ",\"partitions\":" + partition_offsets(from) +
           ",\"min_rows\":" + std::to_string(min_rows) + ",\"wait_ms\":" + std::to_string(wait_ms) + '}';
}

std::string encode_partitions(TableId table, const std::vector<std::uint32_t>& partitions) {
    return table_id_prefix(table) + ",\"partitions\":" + number_list(partitions) + '}';
}

std::string encode_pin(const std::vector<PinTable>& tables, std::int64_t lease_ms) {
    return "{" + pin_tables(tables) + ",\"lease_ms\":" + std::to_string(lease_ms) + '}';
}

std::string encode_unpin(std::uint64_t view) {
    return "{\"view\":" + std::to_string(view) + '}';
}

std::string encode_query(std::uint64_t view, std::string_view sql,
                         const std::map<std::string, TableId>& names,
                         const std::vector<std::shared_ptr<const BroadcastTable>>& broadcasts,
                         std::int64_t timeout_ms) {
    return "{\"view\":" + std::to_string(view) + statement_members(sql, names, timeout_ms) +
           broadcasts_member(broadcasts) + '}';
}

std::string encode_pinned_query(const std::vector<PinTable>& tables, std::string_view sql,
                                const std::map<std::string, TableId>& names, std::int64_t timeout_ms) {
    return "{" + pin_tables(tables) + statement_members(sql, names, timeout_ms) + '}';
}

Result<AppendReply> decode_append_reply(std::string_view text) {
    return decode("append", text, [](const json& reply) -> Result<AppendReply> {
        AppendReply decoded;
        for (const auto& [key, range] : reply.at("offsets").items()) {
            DL_TRY_ASSIGN(const auto partition, partition_key(key));
            decoded.offsets[partition] = {range.at(0).get<Offset>(), range.at(1).get<Offset>()};
        }
        decoded.duplicate = reply.value("duplicate", false);
        return decoded;
    });
}

Result<OffsetMap> decode_read_reply(std::string_view text) {
    return decode("read", text,
                  [](const json& reply) -> Result<OffsetMap> { return offset_map(reply.at("next")); });
}

Result<std::uint64_t> decode_wait_reply(std::string_view text) {
    return decode("wait", text, [](const json& reply) -> Result<std::uint64_t> {
        return reply.at("available").get<std::uint64_t>();
    });
}

Result<OffsetsReply> decode_offsets_reply(std::string_view text) {
    return decode("offsets", text, [](const json& reply) -> Result<OffsetsReply> {
        OffsetsReply decoded;
        DL_TRY_ASSIGN(decoded.first, offset_map(reply.at("first")));
        DL_TRY_ASSIGN(decoded.end, offset_map(reply.at("end")));
        return decoded;
    });
}

Result<PinReply> decode_pin_reply(std::string_view text) {
    return decode("pin", text, [](const json& reply) -> Result<PinReply> {
        PinReply decoded;
        decoded.view = reply.at("view").get<std::uint64_t>();
        DL_TRY(read_cut(reply, decoded));
        return decoded;
    });
}

Result<std::vector<NamedType>> decode_query_columns(std::string_view text) {
    return decode("query", text,
                  [](const json& reply) -> Result<std::vector<NamedType>> { return named_types(reply); });
}

Result<QueryHead> decode_query_head(std::string_view text) {
    return decode("query", text, [](const json& reply) -> Result<QueryHead> {
        QueryHead head;
        DL_TRY_ASSIGN(head.columns, named_types(reply));
        DL_TRY(read_cut(reply, head.cut));
        return head;
    });
}

Result<ColumnBatch> decode_query_rows(const SharedBytes& frame, const std::string& node) {
    constexpr std::size_t kCountBytes = sizeof(std::uint32_t);
    if (frame.size() < kCountBytes)
        return make_error(ErrorCode::internal, "slave " + node + " sent a frame without a row count");
    const auto rows = load_le<std::uint32_t>(frame.data());
    auto batch = ColumnBatch::decode(frame.slice(kCountBytes, frame.size() - kCountBytes), rows);
    if (batch.has_error()) return std::move(batch).error().in("rows of slave " + node);
    return batch;
}

Result<PingReply> decode_ping_reply(std::string_view text) {
    return decode("ping", text, [](const json& reply) -> Result<PingReply> {
        PingReply decoded;
        decoded.node = reply.value("node", "");
        decoded.version = reply.value("version", "");
        decoded.node_id = NodeId{reply.value("node_id", std::uint32_t{0})};
        if (const auto found = reply.find("incarnation"); found != reply.end())
            decoded.incarnation = found->is_string() ? found->get<std::string>() : found->dump();
        return decoded;
    });
}

}  // namespace dl::master
