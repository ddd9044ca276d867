#include "slave/partition/snapshot_maintainer.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "slave/partition/batch_id_upkeep.h"
#include "slave/snapshot/flush_job.h"

namespace dl::slave {
namespace {

constexpr std::chrono::seconds kRetryInterval{1};

Error closing_error(const PartitionCore& core) {
    return make_error(ErrorCode::unavailable, core.label() + " is closing; try again later");
}

}  // namespace

void SnapshotMaintainer::make_room() {
    std::optional<Error> failure;
    {
        const auto schedule = schedule_.lock();
        schedule->roll_wanted = true;
        const auto now = std::chrono::steady_clock::now();
        if (schedule->failure && now - schedule->failed_at < kRetryInterval) failure = schedule->failure;
    }
    if (failure) return appender_.flush_failed(*failure);
    schedule_flush();
}

UpkeepList::Clock::time_point SnapshotMaintainer::retry_failed(UpkeepList::Clock::time_point now) {
    {
        const auto schedule = schedule_.lock();
        if (!schedule->failure) return UpkeepList::kAtRest;
        if (now - schedule->failed_at < kRetryInterval) return schedule->failed_at + kRetryInterval;
    }
    schedule_flush();
    return UpkeepList::kAtRest;  // one that fails again wakes the partition
}

void SnapshotMaintainer::note_flush(const Result<void>& flushed) {
    {
        const auto schedule = schedule_.lock();
        schedule->failure.reset();
        if (flushed.has_error()) {
            schedule->failure = flushed.error();
            schedule->failed_at = std::chrono::steady_clock::now();
        }
    }
    if (core_.tail_share != nullptr) core_.tail_share->set_failing(flushed.has_error());
    if (flushed.has_error()) core_.wake();
}

Result<void> SnapshotMaintainer::close_active_segment() {
    auto hold = core_.exclusion.for_commit();
    return close_active_held(hold);
}

Result<void> SnapshotMaintainer::close_active_held(WriterExclusion::Hold& hold) {
    const auto& segments = hold->tail.segments();
    if (segments.empty() || segments.back()->closed() || segments.back()->rows() == 0) return {};
    DL_TRY(hold->log->roll());
    Applier(core_).close_complete_segment(hold);
    DL_CHECK(segments.back()->closed() || !hold->unapplied.empty(),
             "INV-2 log and tail close their segments together");
    return {};
}

// With everything unflushed in the active segment there is nothing to flush until it is closed.
Result<void> SnapshotMaintainer::roll_if_wanted() {
    if (!std::exchange(schedule_.lock()->roll_wanted, false)) return {};
    auto hold = core_.exclusion.for_commit();
    if (hold->tail.segments().size() > 1) return {};
    return close_active_held(hold);
}

void SnapshotMaintainer::schedule_flush() {
    {
        const auto schedule = schedule_.lock();
        if (schedule->flush_scheduled || schedule->closing) return;
        schedule->flush_scheduled = true;
        ++schedule->running;
    }
    const auto finish = [this] {
        const auto schedule = schedule_.lock();
        DL_CHECK(schedule->running > 0, "a flush ends once");
        --schedule->running;
        changed_.notify_all();
    };
    const bool posted = core_.context.background_pool->post([this, finish, keep = owner_.lock()] {
        schedule_.lock()->flush_scheduled = false;  // what closes from here on schedules anew
        // Bounded by what is there now, so that other partitions get their turn; what closes meanwhile
        // schedules anew.
        auto flushed = roll_if_wanted();
        if (flushed.has_value()) flushed = flush_closed_segments(core_.state()->end_offset);
        if (flushed.has_error() && flushed.error().code == ErrorCode::unavailable) {
            spdlog::debug("flush: {}", flushed.error().message);
        } else if (flushed.has_error()) {
            spdlog::error("flush: {} failed and will be tried again: {}", core_.label(),
                          flushed.error().to_text());
            note_flush(flushed);
            appender_.flush_failed(flushed.error());
            if (core_.context.tail_budget != nullptr) core_.context.tail_budget->failed(flushed.error());
        } else {
            note_flush(flushed);
            resume_writers();
            if (flushed_) flushed_();
        }
        finish();
    });
    if (!posted) finish();
}

void SnapshotMaintainer::resume_writers() {
    appender_.resume();
    if (core_.context.tail_budget != nullptr) core_.context.tail_budget->freed();
}

Result<void> SnapshotMaintainer::flush_closed_segments(Offset until) {
    const std::lock_guard flushing(flush_mutex_);
    for (;;) {
        if (schedule_.lock()->closing) return closing_error(core_);
        std::shared_ptr<const TailSegment> oldest;
        {
            auto hold = core_.exclusion.for_commit();
            const auto& segments = hold->tail.segments();
            if (!segments.empty() && segments.front()->closed() && segments.front()->first_offset() < until)
                oldest = segments.front();
        }
        if (oldest == nullptr) return {};
        DL_TRY(flush_segment(oldest));
        resume_writers();
    }
}

Result<void> SnapshotMaintainer::flush_segment(const std::shared_ptr<const TailSegment>& segment) {
    FlushInput input;
    input.files = core_.context.files;
    input.snapshots_directory = core_.snapshots();
    input.table = core_.table();
    input.segment = segment;
    input.edition = core_.publisher().next_edition();
    input.epoch = core_.epoch();
    auto written = run_flush_job(input);
    if (written.has_error()) {
        // It is tried again under another name; on a full disk every byte counts.
        remove_unfinished_flush(input);
        return written.error();
    }
    auto file = std::move(*written);
    DL_FAILPOINT("flush.before-publish");
    DL_TRY(commit_flush(segment, std::move(file)));
    ++core_.counters.flushes;
    DL_FAILPOINT("flush.after-publish");
    return {};
}

Result<void> SnapshotMaintainer::commit_flush(const std::shared_ptr<const TailSegment>& segment,
                                              std::shared_ptr<const SnapshotFile> file) {
    const auto commit = core_.begin_commit();
    const auto manifest = commit->manifest();
    DL_CHECK(manifest.flushed_end == segment->first_offset(), "INV-6 segments are flushed in order");
    DL_CHECK(segment->end_offset() <= core_.progress().high_watermark(),
             "INV-9 only what is committed is flushed");
    DL_CHECK(file->info().rows == segment->rows() && file->info().end_offset == segment->end_offset(),
             "INV-5 a flush writes every record of its segment");
    // The vectors hold marks of all records of the flushed range, and of some behind it: recovery replays
    // those, and a mark made twice is the same mark.
    const auto state = core_.state();
    DL_TRY(core_.make_log_durable(segment->first_offset()));
    auto entries = state->files->entries();
    const auto dead = segment_delete_vector(*segment, state->end_offset);
    entries.push_back({file, dead});
    auto written = write_batch_ids(core_, segment->end_offset());
    if (written.has_error()) {
        commit->discard(entries);
        return written.error();
    }
    auto& spilled = *written;
    DL_TRY(commit->commit({.operation = "flush",
                           .files = std::move(entries),
                           .flushed_end = segment->end_offset(),
                           .compacted_end = manifest.compacted_end,
                           .log_start = manifest.log_start,
                           .batch_ids = spilled.editions()}));

    auto hold = core_.exclusion.for_commit();
    hold->batch_ids.spilled(segment->end_offset(), std::move(spilled.kept));
    const auto now = core_.state();
    DL_CHECK(now->files->entries().size() == state->files->entries().size(),
             "files change under the commit mutex only");
    entries = now->files->entries();
    auto dead_now = segment_delete_vector(*segment, now->end_offset);
    entries.push_back({std::move(file), dead_now->dead() == dead->dead() ? dead : dead_now});
    hold->tail.drop_oldest(*segment);
    auto next = std::make_shared<PartitionState>();
    next->end_offset = now->end_offset;
    next->files = std::make_shared<const FileSet>(std::move(entries));
    next->tail = hold->tail.snapshot();
    core_.note_tail_bytes(hold);
    core_.publish(hold, std::move(next));
    return {};
}

void SnapshotMaintainer::close() {
    auto schedule = schedule_.lock();
    schedule->closing = true;
    schedule.wait(changed_, [&schedule] { return schedule->running == 0; });
}

}  // namespace dl::slave
