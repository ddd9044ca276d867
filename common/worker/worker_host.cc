#include "common/worker/worker_host.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/io/file_system.h"
#include "common/worker/worker_protocol.h"

namespace dl {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kGreetingWait{30'000};  // a busy machine
constexpr int kNiceness = 5;
constexpr std::size_t kResultsPerStatement = 16;  // open beside one another, as the master's
constexpr std::uint64_t kGreetingBytesMax = 64u << 10;
// Beside what the engine counts itself: its threads, and what functions allocate for values.
constexpr std::uint64_t kUncountedBytes = 128u << 20;

FrameChannel::Wait greeted_by(Clock::time_point end) {
    return [end](int fd, short events) -> Result<void> {
        const auto left = std::chrono::ceil<milliseconds>(end - Clock::now()).count();
        pollfd poll_fd{fd, events, 0};
        if (left <= 0 || ::poll(&poll_fd, 1, static_cast<int>(left)) == 0)
            return make_error(ErrorCode::timeout, "a process for queries does not answer");
        return {};
    };
}

}  // namespace

std::string digest_text(std::uint64_t digest) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4)
        text += kDigits[(digest >> shift) & 15];
    return text;
}

WorkerHost::WorkerHost(WorkerSettings settings)
    : settings_(std::move(settings)),
      shares_(settings_.memory_bytes, settings_.spill_bytes, settings_.concurrent_max) {}

Result<std::unique_ptr<WorkerHost>> WorkerHost::start(WorkerSettings settings) {
    std::unique_ptr<WorkerHost> host(new WorkerHost(std::move(settings)));
    DL_TRY(host->open());
    return host;
}

Result<void> WorkerHost::open() {
    if (!settings_.spill_folder.empty()) {
        // What a killed process left there is of no use.
        DL_TRY(posix_file_system().remove_tree(settings_.spill_folder));
        DL_TRY(posix_file_system().create_directories(settings_.spill_folder));
    }
    ProcessPoolOptions options;
    options.program = settings_.program;
    options.arguments = {"query-worker", kWorkerArgument};
    options.ready = settings_.ready;
    options.processes_max = kResultsPerStatement * settings_.concurrent_max;
    options.greet = [this](PooledProcess& process) { return greet(process); };
    DL_TRY_ASSIGN(pool_, ProcessPool::start(std::move(options)));
    return {};
}

// Only what the process needs to close itself in and to open the engine.
Result<void> WorkerHost::greet(PooledProcess& process) {
    WorkerSetup setup;
    setup.parent = ::getpid();
    setup.threads = settings_.threads;
    setup.niceness = kNiceness;
    setup.memory_bytes = settings_.memory_bytes;
    setup.readable_folders = settings_.readable_folders;
    setup.memory_key = settings_.memory_key;
    if (!settings_.spill_folder.empty()) {
        setup.spill_folder = settings_.spill_folder + "/" + std::to_string(process.number);
        DL_TRY(posix_file_system().create_directories(setup.spill_folder));
        process.when_dead = [folder = setup.spill_folder, component = settings_.component] {
            if (const auto removed = posix_file_system().remove_tree(folder); !removed)
                log_warn(component, "a spill folder is left", {{"error", removed.error()}});
        };
    }
    const auto wait = greeted_by(Clock::now() + kGreetingWait);
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
            log_warn(settings_.component, "this kernel cannot protect from statements all it should",
                     {{"missing", what}});
    return {};
}

Result<void> WorkerHost::admit(std::uint64_t digest) {
    const auto wait = crashes_.refused_for(digest, Clock::now());
    if (wait.count() <= 0) return {};
    return make_error(ErrorCode::crashed,
                      "this statement has ended the process that ran it twice within a minute and is refused "
                      "for another " +
                          std::to_string(wait.count()) + " s; write it in another way");
}

// A process is taken off the list before it is waited for: its number is no other's.
std::map<std::uint64_t, std::uint64_t> WorkerHost::memory() const {
    std::map<std::uint64_t, std::uint64_t> memory;
    const std::lock_guard lock(running_mutex_);
    for (const auto& [number, pid] : running_)
        if (const auto bytes = resident_bytes(pid); bytes != 0) memory[number] += bytes;
    return memory;
}

void WorkerHost::note_running(std::uint64_t number, pid_t pid) {
    if (number == 0) return;
    const std::lock_guard lock(running_mutex_);
    running_.emplace(number, pid);
}

void WorkerHost::note_ended(std::uint64_t number, pid_t pid) {
    if (number == 0) return;
    const std::lock_guard lock(running_mutex_);
    const auto [from, to] = running_.equal_range(number);
    const auto found = std::find_if(from, to, [pid](const auto& one) { return one.second == pid; });
    if (found != to) running_.erase(found);
}

Error WorkerHost::note_crash(std::uint64_t digest, const std::string& how) {
    crashes_.note(digest, Clock::now());
    log_error(settings_.component, "a statement ended the process that ran it",
              {{"digest", digest_text(digest)}, {"end", how}, {"crashes", crashes_.total()}});
    return make_error(ErrorCode::crashed, "the process that ran the query ended (" + how +
                                              "); nothing else did; digest " + digest_text(digest));
}

std::uint64_t WorkerHost::data_limit(const MemoryShares::Share& share) const {
    return own_bytes_ + share.memory_bytes() + share.memory_bytes() / 2 + kUncountedBytes;
}

}  // namespace dl
