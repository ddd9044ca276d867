// One statement in a process of its own, seen from the daemon. Deadline and cancel are kept here: at either
// the process is asked to stop, and killed half a second later. What it sends is to be checked by who
// receives it. One thread at a time, except answer().
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>

#include "common/async/query_cancel.h"
#include "common/base/error.h"
#include "common/worker/worker_host.h"
#include "common/worker/worker_protocol.h"

namespace dl {

class WorkerRun {
  public:
    // `held` is what the statement reads (INV-7): let go of when the process has answered or is dead.
    // `number`: under which WorkerHost::memory() tells of it; 0: not at all.
    WorkerRun(WorkerHost& host, std::shared_ptr<QueryCancel> cancel, std::shared_ptr<const void> held,
              std::uint64_t digest, std::uint64_t number = 0);
    ~WorkerRun();  // ends the process unless the statement has ended
    WorkerRun(const WorkerRun&) = delete;
    WorkerRun& operator=(const WorkerRun&) = delete;

    // From here on the deadline is watched. The reason of `cancel` when it was stopped before it began.
    Result<void> watch(std::chrono::steady_clock::time_point deadline);
    // Takes a process and gives it the statement. Errors as receive(), OVERLOADED, UNAVAILABLE.
    Result<void> send(std::string_view statement, std::span<const int> fds);
    // The next columns, rows or call, or the end, after which the process is given back. After an error
    // nothing more comes: the statement's own, TIMEOUT, CANCELLED, LIMIT_EXCEEDED (memory), CRASHED.
    Result<Frame> receive();
    // The process has sent something already, or is gone: receive() begins without a wait.
    bool has_frame() const { return process_ != nullptr && process_->data.is_readable(); }
    // To a call; from any thread while the run lives. What does not arrive is of no use any more.
    void answer(std::span<const std::string_view> parts);
    // The process has sent what it should not: it is ended, and the statement counts as crashed.
    Error nonsense(const Error& what);
    // Nothing is wanted of it any more, and it has nothing to say.
    void end();
    bool ended() const { return process_ == nullptr; }

  private:
    using Clock = std::chrono::steady_clock;
    Result<void> wait(int fd, short events);
    void ask_to_stop(ErrorCode why);
    Error stopped(ErrorCode why) const;
    Error ended_by(const Error& channel);
    Error failed(const Frame& frame);
    void release(bool fit);

    WorkerHost& host_;
    const std::shared_ptr<QueryCancel> cancel_;
    std::shared_ptr<const void> held_;
    const std::uint64_t digest_;
    const std::uint64_t statement_;
    std::uint64_t number_ = 0;
    MemoryShares::Share share_;
    std::timed_mutex control_mutex_;  // one sends at a time
    std::unique_ptr<PooledProcess> process_;
    bool killed_ = false;
    std::optional<Clock::time_point> kill_at_;  // set once it was asked to stop
    UniqueFd wake_;                             // an eventfd: the statement is cancelled
    QueryCancel::Registration on_cancel_;       // dies before `wake_`
    Clock::time_point deadline_;
    DeadlineWatch::Entry watched_;
};

}  // namespace dl
