#include "slave/query/worker_executor.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <utility>

#include "common/async/deadline_watch.h"
#include "common/base/byte_io.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/io/file_system.h"
#include "common/process/crash_history.h"
#include "common/process/process_pool.h"
#include "slave/query/fragment_codec.h"
#include "slave/query/memory_shares.h"
#include "slave/query/point_query.h"
#include "slave/query/worker_protocol.h"

namespace dl::slave {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto kComponent = "slave.query";
constexpr milliseconds kStopGrace{500};        // from asking a worker to stop to killing it
constexpr milliseconds kGreetingWait{30'000};  // a busy machine
constexpr milliseconds kEndWait{200};          // for how a process ended that is gone
constexpr int kNiceness = 5;
constexpr std::size_t kResultsPerQuery = 16;  // open beside one another, as the master's
// Of what a worker sends: columns and errors, and rows, which have no more than a batch.
constexpr std::uint64_t kRowsBytesMax = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kGreetingBytesMax = 64u << 10;
// Beside what the engine counts itself: its threads, and what functions allocate for values.
constexpr std::uint64_t kUncountedBytes = 128u << 20;

std::string digest_text(std::uint64_t digest) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4)
        text += kDigits[(digest >> shift) & 15];
    return text;
}

// Waits for a channel until a time.
FrameChannel::Wait until(Clock::time_point end) {
    return [end](int fd, short events) -> Result<void> {
        const auto left = std::chrono::ceil<milliseconds>(end - Clock::now()).count();
        pollfd poll_fd{fd, events, 0};
        if (left <= 0 || ::poll(&poll_fd, 1, static_cast<int>(left)) == 0)
            return make_error(ErrorCode::timeout, "a process for queries does not answer");
        return {};
    };
}

class Executor;

// One statement in a worker. Members die from the last to the first: nothing may call into `wake` any more
// when it goes.
class WorkerRun final : public QueryRows {
  public:
    WorkerRun(Executor& owner, FragmentQuery asked, std::uint64_t digest);
    ~WorkerRun() override;
    Result<void> start(DeadlineWatch& deadlines, std::uint64_t number);

    const std::vector<ResultColumn>& columns() const override { return columns_; }
    Result<std::optional<ColumnBatch>> next() override;

  private:
    Result<std::optional<ColumnBatch>> next_batch();
    Result<Frame> receive(std::uint64_t bytes_max);
    Result<void> wait(int fd, short events);
    Result<void> send_statement(const EncodedFragment& encoded);
    Error stopped(ErrorCode why) const;
    Error ended_by(const Error& channel);
    Error failed(const Frame& frame);
    void ask_to_stop(ErrorCode why);
    void release(bool fit);

    Executor& owner_;
    std::shared_ptr<FragmentQuery> query_;
    const std::uint64_t digest_;
    std::uint64_t number_ = 0;
    MemoryShares::Share share_;
    std::unique_ptr<PooledProcess> process_;
    std::vector<ResultColumn> columns_;
    std::optional<Error> error_;
    bool at_end_ = false;
    bool killed_ = false;
    std::optional<Clock::time_point> kill_at_;  // set once it was asked to stop
    UniqueFd wake_;                             // an eventfd: the query is cancelled
    QueryCancel::Registration on_cancel_;
    DeadlineWatch::Entry deadline_;
};

class Executor final : public WorkerExecutor {
  public:
    explicit Executor(QueryWorkerSettings settings)
        : settings_(std::move(settings)),
          shares_(settings_.memory_bytes, settings_.spill_bytes, settings_.concurrent_max),
          sealed_(settings_.memory_bytes) {}

