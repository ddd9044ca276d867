#include "common/process/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "common/process/unique_fd.h"

namespace dl {
namespace {

Error failed(const std::string& what, int error = errno) {
    return make_error(ErrorCode::io_error,
                      "a process for queries cannot be closed in: " + what + ": " + std::strerror(error));
}

// Of a daemon that runs as root.
Result<void> drop_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
    if (::syscall(SYS_capset, &header, none) != 0) return failed("capabilities");
    return {};
}

// The headers of the system may be older than its kernel.
struct LandlockRules {
    std::uint64_t files = 0;
    std::uint64_t net = 0;
    std::uint64_t scopes = 0;
};
constexpr std::uint64_t kFilesOfAbi1 = (1u << 13) - 1;
constexpr std::uint64_t kRefer = 1u << 13, kTruncate = 1u << 14, kDeviceControl = 1u << 15;
constexpr std::uint64_t kNetOfAbi4 = 3;     // bind and connect
constexpr std::uint64_t kScopesOfAbi6 = 3;  // abstract sockets, signals
constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kWrite = kRead | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                 LANDLOCK_ACCESS_FS_MAKE_DIR | kTruncate;

Result<void> allow_folder(int rules, const std::string& folder, std::uint64_t access) {
    const UniqueFd fd(::open(folder.c_str(), O_PATH | O_CLOEXEC));
    if (!fd) return failed("folder " + folder);
    landlock_path_beneath_attr beneath{};
    beneath.allowed_access = access;
    beneath.parent_fd = fd.get();
    if (::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
        return failed("landlock for " + folder);
    return {};
}

Result<void> close_files(const SandboxOptions& options, std::vector<std::string>& missing) {
    const long abi =
        ::syscall(SYS_landlock_create_ruleset, nullptr, std::size_t{0}, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        missing.emplace_back("landlock (files are closed by the engine's settings alone)");
        return {};
    }
    LandlockRules rules;
    rules.files = kFilesOfAbi1;
    if (abi >= 2) rules.files |= kRefer;
    if (abi >= 3) rules.files |= kTruncate;
    if (abi >= 5) rules.files |= kDeviceControl;
    if (abi >= 4) rules.net = kNetOfAbi4;
    if (abi >= 6) rules.scopes = kScopesOfAbi6;
    const std::size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    const UniqueFd set(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, size, 0)));
    if (!set) return failed("landlock");
    for (const auto& folder : options.readable_folders)
        DL_TRY(allow_folder(set.get(), folder, kRead));
    if (!options.writable_folder.empty())
        DL_TRY(allow_folder(set.get(), options.writable_folder, kWrite & rules.files));
    if (::syscall(SYS_landlock_restrict_self, set.get(), 0) != 0) return failed("landlock");
    return {};
}

// What the engine, its threads and the allocator ask of the kernel.
constexpr int kAllowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(readv),
    SCMP_SYS(preadv),
    SCMP_SYS(write),
    SCMP_SYS(pwrite64),
    SCMP_SYS(writev),
    SCMP_SYS(pwritev),
    SCMP_SYS(lseek),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(close),
    SCMP_SYS(fcntl),
    SCMP_SYS(flock),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(fadvise64),
    SCMP_SYS(stat),
    SCMP_SYS(fstat),
    SCMP_SYS(lstat),
    SCMP_SYS(statx),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(membarrier),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_setaffinity),
    SCMP_SYS(getcpu),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrusage),
    SCMP_SYS(getrlimit),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(times),
    SCMP_SYS(time),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom),
    // How sanitizers and unwinders find out whether memory can be read.
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
};

Result<void> close_calls() {
    const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)),
                                                                  seccomp_release);
    if (filter == nullptr) return failed("seccomp", ENOMEM);
    // For all threads that there are; looked up by halves.
    seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
    seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
    int error = 0;
    const auto add = [&](std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> when = {}) {
        if (error == 0)
            error = seccomp_rule_add_array(filter.get(), action, call, static_cast<unsigned>(when.size()),
                                           when.begin());
    };
    for (const int call : kAllowed)
        add(SCMP_ACT_ALLOW, call);
    // Threads, no processes; clone3 hides its flags behind a pointer, and the C library then takes clone.
    add(SCMP_ACT_ALLOW, SCMP_SYS(clone), {SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)});
    add(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
    // Its own end, as abort() asks for it.
    const auto self = static_cast<scmp_datum_t>(::getpid());
    add(SCMP_ACT_ALLOW, SCMP_SYS(tgkill), {SCMP_A0(SCMP_CMP_EQ, self)});
    add(SCMP_ACT_ALLOW, SCMP_SYS(kill), {SCMP_A0(SCMP_CMP_EQ, self)});
    // Names of threads; limits are read, not set.
    add(SCMP_ACT_ALLOW, SCMP_SYS(prctl), {SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME)});
    add(SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), {SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0)});
    if (error != 0) return failed("seccomp", -error);
    error = seccomp_load(filter.get());
    if (error != 0) return failed("seccomp", -error);
    return {};
}

}  // namespace

Result<std::vector<std::string>> enter_sandbox(const SandboxOptions& options) {
    std::vector<std::string> missing;
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0) return failed("core dumps");
    if (::prctl(PR_SET_DUMPABLE, 0) != 0) return failed("core dumps");
    if (::setpriority(PRIO_PROCESS, 0, options.niceness) != 0)
        missing.emplace_back("setpriority (queries take as much of the processors as writes)");
    // When memory runs out this one goes before its daemon.
    const UniqueFd score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    if (!score || ::write(score.get(), "500", 3) != 3)
        missing.emplace_back("oom_score_adj (the daemon may be chosen when memory runs out)");
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs");
    DL_TRY(drop_capabilities());
    DL_TRY(close_files(options, missing));
    if (::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
        missing.emplace_back("seccomp (calls to the kernel are not limited)");
    else
        DL_TRY(close_calls());
    return missing;
}

void live_with_parent(pid_t parent) {
    std::signal(SIGTERM, SIG_IGN);
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGHUP, SIG_IGN);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(0);
}

}  // namespace dl
