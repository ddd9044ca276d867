#include "common/process/process_pool.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/log.h"

namespace dl {
namespace {

constexpr const char* kNotInTime =
    "the time was over before a process for the query had started: the machine is busy (system.queries shows "
    "what runs); ask again, or with a longer timeout_ms";

using std::chrono::milliseconds;

constexpr auto kComponent = "process.pool";
constexpr milliseconds kStartAgain{200};  // after a process that could not be started
constexpr milliseconds kLookAtCancel{20};
constexpr milliseconds kLookAtDying{5};

}  // namespace

Result<std::unique_ptr<ProcessPool>> ProcessPool::start(ProcessPoolOptions options) {
    std::unique_ptr<ProcessPool> pool(new ProcessPool(std::move(options)));
    std::unique_lock lock(pool->mutex_);
    pool->thread_ = std::thread([p = pool.get()] { p->run(); });
    pool->readied_.wait(lock, [&] { return !pool->idle_.empty() || pool->start_error_; });
    if (pool->idle_.empty()) return *pool->start_error_;
    lock.unlock();
    return pool;
}

ProcessPool::~ProcessPool() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    work_.notify_all();
    if (thread_.joinable()) thread_.join();
    DL_CHECK(out_ == 0, "every process of a pool was given back");
}

Result<std::unique_ptr<PooledProcess>> ProcessPool::take(Clock::time_point deadline,
                                                         const QueryCancel& cancel) {
    std::unique_lock lock(mutex_);
    for (;;) {
        while (!idle_.empty()) {
            auto process = std::move(idle_.back().process);
            idle_.pop_back();
            ++out_;
            if (idle_.size() < options_.ready) work_.notify_one();
            // One that says something unasked is ending.
            if (!process->data.is_readable()) return process;
            lock.unlock();
            end(std::move(process), nullptr);
            lock.lock();
        }
        if (out_ >= options_.processes_max)
            return make_error(ErrorCode::overloaded,
                              "all " + std::to_string(options_.processes_max) +
                                  " processes for queries are in use, by results that are read slowly");
        if (const auto why = cancel.reason())
            return *why == ErrorCode::timeout && start_error_
                       ? *start_error_
                       : make_error(*why, *why == ErrorCode::timeout
                                              ? kNotInTime
                                              : "the query was stopped before a process for it was ready");
        if (Clock::now() >= deadline)
            return start_error_ ? *start_error_ : make_error(ErrorCode::timeout, kNotInTime);
        ++waiting_;
        work_.notify_one();
        readied_.wait_until(lock, std::min(deadline, Clock::now() + kLookAtCancel));
        --waiting_;
    }
}

void ProcessPool::give_back(std::unique_ptr<PooledProcess> process) {
    const std::lock_guard lock(mutex_);
    DL_CHECK(out_ > 0, "what is given back was taken");
    --out_;
    idle_.push_back({std::move(process), Clock::now()});
    readied_.notify_one();
}

void ProcessPool::end(std::unique_ptr<PooledProcess> process, std::shared_ptr<const void> held) {
    process->child.kill();
    const std::lock_guard lock(mutex_);
    dying_.push_back({std::move(process), std::move(held)});
    work_.notify_one();
}

std::size_t ProcessPool::ready_now() const {
    const std::lock_guard lock(mutex_);
    return idle_.size();
}

std::size_t ProcessPool::wanted() const {
    const auto target = std::max(options_.ready, waiting_);
    if (stopping_ || idle_.size() >= target || Clock::now() < start_again_) return 0;
    return out_ + idle_.size() >= options_.processes_max + options_.ready ? 0 : target - idle_.size();
}

Result<std::unique_ptr<PooledProcess>> ProcessPool::start_one(std::uint64_t number) const {
    DL_TRY_ASSIGN(auto data, FrameChannel::make_pair());
    DL_TRY_ASSIGN(auto control, FrameChannel::make_pair());
    auto process = std::make_unique<PooledProcess>();
    process->number = number;
    process->data = std::move(data.first);
    process->control = std::move(control.first);
    const int fds[] = {data.second.fd(), control.second.fd()};
    DL_TRY_ASSIGN(process->child, ChildProcess::start(options_.program, options_.arguments, fds));
    data.second.close();
    control.second.close();
    auto greeted = options_.greet(*process);
    if (greeted) return process;
    process->child.kill();
    auto error = greeted.error();
    if (const auto ended = process->child.wait(milliseconds(1000)))
        error.message += " (its process ended with " + ended->to_text() + ")";
    if (process->when_dead) process->when_dead();
    return error;
}

// Starts one process; without the lock.
void ProcessPool::start_wanted(std::unique_lock<std::mutex>& lock) {
    if (wanted() == 0) return;
    const auto number = ++started_;
    lock.unlock();
    auto started = start_one(number);
    lock.lock();
    if (started) {
        start_error_.reset();
        idle_.push_back({std::move(*started), Clock::now()});
    } else {
        if (!start_error_) log_error(kComponent, "a process cannot be started", {{"error", started.error()}});
        start_error_ = started.error();
        start_again_ = Clock::now() + kStartAgain;
    }
    readied_.notify_all();
}

// Ends those that say something unasked, which is that they have ended, and those beyond `ready` that nobody
// has wanted for long, the longest idle first.
void ProcessPool::end_idle(std::unique_lock<std::mutex>& lock) {
    std::vector<std::unique_ptr<PooledProcess>> ending;
    for (auto at = idle_.begin(); at != idle_.end();) {
        const bool spare = idle_.size() > options_.ready && at->since + options_.idle_max <= Clock::now();
        if (!stopping_ && !spare && !at->process->data.is_readable()) {
            ++at;
            continue;
        }
        ending.push_back(std::move(at->process));
        at = idle_.erase(at);
        ++out_;
    }
    lock.unlock();
    for (auto& process : ending)
        end(std::move(process), nullptr);
    lock.lock();
}

void ProcessPool::bury(std::unique_lock<std::mutex>& lock) {
    auto dying = std::exchange(dying_, {});
    lock.unlock();
    std::size_t dead = 0;
    std::vector<Dying> left;
    for (auto& one : dying) {
        if (!one.process->child.wait(milliseconds(0))) {
            left.push_back(std::move(one));
            continue;
        }
        if (one.process->when_dead) one.process->when_dead();
        one = {};
        ++dead;
    }
    lock.lock();
    out_ -= dead;
    for (auto& one : left)
        dying_.push_back(std::move(one));
}

void ProcessPool::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        bury(lock);
        end_idle(lock);
        start_wanted(lock);
        if (stopping_ && idle_.empty() && dying_.empty()) return;
        if (wanted() > 0 || (stopping_ && dying_.empty())) continue;
        auto wake = Clock::now() + std::chrono::seconds(1);
        if (!dying_.empty()) wake = Clock::now() + kLookAtDying;
        if (start_error_ && idle_.size() < options_.ready)
            wake = std::min(wake, std::max(start_again_, Clock::now() + milliseconds(1)));
        work_.wait_until(lock, wake);
    }
}

}  // namespace dl
