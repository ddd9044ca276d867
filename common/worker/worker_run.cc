#include "common/worker/worker_run.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/base/byte_io.h"
#include "common/base/log.h"

namespace dl {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStopGrace{500};  // from asking a worker to stop to killing it
constexpr milliseconds kLookAtCancel{50};
constexpr milliseconds kEndWait{200};  // for how a process ended that is gone

}  // namespace

WorkerRun::WorkerRun(WorkerHost& host, std::shared_ptr<QueryCancel> cancel, std::shared_ptr<const void> held,
                     std::uint64_t digest, std::uint64_t number)
    : host_(host), cancel_(std::move(cancel)), held_(std::move(held)), digest_(digest), statement_(number) {}

WorkerRun::~WorkerRun() {
    release(false);
}

void WorkerRun::end() {
    release(false);
}

// Fit: it has answered all and takes another statement. Else it is killed, and keeps what it reads until it
// is dead (INV-7).
void WorkerRun::release(bool fit) {
    if (process_ == nullptr) return;
    host_.note_ended(statement_, process_->child.pid());
    if (!fit) process_->child.kill();  // who waits for it to read an answer waits no longer
    std::unique_ptr<PooledProcess> process;
    {
        const std::lock_guard lock(control_mutex_);
        process = std::move(process_);
    }
    if (fit)
        host_.pool_->give_back(std::move(process));
    else
        host_.pool_->end(std::move(process), std::move(held_));
    held_.reset();
    share_ = {};
}

Result<void> WorkerRun::watch(Clock::time_point deadline) {
    wake_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_) return make_error(ErrorCode::unavailable, "no descriptors are left for a query");
    on_cancel_ = cancel_->on_cancel([fd = wake_.get()](ErrorCode) {
        const std::uint64_t one = 1;
        if (::write(fd, &one, sizeof one) < 0) return;  // full: it is awake
    });
    deadline_ = deadline;
    watched_ = host_.deadlines_.watch(deadline, cancel_);
    number_ = ++host_.statements_;
    if (const auto why = cancel_->reason()) return make_error(*why, "the query was stopped before it began");
    return {};
}

Result<void> WorkerRun::send(std::string_view statement, std::span<const int> fds) {
    DL_TRY_ASSIGN(auto process, host_.pool_->take(deadline_, *cancel_));
    {
        const std::lock_guard lock(control_mutex_);
        process_ = std::move(process);
    }
    host_.note_running(statement_, process_->child.pid());
    share_ = host_.shares_.lend();
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // their shadows count as data
    const auto limit = host_.data_limit(share_);
    const bool limited = process_->data_limit == limit || process_->child.limit_data(limit);
    process_->data_limit = limited ? limit : 0;
    if (!limited)
        DL_LOG_LIMITED(1, LogLevel::warn, host_.settings_.component,
                       "the memory of a process for queries is not limited", {"process", process_->number});
#endif
    char limits[24];
    store_le(limits, number_);
    store_le(limits + 8, share_.memory_bytes());
    store_le(limits + 16, share_.spill_bytes());
    const std::string_view parts[] = {{limits, sizeof limits}, statement};
    auto sent = process_->data.send(static_cast<std::uint32_t>(WorkerFrame::statement), parts, fds,
                                    [this](int fd, short events) { return wait(fd, events); });
    if (!sent) return ended_by(sent.error());
    return {};
}

// Also for the cancel, and from then on until the worker is to be killed.
Result<void> WorkerRun::wait(int fd, short events) {
    for (;;) {
        pollfd fds[] = {{fd, events, 0}, {wake_.get(), POLLIN, 0}};
        int timeout = -1;
        if (kill_at_) {
            timeout = static_cast<int>(
                std::max<std::int64_t>(0, std::chrono::ceil<milliseconds>(*kill_at_ - Clock::now()).count()));
        }
        const int ready = ::poll(fds, kill_at_ ? 1 : 2, timeout);
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) return make_error(ErrorCode::unavailable, "poll for a query failed");
        if (ready == 0) {
            killed_ = true;
            return make_error(ErrorCode::timeout, "it did not stop when it was asked to");
        }
        if (fds[0].revents != 0) return {};
        ask_to_stop(cancel_->reason().value_or(ErrorCode::cancelled));
    }
}

