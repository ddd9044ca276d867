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
                                   const CompactionPolicy& policy) {
    Sum flushed, compacted;
    for (const auto& file : files)
        (file.compacted ? compacted : flushed).add(file);
    if (!policy.automatic || flushed.files == 0) return CompactionReason::none;
    const auto bytes = flushed.bytes + compacted.bytes;
    if (bytes >= policy.bytes_min && flushed.files >= policy.files_min &&
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
