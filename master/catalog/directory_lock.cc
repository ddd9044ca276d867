#include "master/catalog/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "common/io/lock_wait.h"

namespace dl::master {

Result<DirectoryLock> DirectoryLock::acquire(const std::string& directory) {
    std::error_code failed;
    if (std::filesystem::exists(directory + "/node.json", failed))
        return make_error(ErrorCode::invalid_request,
                          "the directory " + directory +
                              " (master.data.path) is the data directory of a slave; give the master one of "
                              "its own");
    failed.clear();
    std::filesystem::create_directories(directory, failed);
    if (failed)
        return make_error(ErrorCode::io_error,
                          "cannot create the directory " + directory + ": " + failed.message());
    const std::string path = directory + "/master.lock";
    int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    const bool used_before = fd < 0 && errno == EEXIST;
    if (used_before) fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return make_error(ErrorCode::io_error,
                          "cannot open the lock file " + path + ": " + std::strerror(errno));
    DirectoryLock lock(fd, used_before);
    const auto locked = wait_for_lock([fd]() -> Result<void> {
        if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return {};
        return make_error(ErrorCode::unavailable, std::strerror(errno));
    });
    if (locked.has_error()) {
        char holder[32] = {};
        const auto size = ::pread(fd, holder, sizeof holder - 1, 0);
        std::string text = "the data directory " + directory + " is in use by another master";
        if (size > 0) text += " (process " + std::string(holder, std::strcspn(holder, "\n")) + ")";
        return make_error(ErrorCode::unavailable,
                          text + "; stop it, or set master.data.path to another directory");
    }
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0)
        return make_error(ErrorCode::io_error,
                          "cannot write the lock file " + path + ": " + std::strerror(errno));
    return lock;
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), used_before_(other.used_before_) {}

DirectoryLock::~DirectoryLock() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace dl::master
