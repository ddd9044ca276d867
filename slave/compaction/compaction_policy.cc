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

CompactionReason decide_compaction(std::span<const PolicyFile> files, Offset range_end,
                                   const CompactionPolicy& policy) {
    Sum flushed, compacted;
    for (const auto& file : files) {
        if (file.end_offset > range_end) break;
        (file.compacted ? compacted : flushed).add(file);
    }
    if (!policy.automatic || flushed.files < policy.files_min || flushed.files == 0 ||
        flushed.bytes + compacted.bytes < policy.bytes_min)
        return CompactionReason::none;
    if (static_cast<double>(flushed.bytes) * 100 >=
        static_cast<double>(compacted.bytes) * policy.growth_percent)
        return CompactionReason::growth;
    const auto droppable = flushed.dead + std::min(compacted.dead, flushed.rows);
    if (static_cast<double>(droppable) * 100 >=
        static_cast<double>(flushed.rows + compacted.rows) * policy.dead_percent)
        return CompactionReason::dead_rows;
    return CompactionReason::none;
}

}  // namespace dl::slave