    Result<void> open() {
        if (!settings_.spill_folder.empty()) {
            // What a killed process left there is of no use.
            DL_TRY(posix_file_system().remove_tree(settings_.spill_folder));
            DL_TRY(posix_file_system().create_directories(settings_.spill_folder));
        }
        ProcessPoolOptions options;
        options.program = settings_.program;
        options.arguments = {"query-worker", kWorkerArgument};
        options.ready = settings_.ready;
        options.processes_max = kResultsPerQuery * settings_.concurrent_max;
        options.greet = [this](PooledProcess& process) { return greet(process); };
        DL_TRY_ASSIGN(pool_, ProcessPool::start(std::move(options)));
        return {};
    }

    Result<std::unique_ptr<QueryRows>> start(FragmentQuery query) override {
        DL_TRY_ASSIGN(auto answer, answer_point_select(query.sql, query.names, *query.view));
        if (answer) return rows_of(std::move(*answer));
        const auto digest = partition_hash(query.sql);
        if (const auto wait = crashes_.refused_for(digest, Clock::now()); wait.count() > 0)
            return make_error(ErrorCode::crashed,
                              "this statement has ended the process that ran it twice within a "
                              "minute and is refused for another " +
                                  std::to_string(wait.count()) + " s; write it in another way");
        auto run = std::make_unique<WorkerRun>(*this, std::move(query), digest);
        DL_TRY(run->start(deadlines_, ++statements_));
        return std::unique_ptr<QueryRows>(std::move(run));
    }

    void expire() override { sealed_.expire(); }
    std::uint64_t crashes() const override { return crashes_.total(); }
    std::size_t ready_now() const override { return pool_->ready_now(); }

    const QueryWorkerSettings& settings() const { return settings_; }
    ProcessPool& pool() { return *pool_; }
    MemoryShares& shares() { return shares_; }

    Error note_crash(std::uint64_t digest, const std::string& how) {
        crashes_.note(digest, Clock::now());
        log_error(kComponent, "a statement ended the process that ran it",
                  {{"digest", digest_text(digest)}, {"end", how}, {"crashes", crashes_.total()}});
        return make_error(ErrorCode::crashed, "the process that ran the query ended (" + how +
                                                  "); nothing else did; digest " + digest_text(digest));
    }

  private:
    // Only what the process needs to close itself in and to open the engine.
    Result<void> greet(PooledProcess& process) {
        WorkerSetup setup;
        setup.parent = ::getpid();
        setup.threads = settings_.threads;
        setup.niceness = kNiceness;
        setup.memory_bytes = settings_.memory_bytes;
        setup.readable_folders = settings_.readable_folders;
        if (!settings_.spill_folder.empty()) {
            setup.spill_folder = settings_.spill_folder + "/" + std::to_string(process.number);
            DL_TRY(posix_file_system().create_directories(setup.spill_folder));
            process.when_dead = [folder = setup.spill_folder] {
                if (const auto removed = posix_file_system().remove_tree(folder); !removed)
                    log_warn(kComponent, "a spill folder is left", {{"error", removed.error()}});
            };
        }
        const auto wait = until(Clock::now() + kGreetingWait);
        const auto bytes = setup.encode();
        const std::string_view part = bytes;
        DL_TRY(process.data.send(static_cast<std::uint32_t>(WorkerFrame::setup), {&part, 1}, {}, wait));
        DL_TRY_ASSIGN(const auto frame, process.data.receive(kGreetingBytesMax, 0, wait));
        if (frame.kind != static_cast<std::uint32_t>(WorkerFrame::ready))
            return make_error(ErrorCode::corrupt_data, "a process for queries does not greet");
        DL_TRY_ASSIGN(const auto ready, WorkerReady::decode(frame.bytes.view()));
        own_bytes_ = process.child.data_bytes();
        if (!said_missing_.exchange(true))
            for (const auto& what : ready.missing)
                log_warn(kComponent, "this kernel cannot protect from statements all it should",
                         {{"missing", what}});
        return {};
    }

