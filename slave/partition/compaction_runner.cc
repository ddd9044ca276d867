#include "slave/partition/compaction_runner.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "slave/partition/derived_repair.h"
#include "slave/partition/file_join.h"
#include "slave/partition/file_repair.h"
#include "slave/partition/log_retention.h"

namespace dl::slave {
namespace {

constexpr std::chrono::minutes kRepairInterval{1};
constexpr unsigned kSkippedBitsMax = 6;  // at most 2^6 starts after repeated failures

Error closing_error(const PartitionCore& core) {
    return make_error(ErrorCode::unavailable, core.label() + " is closing; try again later");
}

CompressProgress progress_of(const CompactionJob& job) {
    return {job.rows_done(), job.rows_total(), job.bytes_done()};
}

std::uint64_t live_rows(std::span<const FileEntry> entries) {
    std::uint64_t live = 0;
    for (const auto& entry : entries)
        live += entry.file->info().rows - entry.dead->dead();
    return live;
}

std::vector<PolicyFile> policy_files(const FileSet& files) {
    std::vector<PolicyFile> list;
    Offset end = 0;
    for (const auto& entry : files.entries()) {
        const auto& info = entry.file->info();
        const bool behind_gap = !info.compacted && end != 0 && info.first_offset != end;
        list.push_back({info.compacted, info.rows, entry.dead->dead(), info.parquet_bytes, info.plain_bytes,
                        behind_gap});
        end = info.end_offset;
    }
    return list;
}

}  // namespace

void CompactionRunner::start(Scope scope, std::function<void(Result<void>)> done) {
    std::shared_ptr<Run> run;
    {
        const auto runs = runs_.lock();
        if (!runs->closing && runs->current != nullptr) {
            auto& current = *runs->current;
            auto& queue = current.scope == scope ? current.waiting : current.afterwards;
            if (done) queue.push_back(std::move(done));
            return;
        }
        if (!runs->closing) {
            run = runs->current = std::make_shared<Run>();
            run->scope = scope;
            runs->last_progress = {};
            if (done) run->waiting.push_back(std::move(done));
        }
    }
    if (run == nullptr) {
        if (done) done(closing_error(core_));
        return;
    }
    auto* pool = core_.context.compaction_pool != nullptr ? core_.context.compaction_pool
                                                          : core_.context.background_pool;
    const bool posted = pool->post([this, run, keep = owner_.lock()] { finish(run, this->run(*run)); });
    if (!posted) finish(run, closing_error(core_));
}

void CompactionRunner::finish(const std::shared_ptr<Run>& run, const Result<void>& result) {
    std::vector<std::function<void(Result<void>)>> waiting, afterwards;
    {
        const auto runs = runs_.lock();
        DL_CHECK(runs->current == run, "one compaction of a partition at a time");
        if (run->job != nullptr) runs->last_progress = progress_of(*run->job);
        // That log files can be removed or packed says nothing of merging files.
        if (run->scope == Scope::history) {
            if (result.has_error())
                runs->history_not_before = std::chrono::steady_clock::now() + kRepairInterval;
        } else {
            runs->failures = result.has_error() ? std::min(runs->failures + 1, kSkippedBitsMax) : 0;
            runs->starts_to_skip = result.has_error() ? std::uint64_t{1} << runs->failures : 0;
        }
        run->job = nullptr;
        waiting.swap(run->waiting);
        afterwards.swap(run->afterwards);
        runs->current = nullptr;
    }
    if (result.has_error() && result.error().code != ErrorCode::unavailable &&
        result.error().code != ErrorCode::cancelled)
        spdlog::error("compaction: {} failed: {}", core_.label(), result.error().to_text());
    for (const auto& done : waiting)
        done(result);
    for (auto& done : afterwards)
        start(Scope::asked_for, std::move(done));
    core_.wake();
    // Last: close() may let the partition go.
    const auto runs = runs_.lock();
    changed_.notify_all();
}

CompressProgress CompactionRunner::progress() const {
    const auto runs = runs_.lock();
    const auto& current = runs->current;
    return current != nullptr && current->job != nullptr ? progress_of(*current->job) : runs->last_progress;
}

bool CompactionRunner::may_start() {
    const auto runs = runs_.lock();
    if (runs->closing || runs->current != nullptr) return false;
    if (runs->starts_to_skip == 0) return true;
    --runs->starts_to_skip;
    return false;
}

UpkeepList::Clock::time_point CompactionRunner::history_not_before() const {
    const auto runs = runs_.lock();
    return runs->closing || runs->current != nullptr ? UpkeepList::kAtRest : runs->history_not_before;
}

// Whatever it waits for that is not a time wakes the partition: the end of a run or repair, a write, a flush.
UpkeepList::Clock::time_point CompactionRunner::consider_idle(UpkeepList::Clock::time_point now) {
    const auto state = core_.state();
    auto next = UpkeepList::kAtRest;
    if (core_.derived_doubted.load() || state->files->has_doubted_index() ||
        !replaceable_damage(core_, *state).empty())
        next = start_repair(now);
    if (const auto from = history_not_before(); from > now) {
        next = std::min(next, from);
    } else if (history_is_due(core_)) {
        start(Scope::history, nullptr);
        return next;
    }
    const auto& policy = core_.options.compaction;
    auto idle_since = now;
    {
        const auto runs = runs_.lock();
        const auto appends = core_.counters.appends.load();
        if (appends != runs->appends_seen || runs->idle_since == UpkeepList::Clock::time_point{}) {
            runs->appends_seen = appends;
            runs->idle_since = now;
        }
        idle_since = runs->idle_since;
    }
    if (policy.idle.count() == 0 || !worth_when_idle(policy_files(*state->files), state->tail->rows, policy))
        return next;
    if (now - idle_since < policy.idle) return std::min(next, idle_since + policy.idle);
    if (!may_start()) return now;  // which counts what is skipped after a failure
    spdlog::info("compaction: {}, which nobody writes to, because of {}", core_.label(),
                 to_text(CompactionReason::dead_rows));
    start(Scope::idle, nullptr);
    return next;
}

void CompactionRunner::consider() {
    const auto& policy = core_.options.compaction;
    if (!may_start()) return;
    const auto state = core_.state();
    const auto files = policy_files(*state->files);
    // Those of the history stay, whatever is merged.
    const auto log_files = core_.log().segments_from(core_.publisher().manifest().compacted_end).size();
    const auto reason = decide_compaction(files, state->tail->rows, policy, log_files);
    if (reason == CompactionReason::none) {
        if (decide_join(files, policy)) start(Scope::join, nullptr);
        return;
    }
    spdlog::info("compaction: {} because of {}", core_.label(), to_text(reason));
    start(Scope::flushed, nullptr);
}

// Nothing is merged out of a file that is not what was written: its damage would get a right checksum, and
// the log that has the right values would be removed.
Result<bool> CompactionRunner::rewrote_inputs() {
    DL_TRY_ASSIGN(const auto damaged,
                  find_damaged_files(core_, *core_.state(), [this] { return still_open(); }));
    DL_TRY(rewrite_damaged_files(core_, damaged));
    return !damaged.empty();
}

Result<void> CompactionRunner::still_open() {
    if (runs_.lock()->closing) return closing_error(core_);
    return {};
}

Result<void> CompactionRunner::repair_doubted() {
    DL_TRY(rewrite_damaged_files(core_, replaceable_damage(core_, *core_.state())));
    const auto state = core_.state();
    const bool doubted = core_.derived_doubted.exchange(false);
    if (!doubted && !state->files->has_doubted_index()) return {};
    auto done = rebuild_doubted_indexes(core_, *state->files);
    if (done.has_value()) done = repair_derived(core_, {}, [this] { return still_open(); });
    if (done.has_error()) core_.derived_doubted = true;
    return done;
}

UpkeepList::Clock::time_point CompactionRunner::start_repair(UpkeepList::Clock::time_point now) {
    {
        const auto runs = runs_.lock();
        if (runs->closing || runs->repairing) return UpkeepList::kAtRest;
        if (now < runs->repair_not_before) return runs->repair_not_before;
        runs->repairing = true;
    }
    const auto finish = [this](bool failed) {
        const auto runs = runs_.lock();
        runs->repairing = false;
        if (failed) runs->repair_not_before = std::chrono::steady_clock::now() + kRepairInterval;
        core_.wake();
        changed_.notify_all();
    };
    auto* pool = core_.context.compaction_pool != nullptr ? core_.context.compaction_pool
                                                          : core_.context.background_pool;
    const bool posted = pool->post([this, finish, keep = owner_.lock()] {
        const auto done = [this] {
            const std::lock_guard replacing(core_.files_mutex);
            return repair_doubted();
        }();
        if (done.has_error())
            spdlog::error("partition: repairing {} failed: {}", core_.label(), done.error().to_text());
        finish(done.has_error());
    });
    if (!posted) finish(false);
    return UpkeepList::kAtRest;
}

Result<CompactionOutput> CompactionRunner::merge(Run& own, std::optional<std::vector<FileEntry>> joined) {
    CompactionInput input;
    input.files = core_.context.files;
    input.database = core_.context.compaction_database;
    input.snapshots_directory = core_.snapshots();
    input.table = core_.table();
    input.join = joined.has_value();
    input.inputs = joined ? std::move(*joined) : core_.state()->files->entries();
    input.edition = core_.publisher().next_edition();
    input.budget = core_.context.compaction_budget;
    input.free_disk_bytes_min = core_.options.free_disk_bytes_min;
    auto job = std::make_shared<CompactionJob>(std::move(input));
    {
        const auto runs = runs_.lock();
        if (runs->closing) return closing_error(core_);
        own.job = job;
    }
    return job->run();
}

Result<bool> CompactionRunner::mended_inputs(const Error& failure) {
    if (failure.code == ErrorCode::disk_full || failure.code == ErrorCode::cancelled) return false;
    DL_TRY_ASSIGN(const bool rewrote, rewrote_inputs());
    const bool doubted = core_.state()->files->has_doubted_index();
    DL_TRY(repair_doubted());
    return rewrote || doubted;
}

Result<void> CompactionRunner::run_join(Run& own) {
    for (bool mended = false;; mended = true) {
        const auto state = core_.state();
        const auto range = decide_join(policy_files(*state->files), core_.options.compaction);
        if (!range) return {};
        const auto& entries = state->files->entries();
        const auto at = [&](std::size_t index) {
            return entries.begin() + static_cast<std::ptrdiff_t>(index);
        };
        auto joined = merge(own, std::vector<FileEntry>(at(range->begin), at(range->end)));
        if (joined.has_value()) {
            spdlog::info("compaction: {} joins {} files with {} records", core_.label(),
                         joined->inputs.size(), joined->rows_after);
            DL_TRY(commit_joined(core_, *joined));
            ++core_.counters.joins;
            mended = false;
            continue;  // it may be one too many of the next tier
        }
        if (mended) return joined.error();
        DL_TRY_ASSIGN(const bool again, mended_inputs(joined.error()));
        if (!again) return joined.error();
    }
}

Result<void> CompactionRunner::run(Run& own) {
    if (own.scope == Scope::history) {
        DL_TRY(remove_log(core_, wanted_log_start(core_)));
        return pack_log(core_, [this] { return still_open(); });
    }
    const std::lock_guard replacing(core_.files_mutex);
    DL_TRY(repair_doubted());
    if (own.scope == Scope::join) return run_join(own);
    const Offset log_start =
        own.scope == Scope::asked_for
            ? log_start_after_compaction(core_.log().segments(), core_.options.retained_closed_logs)
            : wanted_log_start(core_);
    if (own.scope == Scope::asked_for || own.scope == Scope::idle) DL_TRY(flushes_.close_active_segment());
    DL_TRY(flushes_.flush_closed_segments(core_.state()->end_offset));
    if (!needs_compaction(policy_files(*core_.state()->files), core_.options.compaction.dead_percent))
        return remove_log(core_, log_start);
    auto ran = merge(own);
    if (ran.has_error() && ran.error().code == ErrorCode::disk_full) {
        // What is kept for readers of the past may be the space that is missing. So may the history, which
        // who asks for a compaction gives up; what is left of it is compared first (INV-15).
        core_.earlier.clear();
        if (own.scope == Scope::asked_for) {
            DL_TRY(rewrote_inputs());
            DL_TRY(remove_log(core_, log_start));
            ran = merge(own);
        }
    }
    if (ran.has_error()) {
        DL_TRY_ASSIGN(const bool again, mended_inputs(ran.error()));
        if (again) ran = merge(own);
    }
    DL_TRY_ASSIGN(const auto output, std::move(ran));
    if (output.unchanged) return remove_log(core_, log_start);
    DL_TRY(commit(output, log_start));
    ++core_.counters.compactions;
    spdlog::info("compaction: {} keeps {} of {} records below offset {} in {} files", core_.label(),
                 output.rows_after, output.rows_before, output.end_offset(), output.files.size());
    return {};
}

Result<void> CompactionRunner::commit(const CompactionOutput& output, Offset log_start) {
    const auto committing = core_.begin_commit();
    const auto before = committing->manifest();
    const auto state = core_.state();
    DL_CHECK(output.end_offset() <= before.flushed_end && output.end_offset() >= before.compacted_end,
             "INV-6 flushed records are compacted, and stay so");
    DL_TRY(core_.make_log_durable(before.flushed_end));
    // The inputs are the oldest files; those flushed since the job began come behind them.
    const auto assemble = [&](const FileSet& current, const std::vector<FileEntry>* same) {
        std::vector<FileEntry> entries;
        for (const auto& file : output.files) {
            auto dead = output.vector_of(file, current);
            const auto at = entries.size();
            if (same != nullptr && (*same)[at].dead->dead() == dead->dead()) dead = (*same)[at].dead;
            entries.push_back({file.file, std::move(dead)});
        }
        const std::span<const FileEntry> inputs(current.entries());
        DL_CHECK(inputs.size() >= output.inputs.size(),
                 "the inputs of a compaction stay until it is committed");
        for (std::size_t i = output.inputs.size(); i < current.entries().size(); ++i)
            entries.push_back(current.entries()[i]);
        return entries;
    };
    const auto entries = assemble(*state->files, nullptr);
    const auto live_in = [&](std::span<const FileEntry> all, std::size_t count) {
        return live_rows(all.first(count));
    };
    // An index or vector may have been repaired while the job ran.
    if (live_in(entries, output.files.size()) != live_in(state->files->entries(), output.inputs.size())) {
        committing->discard(entries);
        return make_error(
            ErrorCode::corrupt_data,
            "compaction refused, nothing was changed (INV-5): the files changed under it; it is "
            "tried again");
    }
    log_start = std::max(before.log_start, removable_log(core_, std::min(log_start, output.end_offset())));
    DL_TRY(committing->commit({.operation = "compaction",
                               .files = entries,
                               .flushed_end = before.flushed_end,
                               .compacted_end = output.end_offset(),
                               .log_start = log_start}));
    {
        auto hold = core_.exclusion.for_commit();
        const auto now = core_.state();
        DL_CHECK(now->files->entries().size() == state->files->entries().size(),
                 "files change under a Commit only");
        auto next = std::make_shared<PartitionState>(*now);
        next->files = std::make_shared<const FileSet>(assemble(*now->files, &entries));
        DL_CHECK(live_in(next->files->entries(), output.files.size()) ==
                     live_in(now->files->entries(), output.inputs.size()),
                 "INV-5 as many rows live after a compaction as before");
        core_.publish(hold, std::move(next));
    }
    DL_FAILPOINT("compaction.before-delete-old");
    // The new files serve: what cannot be removed now is garbage that the next start removes.
    if (const auto removed = core_.log().remove_before(log_start); removed.has_error())
        spdlog::warn("compaction: {} leaves log files behind: {}", core_.label(), removed.error().to_text());
    std::map<std::string, std::uint64_t> versions;
    for (const auto& file : before.files)
        versions[file.stem()] = file.vector_version;
    if (core_.options.compaction_history.count() > 0) remember(output);
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

// The partition as it was at the end of the inputs.
void CompactionRunner::remember(const CompactionOutput& output) {
    std::vector<FileEntry> entries;
    for (std::size_t i = 0; i < output.inputs.size(); ++i)
        entries.push_back({output.inputs[i].file, dead_rows_of(output.kept[i])});
    auto state = std::make_shared<PartitionState>();
    state->end_offset = output.end_offset();
    state->files = std::make_shared<const FileSet>(std::move(entries));
    state->tail = std::make_shared<const TailSnapshot>();
    core_.earlier.add(std::move(state), EarlierStates::Clock::now() + core_.options.compaction_history);
}

void CompactionRunner::close() {
    auto runs = runs_.lock();
    runs->closing = true;
    if (runs->current != nullptr && runs->current->job != nullptr) runs->current->job->cancel();
    runs.wait(changed_, [&runs] { return runs->current == nullptr && !runs->repairing; });
}

}  // namespace dl::slave
