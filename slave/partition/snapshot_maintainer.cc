#include "slave/partition/snapshot_maintainer.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <map>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "slave/columnar/flush_job.h"

namespace dl::slave {
namespace {

constexpr auto kProgressInterval = std::chrono::milliseconds(200);

Error closing_error(const PartitionCore& core) {
    return make_error(ErrorCode::unavailable, core.label() + " is closing; try again later");
}

}  // namespace

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
        const auto flushed = flush_closed_segments(core_.state()->end_offset);
        if (flushed.has_error() && flushed.error().code == ErrorCode::unavailable) {
            spdlog::debug("flush: {}", flushed.error().message);
        } else if (flushed.has_error()) {
            spdlog::error("flush: {} failed and will be tried again: {}", core_.label(),
                          flushed.error().to_text());
            writer_.flush_failed(flushed.error());
        } else {
            writer_.resume();
        }
        finish();
    });
    if (!posted) finish();
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
        writer_.resume();
    }
}

Result<void> SnapshotMaintainer::flush_segment(const std::shared_ptr<const TailSegment>& segment) {
    FlushInput input;
    input.files = core_.context.files;
    input.database = core_.context.file_database.get();
    input.snapshots_directory = core_.snapshots();
    input.table = core_.table();
    input.segment = segment;
    input.edition = core_.publisher->next_edition();
    input.epoch = core_.epoch();
    DL_TRY_ASSIGN(auto file, run_flush_job(input));
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
    core_.tail_resident_bytes = core_.tail.resident_bytes();
    core_.publish(std::move(next));
    return {};
}

Result<void> SnapshotMaintainer::compress(const std::function<void(const CompressProgress&)>& progress) {
    std::shared_ptr<Run> run;
    {
        std::unique_lock lock(mutex_);
        if (closing_) return closing_error(core_);
        run = run_;
        if (run == nullptr) {
            run = run_ = std::make_shared<Run>();
            ++running_;
            lock.unlock();
            const auto finish = [this](const std::shared_ptr<Run>& own, Result<void> result) {
                const std::lock_guard guard(mutex_);
                own->result = std::move(result);
                own->done = true;
                own->job = nullptr;
                run_ = nullptr;
                --running_;
                changed_.notify_all();
            };
            const bool posted = core_.context.background_pool->post(
                [this, run, finish, keep = owner_.lock()] { finish(run, run_compaction(*run)); });
            if (!posted) finish(run, closing_error(core_));
        }
    }
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, kProgressInterval, [&] { return run->done; })) {
        if (progress == nullptr || run->job == nullptr) continue;
        const CompressProgress now{run->job->rows_done(), run->job->rows_total(), run->job->bytes_done()};
        lock.unlock();
        progress(now);
        lock.lock();
    }
    return run->result;
}

Result<void> SnapshotMaintainer::run_compaction(Run& run) {
    const Offset range_end = compaction_range_end(core_.log->segments(), core_.options.retained_closed_logs);
    DL_TRY(flush_closed_segments(range_end));
    const auto state = core_.state();
    std::vector<ManifestFile> files;
    for (const auto& entry : state->files->entries())
        files.push_back(entry.file->info());
    const auto plan = plan_compaction(files, range_end);
    if (!plan.needed) return {};

    CompactionInput input;
    input.files = core_.context.files;
    input.database = core_.context.file_database.get();
    input.snapshots_directory = core_.snapshots();
    input.table = core_.table();
    input.inputs.assign(state->files->entries().begin(),
                        state->files->entries().begin() + static_cast<std::ptrdiff_t>(plan.inputs));
    input.edition = core_.publisher->next_edition();
    auto job = std::make_shared<CompactionJob>(std::move(input));
    {
        const std::lock_guard lock(mutex_);
        if (closing_) return closing_error(core_);
        run.job = job;
    }
    DL_TRY_ASSIGN(const auto output, job->run());
    DL_TRY(commit_compaction(output, plan.range_end));
    ++core_.counters.compactions;
    spdlog::info("compaction: {} keeps {} of {} records below offset {} in {} files", core_.label(),
                 output.rows_after, output.rows_before, plan.range_end, output.files.size());
    return {};
}

Result<std::uint64_t> SnapshotMaintainer::write_batch_ids(Offset below) {
    std::vector<BatchIdEntry> entries;
    {
        const auto hold = core_.exclusion.for_commit();
        entries = core_.batch_ids.below(below);
    }
    if (entries.empty()) return std::uint64_t{0};
    const auto edition = core_.publisher->next_edition();
    DL_TRY(write_new_file(*core_.context.files, core_.snapshots() + "/batch-ids." + std::to_string(edition),
                          encode_batch_ids(entries)));
    return edition;
}

Result<void> SnapshotMaintainer::commit_compaction(const CompactionOutput& output, Offset range_end) {
    const std::lock_guard committing(core_.commit_mutex);
    const auto before = core_.publisher->manifest();
    const auto state = core_.state();
    DL_TRY(core_.make_log_durable(range_end));
    // The inputs are the oldest files; those flushed since the job began come behind them.
    const auto assemble = [&](const FileSet& current, const std::vector<FileEntry>* same) {
        std::vector<FileEntry> entries;
        for (const auto& file : output.files) {
            auto dead = output.vector_of(file, current);
            const auto at = entries.size();
            if (same != nullptr && (*same)[at].dead->dead() == dead->dead()) dead = (*same)[at].dead;
            entries.push_back({file.file, std::move(dead)});
        }
        for (std::size_t i = output.inputs.size(); i < current.entries().size(); ++i)
            entries.push_back(current.entries()[i]);
        return entries;
    };
    DL_TRY_ASSIGN(const auto batch_ids, write_batch_ids(range_end));
    const auto entries = assemble(*state->files, nullptr);
    DL_TRY(core_.publisher->commit({.operation = "compaction",
                                    .files = entries,
                                    .flushed_end = before.flushed_end,
                                    .log_start = range_end,
                                    .batch_ids_edition = batch_ids}));
    {
        const auto hold = core_.exclusion.for_commit();
        const auto now = core_.state();
        auto next = std::make_shared<PartitionState>(*now);
        next->files = std::make_shared<const FileSet>(assemble(*now->files, &entries));
        core_.publish(std::move(next));
        DL_FAILPOINT("compaction.before-delete-old");
        DL_TRY(core_.log->remove_before(range_end));
    }
    std::map<std::string, std::uint64_t> versions;
    for (const auto& file : before.files)
        versions[file.stem()] = file.vector_version;
    for (std::size_t i = 0; i < output.inputs.size(); ++i) {
        const auto& input = output.inputs[i].file;
        bool kept = false;
        for (const auto& file : output.files)
            kept = kept || file.file == input;
        if (!kept) input->make_obsolete(versions.at(input->info().stem()));
    }
    DL_FAILPOINT("compaction.after-delete-old");
    return {};
}

void SnapshotMaintainer::close() {
    std::unique_lock lock(mutex_);
    closing_ = true;
    if (run_ != nullptr && run_->job != nullptr) run_->job->cancel();
    changed_.wait(lock, [this] { return running_ == 0; });
}

}  // namespace dl::slave
