#include "slave/compaction/compaction_policy.h"

#include <algorithm>

namespace dl::slave {
namespace {

struct Sum {
    std::uint64_t files = 0, rows = 0, dead = 0, bytes = 0;
    void add(const PolicyFile& file) {
        ++files;
        rows += file.rows;
        dead += file.dead;
        bytes += file.bytes;
    }
};

}  // namespace

const char* to_text(CompactionReason reason) {
    switch (reason) {
        case CompactionReason::none:
            return "none";
        case CompactionReason::growth:
            return "growth";
        case CompactionReason::dead_rows:
            return "dead rows";
    }
    return "";
}

CompactionReason decide_compaction(std::span<const PolicyFile> files, std::uint64_t tail_rows,
                                   const CompactionPolicy& policy, std::size_t log_files) {
    Sum flushed, compacted;
    for (const auto& file : files)
        (file.compacted ? compacted : flushed).add(file);
    if (!policy.automatic || flushed.files == 0) return CompactionReason::none;
    const auto bytes = flushed.bytes + compacted.bytes;
    const bool enough = bytes >= policy.bytes_min || log_files >= kLogFilesForGrowth;
    if (enough && flushed.files >= policy.files_min &&
        static_cast<double>(flushed.bytes) * 100 >=
            static_cast<double>(compacted.bytes) * policy.growth_percent)
        return CompactionReason::growth;
    const auto dead = flushed.dead + std::min(compacted.dead, flushed.rows);
    const auto droppable = dead - std::min(dead, tail_rows);
    if (bytes >= policy.dead_bytes_min &&
        static_cast<double>(droppable) * 100 >=
            static_cast<double>(flushed.rows + compacted.rows) * policy.dead_percent)
        return CompactionReason::dead_rows;
    return CompactionReason::none;
}

namespace {

// The oldest files of the range that are not too many bytes together.
JoinRange within_joined_bytes(std::span<const PolicyFile> files, JoinRange range) {
    std::uint64_t bytes = 0;
    for (auto at = range.begin; at < range.end; ++at) {
        bytes += files[at].plain_bytes;
        if (bytes > kJoinedFileBytesMax) return {range.begin, at};
    }
    return range;
}

// Of files without a gap.
std::optional<JoinRange> join_in_run(std::span<const PolicyFile> files, std::uint64_t ratio) {
    // From the newest to the oldest. One that is smaller than a newer one counts as large as that, so that
    // the files of a tier lie side by side.
    std::uint64_t tier_bytes_max = kSmallestTierBytes;
    std::size_t end = files.size();  // of the tier
    std::size_t at = files.size();
    for (; at > 0 && !files[at - 1].compacted; --at) {
        const auto bytes = files[at - 1].plain_bytes;
        if (bytes >= kJoinedFileBytesMax / ratio) break;  // nor do the older ones become any fewer by a join
        if (bytes < tier_bytes_max) {
            if (end - (at - 1) >= ratio &&
                (at == 1 || files[at - 2].compacted || files[at - 2].plain_bytes >= tier_bytes_max))
                return within_joined_bytes(files, {at - 1, end});
            continue;
        }
        while (bytes >= tier_bytes_max)
            tier_bytes_max *= ratio;
        end = at;
    }
    return std::nullopt;
}

}  // namespace

std::optional<JoinRange> decide_join(std::span<const PolicyFile> files, const CompactionPolicy& policy) {
    if (policy.join_files < 2) return std::nullopt;
    for (std::size_t end = files.size(); end > 0;) {
        auto begin = end - 1;
        while (begin > 0 && !files[begin].behind_gap)
            --begin;
        if (const auto range = join_in_run(files.subspan(begin, end - begin), policy.join_files))
            return JoinRange{begin + range->begin, begin + range->end};
        end = begin;
    }
    return std::nullopt;
}

bool worth_when_idle(std::span<const PolicyFile> files, std::uint64_t tail_rows,
                     const CompactionPolicy& policy) {
    Sum sum;
    for (const auto& file : files)
        sum.add(file);
    return policy.automatic && sum.bytes >= policy.dead_bytes_min &&
           static_cast<double>(sum.dead) * 100 >=
               static_cast<double>(sum.rows + tail_rows) * policy.dead_percent;
}

}  // namespace dl::slave
