#include "slave/compaction/history_policy.h"

#include <algorithm>
#include <vector>

#include "slave/compaction/compaction_policy.h"

namespace dl::slave {
namespace {

constexpr std::int64_t kMicrosecondsPerHour = 3'600'000'000;

}  // namespace

HistoryLimits history_limits(const TableMeta& table, std::uint32_t retained_closed_logs) {
    HistoryLimits limits;
    limits.age_us_max = std::int64_t{table.history.hours} * kMicrosecondsPerHour;
    if (table.history.bytes > 0)
        limits.bytes_max = std::max<std::uint64_t>(
            1, table.history.bytes / std::max<std::uint32_t>(1, table.partition_count));
    limits.closed_min = retained_closed_logs;
    return limits;
}

Offset history_start(std::span<const SegmentInfo> segments, const HistoryLimits& limits, std::int64_t now_us,
                     Offset aged_end) {
    if (segments.empty()) return 0;
    std::uint64_t bytes = 0;
    for (const auto& segment : segments)
        bytes += segment.bytes;
    const auto stays = [&](const SegmentInfo& segment) {
        return segment.end_offset > aged_end && segment.newest_time_us > now_us - limits.age_us_max &&
               (limits.bytes_max == 0 || bytes <= limits.bytes_max);
    };
    std::size_t oldest = 0;
    while (oldest + limits.closed_min + 1 < segments.size() && !stays(segments[oldest]))
        bytes -= segments[oldest++].bytes;
    return segments[oldest].first_offset;
}

std::optional<PackRange> decide_pack(std::span<const SegmentInfo> segments, const HistoryLimits& limits,
                                     Offset below) {
    if (limits.age_us_max == 0) return std::nullopt;  // they go with the next compaction
    std::size_t count = segments.size() - std::min<std::size_t>(segments.size(), limits.closed_min + 1);
    while (count > 0 && (!segments[count - 1].closed || segments[count - 1].end_offset > below))
        --count;
    segments = segments.first(count);
    CompactionPolicy policy;
    policy.join_files = kPackedNeighbours;
    std::vector<PolicyFile> files;
    for (const auto& segment : segments) {
        if (!segment.packed && segment.plain_bytes >= kPackedAloneBytesMin)
            return PackRange{segment.first_offset, segment.end_offset, segment.plain_bytes};
        PolicyFile file;
        file.plain_bytes = segment.plain_bytes;
        files.push_back(file);
    }
    const auto join = decide_join(files, policy);
    if (!join || join->end - join->begin < 2) return std::nullopt;
    const auto& oldest = segments[join->begin];
    const auto& newest = segments[join->end - 1];
    if (newest.newest_time_us - oldest.newest_time_us > limits.age_us_max / 8) return std::nullopt;
    PackRange range{oldest.first_offset, newest.end_offset, 0};
    for (auto at = join->begin; at < join->end; ++at)
        range.plain_bytes += segments[at].plain_bytes;
    return range;
}

}  // namespace dl::slave
