#include "slave/partition/log_retention.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "slave/compaction/history_policy.h"
#include "slave/compaction/io_budget.h"

namespace dl::slave {
namespace {

// Of one run, so that other partitions get their turn.
constexpr int kPacksMax = 8;
constexpr std::chrono::milliseconds kWaitStep{20};

HistoryLimits limits_of(const PartitionCore& core) {
    return history_limits(*core.table(), core.options.retained_closed_logs);
}

std::optional<PackRange> next_pack(const PartitionCore& core) {
    if (!core.options.pack_log) return std::nullopt;
    // What is not flushed is what recovery reads.
    const auto files = core.state()->files;
    if (files->entries().empty()) return std::nullopt;
    return decide_pack(core.log().segments(), limits_of(core),
                       files->entries().back().file->info().end_offset);
}

}  // namespace

Offset wanted_log_start(const PartitionCore& core) {
    const auto segments = core.log().segments();
    const auto limits = limits_of(core);
    const auto now =
        core.history_clock.look(core.context.now_us(), core.context.uptime_us(), limits.age_us_max, segments);
    return history_start(segments, limits, now.us, now.aged_end);
}

Offset removable_log(const PartitionCore& core, Offset below) {
    const auto end = std::min({below, core.log().retention_floor(), core.progress().visible_end()});
    Offset start = 0;
    for (const auto& segment : core.log().segments())
        if (segment.closed && segment.end_offset <= end) start = segment.end_offset;
    return start;
}

bool history_is_due(const PartitionCore& core) {
    // The copy of a manifest is only made when there is something to remove.
    const Offset first = core.log().first_offset();
    const Offset wanted = removable_log(core, wanted_log_start(core));
    if (wanted <= first) return next_pack(core).has_value();
    if (next_pack(core)) return true;
    return removable_log(core, std::min(wanted, core.publisher().manifest().compacted_end)) > first;
}

Result<void> remove_log(PartitionCore& core, Offset below) {
    const auto committing = core.begin_commit();
    const auto before = committing->manifest();
    below = std::max(before.log_start, removable_log(core, std::min(below, before.compacted_end)));
    if (below > before.log_start) {
        DL_TRY(core.make_log_durable(before.flushed_end));
        DL_TRY(committing->commit({.operation = "compaction",
                                   .files = core.state()->files->entries(),
                                   .flushed_end = before.flushed_end,
                                   .compacted_end = before.compacted_end,
                                   .log_start = below}));
    }
    // Also files that an earlier removal left behind.
    return core.log().remove_before(below);
}

Result<void> pack_log(PartitionCore& core, const std::function<Result<void>()>& still_wanted) {
    for (int packs = 0; packs < kPacksMax; ++packs) {
        DL_TRY(still_wanted());
        const auto range = next_pack(core);
        if (!range) return {};
        auto packed = core.log().pack(range->first, range->end);
        // Somebody has shortened the log meanwhile.
        if (packed.has_error() && packed.error().code == ErrorCode::not_found) return {};
        DL_TRY(packed);
        if (core.context.compaction_budget == nullptr) continue;
        // Read, written, and read once more.
        const auto due =
            std::chrono::steady_clock::now() +
            core.context.compaction_budget->reserve(3 * range->plain_bytes, std::chrono::steady_clock::now());
        while (std::chrono::steady_clock::now() < due) {
            DL_TRY(still_wanted());
            std::this_thread::sleep_for(kWaitStep);
        }
    }
    return {};
}

}  // namespace dl::slave
