// The daemon's side of statements in processes of their own (worker_process.h): the pool of processes, what
// memory each statement is lent, and which statements have crashed. Thread-safe; outlives its runs
// (worker_run.h).
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/async/deadline_watch.h"
#include "common/base/error.h"
#include "common/process/crash_history.h"
#include "common/process/process_pool.h"
#include "common/worker/memory_shares.h"

namespace dl {

struct WorkerSettings {
    std::string component = "worker";  // of log lines
    std::string memory_key;            // the setting behind memory_bytes, for errors
    std::size_t ready = 2;             // processes that stand by
    std::size_t concurrent_max = 8;    // statements that run at a time
    unsigned threads = 1;              // of the engine, each
    std::uint64_t memory_bytes = 512u << 20;
    std::uint64_t spill_bytes = 0;
    std::string spill_folder;  // with one folder a worker in it; emptied at start
    std::vector<std::string> readable_folders;
    std::string program = "/proc/self/exe";  // whose main() asks is_worker_process()
};

class WorkerHost {
  public:
    // Logs what the kernel cannot protect. Fails when no worker can be started.
    static Result<std::unique_ptr<WorkerHost>> start(WorkerSettings settings);

    // CRASHED for a statement that has crashed twice within a minute, for the next one.
    Result<void> admit(std::uint64_t digest);
    // How many statements have ended the process that ran them; those killed for their time not counted.
    std::uint64_t crashes() const { return crashes_.total(); }
    std::size_t ready_now() const { return pool_->ready_now(); }
    // Memory that the processes of statements have now, in bytes, by the numbers that their runs were given.
    // What of it is shared with others is left out.
    std::map<std::uint64_t, std::uint64_t> memory() const;

  private:
    friend class WorkerRun;
    explicit WorkerHost(WorkerSettings settings);
    Result<void> open();
    Result<void> greet(PooledProcess& process);
    void note_running(std::uint64_t number, pid_t pid);
    void note_ended(std::uint64_t number, pid_t pid);
    Error note_crash(std::uint64_t digest, const std::string& how);
    // All the memory that a statement's process may have mapped for itself.
    std::uint64_t data_limit(const MemoryShares::Share& share) const;

    const WorkerSettings settings_;
    MemoryShares shares_;
    CrashHistory crashes_;
    DeadlineWatch deadlines_;
    std::atomic<std::uint64_t> statements_{0};
    mutable std::mutex running_mutex_;
    std::multimap<std::uint64_t, pid_t> running_;  // processes, by the number of what they run; 0 is left out
    std::atomic<std::uint64_t> own_bytes_{0};      // of a worker that has done nothing yet
    std::atomic<bool> said_missing_{false};
    std::unique_ptr<ProcessPool> pool_;
};

// What log lines call a statement.
std::string digest_text(std::uint64_t digest);

}  // namespace dl
