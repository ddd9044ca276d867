// Compaction of one partition: asked for or by the policy after a flush, on the compaction pool, so that it
// never holds back a flush; one run at a time, which later requests join. Makes the new files the partition's
// (on disk by the publisher, in memory between two groups of the writer). Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/synchronized.h"
#include "slave/compaction/compaction_job.h"
#include "slave/partition/partition_core.h"
#include "slave/partition/snapshot_maintainer.h"

namespace dl::slave {

class CompactionRunner {
  public:
    CompactionRunner(PartitionCore& core, SnapshotMaintainer& flushes) : core_(core), flushes_(flushes) {}
    void set_owner(std::weak_ptr<void> owner) { owner_ = std::move(owner); }

    // As asked for by somebody: starts a run over all records, after which the log has its newest files only,
    // or joins such a run under way. `done` is called once, on the compaction pool, or on this thread when
    // the partition closes. Returns at once.
    void start(std::function<void(Result<void>)> done) { start(Scope::asked_for, std::move(done)); }
    // Of the run under way, else of the last one.
    CompressProgress progress() const;
    // After a flush: starts a run, or joins files, when the policy says so. After a failed run the next
    // calls, of this and of consider_idle(), start none: two after the first failure, twice as many after
    // each further one, at most 64.
    void consider();
    // Every now and then: the same when nothing has been written for a while, then with the tail. Also lets
    // go of log files that are no history any more, and rebuilds key indexes that were found damaged, and
    // what was derived with them. Returns when to call it again (Partition::tick()).
    UpkeepList::Clock::time_point consider_idle(UpkeepList::Clock::time_point now);
    // Stops a run, waits for it; later calls get UNAVAILABLE.
    void close();

  private:
    // What is done: log files leave the history or are packed; small flushed files are joined, whose records
    // all stay; the column files are merged; or the tail too, which is flushed for it. Only who asks for a
    // compaction shortens the log beyond what the history of the table says.
    enum class Scope : std::uint8_t { history, join, flushed, idle, asked_for };
    struct Run {
        Scope scope = Scope::flushed;
        std::vector<std::function<void(Result<void>)>> waiting;
        std::vector<std::function<void(Result<void>)>>
            afterwards;  // those who ask for more than this run does
        std::shared_ptr<CompactionJob> job;
    };
    void start(Scope scope, std::function<void(Result<void>)> done);
    // False while one runs, and for the calls that are skipped after a failure.
    bool may_start();
    // When a run for the history may begin; kAtRest: not before the one under way has ended.
    UpkeepList::Clock::time_point history_not_before() const;
    void finish(const std::shared_ptr<Run>& run, const Result<void>& result);
    Result<void> run(Run& own);
    Result<void> run_join(Run& own);
    // Of all files, or joins these.
    Result<CompactionOutput> merge(Run& own, std::optional<std::vector<FileEntry>> joined = std::nullopt);
    // What may have let a merge fail is put right: damaged files and indexes. False: nothing was found.
    Result<bool> mended_inputs(const Error& failure);
    // Some of the files were damaged and have been written anew.
    Result<bool> rewrote_inputs();
    // After a key index was found damaged.
    Result<void> repair_doubted();
    // Returns when to call it again.
    UpkeepList::Clock::time_point start_repair(UpkeepList::Clock::time_point now);
    Result<void> still_open();
    Result<void> commit(const CompactionOutput& output, Offset log_start);
    void remember(const CompactionOutput& output);

    PartitionCore& core_;
    SnapshotMaintainer& flushes_;
    std::weak_ptr<void> owner_;
    struct Runs {
        bool closing = false;
        std::shared_ptr<Run> current;  // under way
        CompressProgress last_progress;
        unsigned failures = 0;             // one after the other
        std::uint64_t starts_to_skip = 0;  // so often may_start() says no, whoever asks
        std::uint64_t appends_seen = 0;
        std::chrono::steady_clock::time_point idle_since{};
        std::chrono::steady_clock::time_point history_not_before{};  // after a failure
        bool repairing = false;
        std::chrono::steady_clock::time_point repair_not_before{};  // after one that failed
    };
    mutable Synchronized<Runs> runs_;
    std::condition_variable changed_;
};

}  // namespace dl::slave
