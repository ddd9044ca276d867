#include "master/catalog/catalog_codec.h"

#include <charconv>

#include "common/base/byte_io.h"
#include "common/meta/table_meta.h"

namespace dl::master {
namespace {

// "[1,2]"
std::string encode_nodes(const std::vector<NodeId>& nodes) {
    std::string text = "[";
    for (const auto node : nodes)
        text += (text.size() == 1 ? "" : ",") + std::to_string(node.value);
    return text + ']';
}

Result<std::vector<NodeId>> decode_nodes(std::string_view text) {
    const auto damaged = [&] {
        return make_error(ErrorCode::corrupt_data,
                          "catalog: \"" + std::string(text.substr(0, 64)) + "\" is not a list of nodes");
    };
    std::vector<NodeId> nodes;
    if (text.size() < 2 || text.front() != '[' || text.back() != ']') return damaged();
    const char* at = text.data() + 1;
    const char* end = text.data() + text.size() - 1;
    while (at < end) {
        NodeId node;
        const auto parsed = std::from_chars(at, end, node.value);
        if (parsed.ec != std::errc{} || (parsed.ptr != end && *parsed.ptr != ',')) return damaged();
        nodes.push_back(node);
        at = parsed.ptr + (parsed.ptr == end ? 0 : 1);
    }
    return nodes;
}

}  // namespace

std::string encode_catalog_slot_map(const std::vector<std::uint16_t>& slots) {
    std::string bytes;
    bytes.reserve(slots.size() * 2);
    for (const auto slot : slots)
        append_le(bytes, slot);
    return bytes;
}

Result<std::vector<std::uint16_t>> decode_catalog_slot_map(const std::string& bytes,
                                                           std::uint32_t partition_count) {
    std::vector<std::uint16_t> slots;
    ByteReader reader{std::string_view(bytes)};
    if (bytes.size() != kSlotCount * 2)
        return make_error(ErrorCode::corrupt_data,
                          "catalog: slot map of " + std::to_string(bytes.size()) + " bytes");
    for (std::uint32_t i = 0; i < kSlotCount; ++i) {
        slots.push_back(reader.read<std::uint16_t>());
        if (slots.back() >= partition_count)
            return make_error(ErrorCode::corrupt_data,
                              "catalog: slot " + std::to_string(i) + " names partition " +
                                  std::to_string(slots.back()) + " of " + std::to_string(partition_count));
    }
    return slots;
}

Result<TableHistory> decode_catalog_history(const std::string& table, std::int64_t hours,
                                            std::int64_t bytes) {
    if (hours < 0 || hours > TableHistory::kHoursMax || bytes < 0 ||
        static_cast<std::uint64_t>(bytes) > TableHistory::kBytesMax)
        return make_error(ErrorCode::corrupt_data, "catalog: the history of table " + table + " is of " +
                                                       std::to_string(hours) + " hours and " +
                                                       std::to_string(bytes) + " bytes");
    return TableHistory{static_cast<std::uint32_t>(hours), static_cast<std::uint64_t>(bytes)};
}

Result<PartitionPlacement> decode_catalog_placement(const SqliteStatement& row, int first) {
    PartitionPlacement placement;
    placement.version = static_cast<std::uint32_t>(row.integer(first));
    placement.leader = NodeId{static_cast<std::uint32_t>(row.integer(first + 1))};
    placement.leader_epoch = LeaderEpoch{static_cast<std::uint32_t>(row.integer(first + 2))};
    placement.last_leader = NodeId{static_cast<std::uint32_t>(row.integer(first + 3))};
    DL_TRY_ASSIGN(placement.in_sync, decode_nodes(row.text(first + 4)));
    DL_TRY_ASSIGN(placement.eligible, decode_nodes(row.text(first + 5)));
    DL_TRY_ASSIGN(placement.replicas, decode_nodes(row.text(first + 6)));
    DL_TRY_ASSIGN(placement.adding, decode_nodes(row.text(first + 7)));
    DL_TRY_ASSIGN(placement.removing, decode_nodes(row.text(first + 8)));
    placement.min_in_sync = static_cast<std::uint32_t>(row.integer(first + 9));
    if (auto valid = check_placement(placement); valid.has_error())
        return make_error(ErrorCode::corrupt_data, "catalog: " + valid.error().message);
    return placement;
}

void bind_catalog_placement(SqliteStatement& statement, int first, const PartitionPlacement& placement) {
    statement.bind(first, std::int64_t{placement.version})
        .bind(first + 1, std::int64_t{placement.leader.value})
        .bind(first + 2, std::int64_t{placement.leader_epoch.value})
        .bind(first + 3, std::int64_t{placement.last_leader.value})
        .bind(first + 4, encode_nodes(placement.in_sync))
        .bind(first + 5, encode_nodes(placement.eligible))
        .bind(first + 6, encode_nodes(placement.replicas))
        .bind(first + 7, encode_nodes(placement.adding))
        .bind(first + 8, encode_nodes(placement.removing))
        .bind(first + 9, std::int64_t{placement.min_in_sync});
}

}  // namespace dl::master
