#include "data-lake-client/cli/load/new_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

namespace datalake::cli {
namespace {

Error not_writable(const std::string& path, int error) {
    return Error(ErrorCode::invalid_argument, path + " cannot be written: " + std::strerror(error));
}

// The mode a new file gets; it is asked for by setting it, so only before threads write files.
mode_t new_file_mode() {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    return 0666 & ~mask;
}

bool look_at(const std::string& path, struct stat& status) {
    return (path == "-" ? ::fstat(STDIN_FILENO, &status) : ::stat(path.c_str(), &status)) == 0;
}

}  // namespace

bool is_same_file(const std::string& path, const std::string& other) {
    struct stat a {
    }, b{};
    return look_at(path, a) && look_at(other, b) && S_ISREG(a.st_mode) && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

NewFile::~NewFile() {
    if (file_ == nullptr) return;
    std::fclose(file_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<void> NewFile::open(const std::string& path, std::optional<mode_t> mode) {
    path_ = path;
    target_ = path;
    struct stat status {};
    const bool exists = ::stat(path.c_str(), &status) == 0;
    if (!exists && errno != ENOENT) return not_writable(path, errno);
    if (exists && S_ISDIR(status.st_mode)) return not_writable(path, EISDIR);
    struct stat link {};
    const bool dangling = !exists && ::lstat(path.c_str(), &link) == 0;
    if (dangling || (exists && !S_ISREG(status.st_mode))) {
        file_ = std::fopen(path.c_str(), "we");
        return file_ == nullptr ? not_writable(path, errno) : Result<void>();
    }
    if (exists) {
        if (::access(path.c_str(), W_OK) != 0) return not_writable(path, errno);
        char resolved[PATH_MAX];
        if (::realpath(path.c_str(), resolved) == nullptr) return not_writable(path, errno);
        target_ = resolved;
    }
    const auto slash = target_.rfind('/');
    if (slash != std::string::npos && slash + 1 == target_.size()) return not_writable(path, EISDIR);
    temporary_ = target_.substr(0, slash == std::string::npos ? 0 : slash + 1) + ".data-lake-client-XXXXXX";
    const int fd = ::mkostemp(temporary_.data(), O_CLOEXEC);
    if (fd < 0) {
        const int error = errno;
        temporary_.clear();
        return not_writable(path, error);
    }
    if (!mode) mode = exists ? status.st_mode & 07777 : new_file_mode();
    file_ = ::fchmod(fd, *mode) == 0 ? ::fdopen(fd, "w") : nullptr;
    if (file_ != nullptr) return {};
    const int error = errno;
    ::close(fd);
    ::unlink(temporary_.c_str());
    return not_writable(path, error);
}

Result<void> NewFile::finish(Sync sync) {
    bool good = std::fflush(file_) == 0 && std::ferror(file_) == 0;
    if (good && sync == Sync::yes && !temporary_.empty()) good = ::fsync(::fileno(file_)) == 0;
    good = std::fclose(file_) == 0 && good;
    file_ = nullptr;
    if (!temporary_.empty()) {
        good = good && ::rename(temporary_.c_str(), target_.c_str()) == 0;
        if (!good) ::unlink(temporary_.c_str());
    }
    if (good) return {};
    return Error(ErrorCode::io_error, path_ + " could not be written to its end" +
                                          (temporary_.empty() ? "" : "; what was there before is untouched"));
}

}  // namespace datalake::cli
