#include "slave/compaction/compaction_planner.h"

#include <algorithm>

#include "common/base/check.h"

namespace dl::slave {

Offset log_start_after_compaction(std::span<const SegmentInfo> segments, std::uint32_t retained_closed_logs) {
    if (segments.empty()) return 0;
    const std::size_t retained = std::size_t{retained_closed_logs} + 1;
    const std::size_t oldest = segments.size() > retained ? segments.size() - retained : 0;
    return segments[oldest].first_offset;
}

bool needs_compaction(std::span<const PolicyFile> files, std::uint32_t dead_percent) {
    std::uint64_t rows = 0, dead = 0;
    for (const auto& file : files) {
        if (!file.compacted) return true;
        rows += file.rows;
        dead += file.dead;
    }
    return dead > 0 && dead * 100 >= rows * dead_percent;
}

std::vector<OutputGroup> group_outputs(std::span<const InputSize> inputs, std::uint64_t rows_target,
                                       std::uint64_t bytes_target) {
    std::vector<OutputGroup> groups;
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const auto& input = inputs[i];
        DL_CHECK(input.kept <= input.rows, "INV-5 a file keeps no more rows than it has");
        const auto kept_bytes = static_cast<std::uint64_t>(
            static_cast<double>(input.parquet_bytes) * static_cast<double>(input.kept) /
            static_cast<double>(std::max<std::uint64_t>(input.rows, 1)));
        if (groups.empty() || groups.back().rows + input.kept > rows_target ||
            bytes + kept_bytes > bytes_target) {
            groups.push_back({i, i, 0, false});
            bytes = 0;
        }
        groups.back().end = i + 1;
        groups.back().rows += input.kept;
        bytes += kept_bytes;
    }
    for (auto& group : groups)
        group.carried_over = group.end - group.begin == 1 && inputs[group.begin].compacted &&
                             inputs[group.begin].kept == inputs[group.begin].rows;
    DL_CHECK(groups.empty() || groups.back().end == inputs.size(), "every file is in one group");
    return groups;
}

}  // namespace dl::slave