    friend class WorkerRun;
    const QueryWorkerSettings settings_;
    MemoryShares shares_;
    SealedCache sealed_;
    CrashHistory crashes_;
    DeadlineWatch deadlines_;
    std::atomic<std::uint64_t> statements_{0};
    std::atomic<std::uint64_t> own_bytes_{0};  // of a worker that has done nothing yet
    std::atomic<bool> said_missing_{false};
    std::unique_ptr<ProcessPool> pool_;
};

WorkerRun::WorkerRun(Executor& owner, FragmentQuery asked, std::uint64_t digest)
    : owner_(owner), query_(std::make_shared<FragmentQuery>(std::move(asked))), digest_(digest) {}

WorkerRun::~WorkerRun() {
    release(false);
}

// Fit: it has answered all and takes another statement. Else it is killed, and keeps what it reads until it
// is dead (INV-7).
void WorkerRun::release(bool fit) {
    if (process_ == nullptr) return;
    if (fit)
        owner_.pool().give_back(std::move(process_));
    else
        owner_.pool().end(std::move(process_), query_);
}

Result<void> WorkerRun::start(DeadlineWatch& deadlines, std::uint64_t number) {
    number_ = number;
    wake_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_) return make_error(ErrorCode::unavailable, "no descriptors are left for a query");
    on_cancel_ = query_->cancel->on_cancel([fd = wake_.get()](ErrorCode) {
        const std::uint64_t one = 1;
        if (::write(fd, &one, sizeof one) < 0) return;  // full: it is awake
    });
    deadline_ = deadlines.watch(query_->deadline, query_->cancel);
    if (const auto why = query_->cancel->reason())
        return make_error(*why, "the query was stopped before it began");
    DL_TRY_ASSIGN(const auto encoded, encode_fragment(*query_, owner_.sealed_));
    DL_TRY_ASSIGN(process_, owner_.pool().take(query_->deadline, *query_->cancel));
    share_ = owner_.shares().lend();
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // their shadows count as data
    const auto memory = share_.memory_bytes();
    if (!process_->child.limit_data(owner_.own_bytes_ + memory + memory / 2 + kUncountedBytes))
        DL_LOG_LIMITED(1, LogLevel::warn, kComponent, "the memory of a process for queries is not limited",
                       {"process", process_->number});
#endif
    if (auto sent = send_statement(encoded); !sent) return ended_by(sent.error());
    auto frame = receive(kRowsBytesMax);
    if (!frame) return ended_by(frame.error());
    if (frame->kind == static_cast<std::uint32_t>(WorkerFrame::failed)) return failed(*frame);
    if (frame->kind != static_cast<std::uint32_t>(WorkerFrame::columns))
        return ended_by(make_error(ErrorCode::corrupt_data, "a process for queries answers out of turn"));
    auto columns = decode_columns(frame->bytes.view());
    if (!columns) return ended_by(columns.error());
    columns_ = std::move(*columns);
    return {};
}

Result<void> WorkerRun::send_statement(const EncodedFragment& encoded) {
    char limits[24];
    store_le(limits, number_);
    store_le(limits + 8, share_.memory_bytes());
    store_le(limits + 16, share_.spill_bytes());
    const std::string_view parts[] = {{limits, sizeof limits}, encoded.head};
    std::vector<int> fds;
    for (const auto& memory : encoded.memory)
        fds.push_back(memory->fd());
    return process_->data.send(static_cast<std::uint32_t>(WorkerFrame::statement), parts, fds,
                               [this](int fd, short events) { return wait(fd, events); });
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
        ask_to_stop(query_->cancel->reason().value_or(ErrorCode::cancelled));
    }
}

void WorkerRun::ask_to_stop(ErrorCode why) {
    kill_at_ = Clock::now() + kStopGrace;
    char stop[9];
    store_le(stop, number_);
    store_le(stop + 8, static_cast<std::uint8_t>(why));
    const std::string_view part(stop, sizeof stop);
    // It reads these at once; when it does not, it is killed all the same.
    (void)process_->control.send(static_cast<std::uint32_t>(WorkerFrame::stop), {&part, 1}, {},
                                 until(*kill_at_));
}

