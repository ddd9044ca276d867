// Processes that stand ready for one piece of work each at a time. One thread of the pool starts them
// beforehand, ends those that are idle for long, and waits for the end of those that were killed; who takes a
// process waits only when none is ready. The kernel kills them all when the pool's thread ends.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/async/query_cancel.h"
#include "common/base/error.h"
#include "common/process/child_process.h"
#include "common/process/frame_channel.h"

namespace dl {

// A process and the daemon's ends of its two channels: frames of its work, and what concerns it beside that.
struct PooledProcess {
    ChildProcess child;
    FrameChannel data;
    FrameChannel control;
    std::uint64_t number = 0;         // of the pool's processes, from 1
    std::uint64_t data_limit = 0;     // what limit_data() has set; 0: nothing yet
    std::function<void()> when_dead;  // called once, after its end
};

struct ProcessPoolOptions {
    std::string program = "/proc/self/exe";
    std::vector<std::string> arguments;  // the first is the name it shows
    std::size_t ready = 2;               // stand by
    std::size_t processes_max = 128;
    std::chrono::milliseconds idle_max{30'000};  // of those beyond `ready`
    // Brings a new process to where it can take work, on the pool's thread; bounded in time.
    std::function<Result<void>(PooledProcess&)> greet;
};

class ProcessPool {
  public:
    // Returns when the first process is ready, or with its error.
    static Result<std::unique_ptr<ProcessPool>> start(ProcessPoolOptions options);
    ~ProcessPool();  // no process may be out
    ProcessPool(const ProcessPool&) = delete;
    ProcessPool& operator=(const ProcessPool&) = delete;

    // Blocking. OVERLOADED when processes_max are out, UNAVAILABLE when none can be started until `deadline`,
    // or the reason of `cancel`.
    Result<std::unique_ptr<PooledProcess>> take(std::chrono::steady_clock::time_point deadline,
                                                const QueryCancel& cancel);
    // It is as good as new.
    void give_back(std::unique_ptr<PooledProcess> process);
    // Kills it. `held` is let go of when it is dead.
    void end(std::unique_ptr<PooledProcess> process, std::shared_ptr<const void> held);
    std::size_t ready_now() const;

  private:
    using Clock = std::chrono::steady_clock;
    struct Idle {
        std::unique_ptr<PooledProcess> process;
        Clock::time_point since;
    };
    struct Dying {
        std::unique_ptr<PooledProcess> process;
        std::shared_ptr<const void> held;
    };
    explicit ProcessPool(ProcessPoolOptions options) : options_(std::move(options)) {}
    void run();
    Result<std::unique_ptr<PooledProcess>> start_one(std::uint64_t number) const;
    void start_wanted(std::unique_lock<std::mutex>& lock);
    void end_idle(std::unique_lock<std::mutex>& lock);
    void bury(std::unique_lock<std::mutex>& lock);
    std::size_t wanted() const;  // processes to start, with mutex_ held

    const ProcessPoolOptions options_;
    mutable std::mutex mutex_;
    std::condition_variable work_, readied_;
    std::vector<Idle> idle_;
    std::vector<Dying> dying_;
    std::size_t out_ = 0;      // taken and not given back, and those dying
    std::size_t waiting_ = 0;  // in take()
    std::uint64_t started_ = 0;
    std::optional<Error> start_error_;  // of the last start, while it failed
    Clock::time_point start_again_{};
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace dl
