#include "slave/partition/snapshot_maintainer.h"

#include <spdlog/spdlog.h>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "slave/snapshot/flush_job.h"

namespace dl::slave {
namespace {

Error closing_error(const PartitionCore& core) {
    return make_error(ErrorCode::unavailable, core.label() + " is closing; try again later");
}

void remove_unfinished(const FlushInput& input) {
    ManifestFile info;
    info.first_offset = input.segment->first_offset();
    info.end_offset = input.segment->end_offset();
    info.edition = input.edition;
    for (const auto& name : {info.parquet_name(), info.index_name()})
        (void)input.files->remove(input.snapshots_directory + "/" + name);
}

}  // namespace

void SnapshotMaintainer::make_room() {
    {
        const std::lock_guard lock(mutex_);
        roll_wanted_ = true;
    }
    schedule_flush();
}

Result<void> SnapshotMaintainer::close_active_segment() {
    const auto hold = core_.exclusion.for_commit();
    return close_active_held();
}

Result<void> SnapshotMaintainer::close_active_held() {
    const auto& segments = core_.tail.segments();
    if (segments.empty() || segments.back()->closed() || segments.back()->rows() == 0) return {};
    DL_TRY(core_.log->roll());
    core_.tail.close_segment();
    return {};
}

// With everything unflushed in the active segment there is nothing to flush until it is closed.
Result<void> SnapshotMaintainer::roll_if_wanted() {
    {
        const std::lock_guard lock(mutex_);
        if (!roll_wanted_) return {};
        roll_wanted_ = false;
    }
    const auto hold = core_.exclusion.for_commit();
    if (core_.tail.segments().size() > 1) return {};
    return close_active_held();
}

void SnapshotMaintainer::schedule_flush() {
    {
        const std::lock_guard lock(mutex_);
        if (flush_scheduled_ || closing_) return;
        flush_scheduled_ = true;
        ++running_;
    }
    const auto finish = [this] {
        const std::lock_guard lock(mutex_);
        --running_;
        changed_.notify_all();
    };
    const bool posted = core_.context.background_pool->post([this, finish, keep = owner_.lock()] {
        {
            const std::lock_guard lock(mutex_);
            flush_scheduled_ = false;  // what closes from here on schedules anew
        }
        // Bounded by what is there now, so that other partitions get their turn; what closes meanwhile
        // schedules anew.
        auto flushed = roll_if_wanted();
        if (flushed.has_value()) flushed = flush_closed_segments(core_.state()->end_offset);
        if (flushed.has_error() && flushed.error().code == ErrorCode::unavailable) {
            spdlog::debug("flush: {}", flushed.error().message);
        } else if (flushed.has_error()) {
            spdlog::error("flush: {} failed and will be tried again: {}", core_.label(),
                          flushed.error().to_text());
            writer_.flush_failed(flushed.error());
            if (core_.context.tail_budget != nullptr) core_.context.tail_budget->failed(flushed.error());
        } else {
            resume_writers();
            if (flushed_) flushed_();
        }
        finish();
    });
    if (!posted) finish();
}

void SnapshotMaintainer::resume_writers() {
    writer_.resume();
    if (core_.context.tail_budget != nullptr) core_.context.tail_budget->freed();
}

Result<void> SnapshotMaintainer::flush_closed_segments(Offset until) {
    const std::lock_guard flushing(flush_mutex_);
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (closing_) return closing_error(core_);
        }
        std::shared_ptr<const TailSegment> oldest;
        {
            const auto hold = core_.exclusion.for_commit();
            const auto& segments = core_.tail.segments();
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
    input.edition = core_.publisher->next_edition();
    input.epoch = core_.epoch();
    auto written = run_flush_job(input);
    if (written.has_error()) {
        // It is tried again under another name; on a full disk every byte counts.
        remove_unfinished(input);
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
    const std::lock_guard committing(core_.commit_mutex);
    const auto manifest = core_.publisher->manifest();
    DL_CHECK(manifest.flushed_end == segment->first_offset(), "INV-6 segments are flushed in order");
    // The vectors hold marks of all records of the flushed range, and of some behind it: recovery replays
    // those, and a mark made twice is the same mark.
    const auto state = core_.state();
    DL_TRY(core_.make_log_durable(segment->first_offset()));
    auto entries = state->files->entries();
    const auto dead = segment_delete_vector(*segment, state->end_offset);
    entries.push_back({file, dead});
    DL_TRY(core_.publisher->commit({.operation = "flush",
                                    .files = std::move(entries),
                                    .flushed_end = segment->end_offset(),
                                    .compacted_end = manifest.compacted_end,
                                    .log_start = manifest.log_start,
                                    .batch_ids_edition = manifest.batch_ids_edition}));

    const auto hold = core_.exclusion.for_commit();
    const auto now = core_.state();
    entries = now->files->entries();
    auto dead_now = segment_delete_vector(*segment, now->end_offset);
    entries.push_back({std::move(file), dead_now->dead() == dead->dead() ? dead : dead_now});
    core_.tail.drop_oldest(*segment);
    auto next = std::make_shared<PartitionState>();
    next->end_offset = now->end_offset;
    next->files = std::make_shared<const FileSet>(std::move(entries));
    next->tail = core_.tail.snapshot();
    core_.note_tail_bytes();
    core_.publish(std::move(next));
    return {};
}

void SnapshotMaintainer::close() {
    std::unique_lock lock(mutex_);
    closing_ = true;
    changed_.wait(lock, [this] { return running_ == 0; });
}

}  // namespace dl::slave