void WorkerRun::ask_to_stop(ErrorCode why) {
    kill_at_ = Clock::now() + kStopGrace;
    char stop[9];
    store_le(stop, number_);
    store_le(stop + 8, static_cast<std::uint8_t>(why));
    const std::string_view part(stop, sizeof stop);
    const std::unique_lock lock(control_mutex_, *kill_at_);
    if (!lock) return;
    // It reads these at once; when it does not, it is killed all the same.
    (void)process_->control.send(
        static_cast<std::uint32_t>(WorkerFrame::stop), {&part, 1}, {},
        [end = *kill_at_](int fd, short events) -> Result<void> {
            const auto left = std::chrono::ceil<milliseconds>(end - Clock::now());
            pollfd poll_fd{fd, events, 0};
            if (left.count() > 0 && ::poll(&poll_fd, 1, static_cast<int>(left.count())) != 0) return {};
            return make_error(ErrorCode::timeout, "a worker does not listen");
        });
}

void WorkerRun::answer(std::span<const std::string_view> parts) {
    const std::lock_guard lock(control_mutex_);
    if (process_ == nullptr) return;
    // A process that does not read is given half a second from the deadline or the cancel on, as everywhere.
    std::optional<Clock::time_point> end;
    (void)process_->control.send(static_cast<std::uint32_t>(WorkerFrame::answer), parts, {},
                                 [this, &end](int fd, short events) -> Result<void> {
                                     for (;;) {
                                         pollfd poll_fd{fd, events, 0};
                                         if (::poll(&poll_fd, 1, static_cast<int>(kLookAtCancel.count())) > 0)
                                             return {};
                                         if (!end && cancel_->reason()) end = Clock::now() + kStopGrace;
                                         if (!end || Clock::now() < *end) continue;
                                         process_->child.kill();
                                         return make_error(ErrorCode::timeout, "a worker does not listen");
                                     }
                                 });
}

Error WorkerRun::stopped(ErrorCode why) const {
    switch (why) {
        case ErrorCode::timeout:
            return make_error(why,
                              "the query ran out of time and was stopped; raise timeout_ms or ask for less");
        case ErrorCode::unavailable:
            return make_error(why, "the server is stopping");
        default:
            return make_error(why, "the query was cancelled");
    }
}

// The worker gave no proper answer: why, and it is not used again.
Error WorkerRun::ended_by(const Error& channel) {
    if (channel.code == ErrorCode::corrupt_data) return nonsense(channel);
    const auto reason = cancel_->reason();
    if (killed_ && reason) {
        release(false);
        return stopped(*reason);
    }
    host_.note_ended(statement_, process_->child.pid());  // its number may be another's from then on
    const auto end = process_->child.wait(kEndWait);
    release(false);
    if (end && end->signal == 0 && end->status == kOutOfMemoryStatus)
        return too_little_memory(host_.settings_.memory_key);
    if (reason) return stopped(*reason);
    return host_.note_crash(digest_, end ? end->to_text() : "it closed its socket");
}

Error WorkerRun::nonsense(const Error& what) {
    log_error(host_.settings_.component, "a process for queries sent what it should not",
              {{"digest", digest_text(digest_)}, {"error", what}});
    release(false);
    return host_.note_crash(digest_, "it answered with nonsense");
}

Error WorkerRun::failed(const Frame& frame) {
    auto failure = WorkerFailure::decode(frame.bytes.view());
    if (!failure) return nonsense(failure.error());
    if (failure->ends)
        log_warn(host_.settings_.component, "a process for queries is not used again",
                 {{"digest", digest_text(digest_)}, {"error", failure->error}});
    release(!failure->ends);
    // The first reason is the one that is told.
    if (const auto reason = cancel_->reason(); reason && failure->error.code != *reason)
        return stopped(*reason);
    return std::move(failure->error);
}

Result<Frame> WorkerRun::receive() {
    // No more than it can have.
    const auto bytes_max = host_.data_limit(share_);
    for (;;) {
        // A worker with rows at hand is never waited for.
        if (const auto why = cancel_->reason(); why && !kill_at_) ask_to_stop(*why);
        if (kill_at_ && Clock::now() >= *kill_at_) {
            killed_ = true;
            return ended_by(make_error(ErrorCode::timeout, "it did not stop when it was asked to"));
        }
        auto frame =
            process_->data.receive(bytes_max, 0, [this](int fd, short events) { return wait(fd, events); });
        if (!frame) return ended_by(frame.error());
        const auto kind = static_cast<WorkerFrame>(frame->kind);
        if (kind == WorkerFrame::failed) return failed(*frame);
        const bool at_end = kind == WorkerFrame::end;
        if (at_end) release(true);
        // What was on its way when it was asked to stop is not all there is.
        if (kill_at_ && at_end) return stopped(cancel_->reason().value_or(ErrorCode::cancelled));
        if (!kill_at_) return std::move(*frame);
    }
}

}  // namespace dl