Result<Frame> WorkerRun::receive(std::uint64_t bytes_max) {
    return process_->data.receive(bytes_max, 0, [this](int fd, short events) { return wait(fd, events); });
}

Error WorkerRun::stopped(ErrorCode why) const {
    switch (why) {
        case ErrorCode::timeout:
            return make_error(why,
                              "the query ran out of time and was stopped; raise timeout_ms or ask for less");
        case ErrorCode::unavailable:
            return make_error(why, "the slave is stopping");
        default:
            return make_error(why, "the query was cancelled");
    }
}

// The worker gave no proper answer: why, and it is not used again.
Error WorkerRun::ended_by(const Error& channel) {
    const auto reason = query_->cancel->reason();
    if (channel.code == ErrorCode::corrupt_data) {
        log_error(kComponent, "a process for queries sent what it should not",
                  {{"digest", digest_text(digest_)}, {"error", channel}});
        release(false);
        return owner_.note_crash(digest_, "it answered with nonsense");
    }
    if (killed_ && reason) {
        release(false);
        return stopped(*reason);
    }
    const auto end = process_->child.wait(kEndWait);
    release(false);
    if (end && end->signal == 0 && end->status == kOutOfMemoryStatus)
        return make_error(ErrorCode::limit_exceeded,
                          "the query needs more memory than it may take of the slave; "
                          "raise slave.query.memory.bytes or ask for less");
    if (reason) return stopped(*reason);
    return owner_.note_crash(digest_, end ? end->to_text() : "it closed its socket");
}

Error WorkerRun::failed(const Frame& frame) {
    auto failure = WorkerFailure::decode(frame.bytes.view());
    if (!failure) return ended_by(failure.error());
    if (failure->ends)
        log_warn(kComponent, "a process for queries is not used again",
                 {{"digest", digest_text(digest_)}, {"error", failure->error}});
    release(!failure->ends);
    // The first reason is the one that is told.
    if (const auto reason = query_->cancel->reason(); reason && failure->error.code != *reason)
        return stopped(*reason);
    return std::move(failure->error);
}

Result<std::optional<ColumnBatch>> WorkerRun::next() {
    if (error_) return *error_;
    if (at_end_) return std::optional<ColumnBatch>{};
    auto batch = next_batch();
    if (!batch) error_ = batch.error();
    return batch;
}

Result<std::optional<ColumnBatch>> WorkerRun::next_batch() {
    for (;;) {
        // A worker with rows at hand is never waited for.
        if (const auto why = query_->cancel->reason(); why && !kill_at_) ask_to_stop(*why);
        if (kill_at_ && Clock::now() >= *kill_at_) {
            killed_ = true;
            return ended_by(make_error(ErrorCode::timeout, "it did not stop when it was asked to"));
        }
        auto frame = receive(kRowsBytesMax);
        if (!frame) return ended_by(frame.error());
        switch (static_cast<WorkerFrame>(frame->kind)) {
            case WorkerFrame::rows: {
                if (kill_at_) continue;  // nobody wants them any more
                auto batch = decode_rows(frame->bytes, columns_);
                if (!batch) return ended_by(batch.error());
                return std::optional<ColumnBatch>(std::move(*batch));
            }
            case WorkerFrame::end:
                at_end_ = true;
                release(true);
                share_ = {};
                return std::optional<ColumnBatch>{};
            case WorkerFrame::failed:
                return failed(*frame);
            default:
                return ended_by(
                    make_error(ErrorCode::corrupt_data, "a process for queries answers out of turn"));
        }
    }
}

}  // namespace

Result<std::unique_ptr<WorkerExecutor>> WorkerExecutor::create(QueryWorkerSettings settings) {
    auto executor = std::make_unique<Executor>(std::move(settings));
    DL_TRY(executor->open());
    return std::unique_ptr<WorkerExecutor>(std::move(executor));
}

}  // namespace dl::slave
