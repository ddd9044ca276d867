#include "common/process/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>
#include <utility>

#include "common/process/unique_fd.h"

namespace dl {
namespace {

constexpr int kFirstFd = 3;

// Of posix_spawn's own form.
struct SpawnSettings {
    SpawnSettings() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    ~SpawnSettings() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

Error failed(int error) {
    return make_error(ErrorCode::unavailable,
                      std::string("a process for queries cannot be started: ") + std::strerror(error));
}

}  // namespace

std::string ProcessExit::to_text() const {
    if (signal != 0) return "signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
    return "status " + std::to_string(status);
}

Result<ChildProcess> ChildProcess::start(const std::string& program,
                                         const std::vector<std::string>& arguments,
                                         std::span<const int> fds) {
    SpawnSettings settings;
    // Out of the way of the numbers they get.
    std::vector<UniqueFd> sources;
    for (const int fd : fds) {
        sources.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, kFirstFd + static_cast<int>(fds.size()) + 1));
        if (!sources.back()) return failed(errno);
    }
    posix_spawn_file_actions_addopen(&settings.actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&settings.actions, 1, "/dev/null", O_WRONLY, 0);
    int next = kFirstFd;
    for (const auto& source : sources)
        posix_spawn_file_actions_adddup2(&settings.actions, source.get(), next++);
    posix_spawn_file_actions_addclosefrom_np(&settings.actions, next);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&settings.attributes, &none);
    posix_spawnattr_setsigdefault(&settings.attributes, &all);
    posix_spawnattr_setpgroup(&settings.attributes, 0);
    posix_spawnattr_setflags(&settings.attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    std::vector<char*> argv;
    for (const auto& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    // Nothing of the daemon's. No thread of the allocator: a process closes itself in while it has one
    // thread.
    std::string allocator = "MALLOC_CONF=background_thread:false,dirty_decay_ms:1000,muzzy_decay_ms:0";
    std::vector<char*> environment{allocator.data()};
#ifdef DL_FAILPOINTS
    std::string faults = "DL_FAILPOINT=";
    if (const char* set = std::getenv("DL_FAILPOINT")) {
        faults += set;
        environment.push_back(faults.data());
    }
#endif
    environment.push_back(nullptr);
    ChildProcess child;
    const int error = ::posix_spawn(&child.pid_, program.c_str(), &settings.actions, &settings.attributes,
                                    argv.data(), environment.data());
    if (error != 0) {
        child.pid_ = -1;
        return failed(error);
    }
    return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exit_(other.exit_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(exit_, other.exit_);
    return *this;
}

ChildProcess::~ChildProcess() {
    if (pid_ < 0 || exit_) return;
    kill();
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

void ChildProcess::kill() const {
    if (pid_ > 0 && !exit_) ::kill(pid_, SIGKILL);
}

std::optional<ProcessExit> ChildProcess::wait(std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (!exit_ && pid_ > 0) {
        int status = 0;
        const auto got = ::waitpid(pid_, &status, WNOHANG);
        if (got == pid_) {
            exit_ =
                WIFSIGNALED(status) ? ProcessExit{0, WTERMSIG(status)} : ProcessExit{WEXITSTATUS(status), 0};
        } else if (got < 0 && errno != EINTR) {
            exit_ = ProcessExit{-1, 0};  // somebody else has waited for it
        } else if (std::chrono::steady_clock::now() >= end) {
            return std::nullopt;
        } else {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
    return exit_;
}

namespace {

// A figure in KiB of what the kernel tells of a process; 0: it has ended.
std::uint64_t bytes_in_status(pid_t pid, std::string_view name) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(name)) return std::strtoull(line.c_str() + name.size(), nullptr, 10) * 1024;
    return 0;
}

}  // namespace

std::uint64_t resident_bytes(pid_t pid) {
    return bytes_in_status(pid, "RssAnon:");
}

std::uint64_t ChildProcess::data_bytes() const {
    return bytes_in_status(pid_, "VmData:");
}

bool ChildProcess::limit_data(std::uint64_t bytes) const {
    rlimit limit{};
    if (::prlimit(pid_, RLIMIT_DATA, nullptr, &limit) != 0) return false;
    limit.rlim_cur = std::min<rlim_t>(bytes, limit.rlim_max);
    return ::prlimit(pid_, RLIMIT_DATA, &limit, nullptr) == 0;
}

}  // namespace dl
