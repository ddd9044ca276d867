// What a process can still do that has closed itself in, tried from inside.
#include "common/process/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/perf_event.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

namespace dl {
namespace {

class SandboxTest : public ::testing::Test {
  protected:
    SandboxTest() {
        folder_ = ::testing::TempDir() + "dl_sandbox_" + std::to_string(::getpid());
        for (const char* part : {"/tables", "/spill", "/other"})
            std::filesystem::create_directories(folder_ + part);
        std::ofstream(folder_ + "/tables/file") << "rows";
        std::ofstream(folder_ + "/other/file") << "secret";
    }
    ~SandboxTest() override { std::filesystem::remove_all(folder_); }

    // What `attempts`, in a process that has closed itself in, say of what went right.
    template <class Attempts>
    std::string inside(Attempts attempts) {
        int ends[2];
        if (::pipe(ends) != 0) return "no pipe";
        const auto child = ::fork();
        if (child == 0) {
            std::string text;
            const auto entered = enter_sandbox({{folder_ + "/tables"}, folder_ + "/spill", 0});
            if (!entered) text = entered.error().to_text();
            if (entered) {
                // What this kernel lacks is told, and not tried.
                for (const auto& missing : *entered)
                    text += "missing " + missing.substr(0, missing.find(' ')) + ";";
                text += attempts();
            }
            if (::write(ends[1], text.data(), text.size()) < 0) ::_exit(1);
            ::_exit(0);
        }
        ::close(ends[1]);
        std::string told;
        char buffer[4096];
        for (ssize_t got; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;)
            told.append(buffer, static_cast<std::size_t>(got));
        ::close(ends[0]);
        int status = 0;
        ::waitpid(child, &status, 0);
        if (!WIFEXITED(status)) told += " ended by signal " + std::to_string(WTERMSIG(status));
        return told;
    }
    std::string folder_;
};

std::string tried(const char* what, long result) {
    return result < 0 ? "" : std::string(what) + ";";
}

TEST_F(SandboxTest, FilesOfItsTablesAreReadAndItsSpillFolderWrittenAndNothingElse) {
    const auto told = inside([this] {
        std::string went;
        const auto open = [this](const char* path, int flags) {
            return ::open((folder_ + path).c_str(), flags, 0600);
        };
        if (open("/tables/file", O_RDONLY) < 0) went += "a table is not read;";
        if (open("/spill/new", O_WRONLY | O_CREAT) < 0) went += "nothing spills;";
        went += tried("a table is written", open("/tables/file", O_WRONLY));
        went += tried("a table is made", open("/tables/new", O_WRONLY | O_CREAT));
        went += tried("a table is removed", ::unlink((folder_ + "/tables/file").c_str()));
        went += tried("other files are read", open("/other/file", O_RDONLY));
        went += tried("passwords are read", ::open("/etc/passwd", O_RDONLY));
        went += tried("memory of the parent is read",
                      ::open(("/proc/" + std::to_string(::getppid()) + "/mem").c_str(), O_RDONLY));
        went += tried("its environment is read",
                      ::open(("/proc/" + std::to_string(::getppid()) + "/environ").c_str(), O_RDONLY));
        went += tried("a file is moved out of the tables",
                      ::rename((folder_ + "/tables/file").c_str(), (folder_ + "/spill/file").c_str()));
        went += tried("a link is made", ::symlink("/etc/passwd", (folder_ + "/spill/link").c_str()));
        went += tried("a hard link is made",
                      ::link((folder_ + "/other/file").c_str(), (folder_ + "/spill/hard").c_str()));
        went += tried("a program is made executable", ::chmod((folder_ + "/spill/new").c_str(), 0700));
        return went;
    });
    if (told.find("missing landlock") != std::string::npos) GTEST_SKIP() << told;
    EXPECT_EQ(told, "");
}

TEST_F(SandboxTest, NoNetworkNoProgramsNoOtherProcesses) {
    const auto parent = ::getpid();
    const auto told = inside([parent] {
        std::string went;
        went += tried("a socket", ::socket(AF_INET, SOCK_STREAM, 0));
        went += tried("a socket of version 6", ::socket(AF_INET6, SOCK_DGRAM, 0));
        went += tried("a local socket", ::socket(AF_UNIX, SOCK_STREAM, 0));
        int pair[2];
        went += tried("a pair of sockets", ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
        char name[] = "/bin/true";
        char* arguments[] = {name, nullptr};
        went += tried("a program", ::execv(name, arguments));
        went += tried("a process", ::syscall(SYS_fork));
        went += tried("another process", ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
        went += tried("a signal to the parent", ::kill(parent, 0));
        went += tried("tracing", ::ptrace(PTRACE_ATTACH, parent, nullptr, nullptr));
        went += tried("reading memory of the parent",
                      ::syscall(SYS_process_vm_readv, parent, nullptr, 0, nullptr, 0, 0));
        went += tried("its descriptors", ::syscall(SYS_pidfd_open, parent, 0));
        went += tried("io_uring", ::syscall(SYS_io_uring_setup, 4, nullptr));
        perf_event_attr attributes{};
        went += tried("perf", ::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
        went += tried("bpf", ::syscall(SYS_bpf, 0, nullptr, 0));
        went += tried("a user namespace", ::syscall(SYS_unshare, 0x10000000));
        went += tried("keys", ::syscall(SYS_keyctl, 0, -3, 0));
        went += tried("shared memory", ::syscall(SYS_shmget, 4711, 4096, 0600 | 01000));
        return went;
    });
    if (told.find("missing seccomp") != std::string::npos) GTEST_SKIP() << told;
    EXPECT_EQ(told, "");
}

TEST_F(SandboxTest, LeavesNoDumpAndGetsNoRightsBack) {
    const auto told = inside([] {
        std::string went;
        rlimit core{};
        if (::getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0) went += "core dumps;";
        const rlimit more{1, 1};
        went += tried("limits are raised", ::setrlimit(RLIMIT_CORE, &more));
        went += tried("it becomes another user", ::setuid(1));
        went += tried("it is dumpable again", ::prctl(PR_SET_DUMPABLE, 1));
        went += tried("it is not to end with its parent", ::prctl(PR_SET_PDEATHSIG, 0));
        std::ifstream status("/proc/self/status");
        if (status) went += "its own state is read;";
        return went;
    });
    const bool closed = told.find("missing landlock") == std::string::npos;
    if (!closed || told.find("missing seccomp") != std::string::npos) GTEST_SKIP() << told;
    EXPECT_EQ(told, "");
}

}  // namespace
}  // namespace dl
