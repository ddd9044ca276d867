#include "slave/log/segment_index.h"

#include <algorithm>

#include "common/base/byte_io.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/limits.h"

namespace dl::slave {
namespace {

constexpr std::uint32_t kMagic = 0x58494c44;  // "DLIX"
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 64;
constexpr std::size_t kCrcFrom = 12;
constexpr std::size_t kEntryBytes = 24;
constexpr std::size_t kBatchIdBytes = 32;

Error corrupt(std::string what) {
    return make_error(ErrorCode::corrupt_data, "segment index: " + std::move(what));
}

}  // namespace

void SegmentIndex::add(const RecordBatchHeader& header) {
    DL_CHECK(header.base_offset == end_offset, "INV-2 offsets are dense");
    DL_CHECK(header.count > 0, "INV-2 a batch has records");
    if (entries.empty() || bytes - entries.back().position >= limits::segment_index_interval_bytes)
        entries.push_back({header.base_offset, bytes, newest_time_us});
    newest_time_us = std::max(newest_time_us, header.append_time_us);
    end_offset = header.end_offset();
    bytes += header.total_bytes();
}

void SegmentIndex::add_batch_id(const RecordBatchHeader& header) {
    if (!header.has_batch_id() || header.producer_sequence != 0) return;
    if (batch_ids.size() >= 2 * limits::indexed_batch_ids_max)
        batch_ids.erase(batch_ids.begin(),
                        batch_ids.end() - static_cast<std::ptrdiff_t>(limits::indexed_batch_ids_max));
    batch_ids.push_back({header.batch_id, header.base_offset, header.end_offset() - 1});
}

const IndexEntry& SegmentIndex::at_or_before(Offset offset) const {
    const auto behind = std::upper_bound(entries.begin(), entries.end(), offset,
                                         [](Offset o, const IndexEntry& entry) { return o < entry.offset; });
    DL_CHECK(behind != entries.begin(), "an offset looked up lies in its segment");
    return *(behind - 1);
}

std::uint64_t SegmentIndex::position_behind(Offset offset) const {
    const auto at = std::lower_bound(entries.begin(), entries.end(), offset,
                                     [](const IndexEntry& entry, Offset o) { return entry.offset < o; });
    return at == entries.end() ? bytes : at->position;
}

const IndexEntry& SegmentIndex::at_or_before_time(std::int64_t time_us) const {
    DL_CHECK(!entries.empty() && time_us <= newest_time_us, "a time looked up lies in its segment");
    // time_before_us never falls, so the batch looked for lies before the first entry that already has the
    // time.
    const auto behind = std::partition_point(entries.begin(), entries.end(), [&](const IndexEntry& entry) {
        return entry.time_before_us < time_us;
    });
    return behind == entries.begin() ? entries.front() : *(behind - 1);
}

std::string SegmentIndex::encode() const {
    DL_CHECK(!entries.empty() && entries.front().offset == first_offset && end_offset > first_offset,
             "INV-2 a closed segment holds batches from its first offset on");
    const auto ids_kept = std::min(batch_ids.size(), limits::indexed_batch_ids_max);
    std::string out;
    out.reserve(kHeaderBytes + entries.size() * kEntryBytes + ids_kept * kBatchIdBytes);
    append_le(out, kMagic);
    append_le(out, kVersion);
    append_le(out, std::uint16_t{0});
    append_le(out, std::uint32_t{0});  // CRC, below
    append_le(out, partition.value);
    append_le(out, table.value);
    append_le(out, first_offset);
    append_le(out, end_offset);
    append_le(out, bytes);
    append_le(out, static_cast<std::uint32_t>(entries.size()));
    append_le(out, static_cast<std::uint32_t>(ids_kept));
    append_le(out, newest_time_us);
    for (const auto& entry : entries) {
        append_le(out, entry.offset);
        append_le(out, entry.position);
        append_le(out, entry.time_before_us);
    }
    for (std::size_t i = batch_ids.size() - ids_kept; i < batch_ids.size(); ++i) {
        append_le(out, batch_ids[i].id.high);
        append_le(out, batch_ids[i].id.low);
        append_le(out, batch_ids[i].first);
        append_le(out, batch_ids[i].last);
    }
    store_le(out.data() + 8, crc32c(0, out.data() + kCrcFrom, out.size() - kCrcFrom));
    return out;
}

Result<SegmentIndex> SegmentIndex::decode(std::string_view bytes) {
    ByteReader in(bytes);
    if (bytes.size() < kHeaderBytes) return corrupt(std::to_string(bytes.size()) + " bytes are no index");
    if (in.read<std::uint32_t>() != kMagic) return corrupt("magic is not DLIX");
    if (const auto version = in.read<std::uint16_t>(); version != kVersion)
        return corrupt("format version " + std::to_string(version) + " is unknown (known: 1)");
    if (in.read<std::uint16_t>() != 0) return corrupt("unknown flags");
    if (in.read<std::uint32_t>() != crc32c(0, bytes.data() + kCrcFrom, bytes.size() - kCrcFrom))
        return corrupt("CRC does not fit");
    SegmentIndex index;
    index.partition = PartitionId{in.read<std::uint32_t>()};
    index.table = TableId{in.read<std::uint64_t>()};
    index.first_offset = in.read<Offset>();
    index.end_offset = in.read<Offset>();
    index.bytes = in.read<std::uint64_t>();
    const auto entry_count = in.read<std::uint32_t>();
    const auto id_count = in.read<std::uint32_t>();
    index.newest_time_us = in.read<std::int64_t>();
    if (in.remaining() != std::uint64_t{entry_count} * kEntryBytes + std::uint64_t{id_count} * kBatchIdBytes)
        return corrupt("size does not fit its counts");
    if (entry_count == 0 || index.end_offset <= index.first_offset) return corrupt("no batch in it");
    index.entries.resize(entry_count);
    for (auto& entry : index.entries) {
        entry.offset = in.read<Offset>();
        entry.position = in.read<std::uint64_t>();
        entry.time_before_us = in.read<std::int64_t>();
    }
    index.batch_ids.resize(id_count);
    for (auto& id : index.batch_ids) {
        id.id.high = in.read<std::uint64_t>();
        id.id.low = in.read<std::uint64_t>();
        id.first = in.read<Offset>();
        id.last = in.read<Offset>();
    }
    // The CRC says these are our own bytes; this guards against a writer's defect sending readers astray.
    if (index.entries.front().offset != index.first_offset || index.entries.front().position != 0)
        return corrupt("does not begin with the first batch");
    for (std::size_t i = 1; i < index.entries.size(); ++i)
        if (index.entries[i].offset <= index.entries[i - 1].offset ||
            index.entries[i].position <= index.entries[i - 1].position)
            return corrupt("entries do not ascend");
    if (index.entries.back().offset >= index.end_offset || index.entries.back().position >= index.bytes)
        return corrupt("entries reach beyond the segment");
    return index;
}

}  // namespace dl::slave
