#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "common/io/file_system.h"
#include "common/io/mapped_guard.h"

namespace dl {
namespace {

Error io_failure(std::string_view action, std::string_view path, int cause) {
    std::string text("cannot ");
    text += action;
    text += " \"";
    text += path;
    text += "\": ";
    text += std::generic_category().message(cause);
    auto code = ErrorCode::io_error;
    if (cause == ENOSPC || cause == EDQUOT) {
        code = ErrorCode::disk_full;
        text += "; free some space";
    } else if (cause == ENOENT) {
        code = ErrorCode::not_found;
    }
    return make_error(code, std::move(text));
}

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }

  private:
    int fd_;
};

Result<Descriptor> open_file(const std::string& path, int flags, std::string_view action) {
    int fd = -1;
    do {
        fd = ::open(path.c_str(), flags | O_CLOEXEC, 0640);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) return io_failure(action, path, errno);
    return Descriptor(fd);
}

Result<std::uint64_t> descriptor_size(int fd, const std::string& path) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) return io_failure("stat", path, errno);
    return static_cast<std::uint64_t>(info.st_size);
}

class PosixWritableFile final : public WritableFile {
  public:
    PosixWritableFile(Descriptor fd, std::string path, std::uint64_t size)
        : fd_(std::move(fd)), path_(std::move(path)), size_(size), allocated_(size) {}

    ~PosixWritableFile() override {
        // Gives back what was allocated ahead; nothing depends on it, so a failure is of no interest.
        if (allocated_ > size_ && !failed_) (void)!::ftruncate(fd_.get(), static_cast<off_t>(size_));
    }

    Result<void> append(std::span<const std::string_view> parts) override {
        if (failed_) return failed_before("append to");
        vectors_.clear();
        std::uint64_t total = 0;
        for (const auto part : parts) {
            if (part.empty()) continue;
            vectors_.push_back({const_cast<char*>(part.data()), part.size()});
            total += part.size();
        }
        allocate_ahead(total);
        std::size_t first = 0;
        std::uint64_t at = size_;
        while (first < vectors_.size()) {
            const auto count = static_cast<int>(std::min<std::size_t>(vectors_.size() - first, IOV_MAX));
            const ssize_t written =
                ::pwritev(fd_.get(), vectors_.data() + first, count, static_cast<off_t>(at));
            if (written < 0) {
                if (errno == EINTR) continue;
                return io_failure("append to", path_, errno);
            }
            if (written == 0) return io_failure("append to", path_, EIO);
            at += static_cast<std::uint64_t>(written);
            auto left = static_cast<std::size_t>(written);
            while (left > 0) {
                auto& vector = vectors_[first];
                const auto step = std::min(left, vector.iov_len);
                vector.iov_base = static_cast<char*>(vector.iov_base) + step;
                vector.iov_len -= step;
                left -= step;
                if (vector.iov_len == 0) ++first;
            }
        }
        size_ = at;
        return {};
    }

    Result<void> sync() override {
        if (failed_) return failed_before("sync");
        int result = 0;
        do {
            result = ::fdatasync(fd_.get());
        } while (result != 0 && errno == EINTR);
        if (result == 0) return {};
        failed_ = true;
        return io_failure("sync", path_, errno);
    }

    std::uint64_t size() const override { return size_; }

    Result<void> truncate(std::uint64_t size) override {
        if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0)
            return io_failure("truncate", path_, errno);
        size_ = size;
        allocated_ = size;
        return {};
    }

  private:
    Error failed_before(std::string_view action) const {
        std::string text("cannot ");
        text += action;
        text += " \"" + path_ + "\": an earlier sync of it failed, what the disk holds is unknown";
        return make_error(ErrorCode::io_error, std::move(text));
    }

    // Blocks beyond the end (the size stays as it is) take block allocation out of every fdatasync. The step
    // grows with the file, so that many small files hold little. Purely a help: where it fails, writing tells
    // why.
    void allocate_ahead(std::uint64_t bytes) {
        // A file written in one go never comes here twice.
        if (size_ == 0 || size_ + bytes <= allocated_ || !allocate_) return;
        const auto ahead = std::clamp(size_ + bytes, kAllocateBytesMin, kAllocateBytesMax);
        const auto target = (size_ + bytes + ahead) & ~std::uint64_t{4095};
        if (::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(size_),
                        static_cast<off_t>(target - size_)) == 0)
            allocated_ = target;
        else
            allocate_ = false;
    }

    static constexpr std::uint64_t kAllocateBytesMin = 256u << 10;
    static constexpr std::uint64_t kAllocateBytesMax = 16u << 20;

    Descriptor fd_;
    std::string path_;
    std::uint64_t size_;
    std::uint64_t allocated_;
    bool allocate_ = true;
    bool failed_ = false;
    std::vector<iovec> vectors_;
};

class PosixReadableFile final : public ReadableFile {
  public:
    PosixReadableFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

    Result<SharedBytes> read(std::uint64_t offset, std::size_t length) const override {
        constexpr std::size_t kSmall = 64u << 10;
        if (length > kSmall) {  // no memory for what is not there
            DL_TRY_ASSIGN(const auto file_bytes, size());
            length = std::min<std::uint64_t>(length, file_bytes > offset ? file_bytes - offset : 0);
        }
        auto buffer = std::make_shared_for_overwrite<char[]>(length);
        std::size_t done = 0;
        while (done < length) {
            const ssize_t got =
                ::pread(fd_.get(), buffer.get() + done, length - done, static_cast<off_t>(offset + done));
            if (got < 0) {
                if (errno == EINTR) continue;
                return io_failure("read", path_, errno);
            }
            if (got == 0) break;
            done += static_cast<std::size_t>(got);
        }
        const void* data = buffer.get();
        return SharedBytes(std::move(buffer), data, done);
    }

    Result<std::uint64_t> size() const override { return descriptor_size(fd_.get(), path_); }

    Result<SharedBytes> map() const override {
        DL_TRY_ASSIGN(const auto length, size());
        if (length == 0) return SharedBytes();
        void* at = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, fd_.get(), 0);
        if (at == MAP_FAILED) return io_failure("map", path_, errno);
        if (!guard_mapping(at, length)) {
            ::munmap(at, length);
            return read(0, length);
        }
        std::shared_ptr<const void> owner(at, [length](const void* p) {
            stop_guarding_mapping(p);
            ::munmap(const_cast<void*>(p), length);
        });
        return SharedBytes(std::move(owner), at, length);
    }

  private:
    Descriptor fd_;
    std::string path_;
};

class PosixFileLock final : public FileLock {
  public:
    explicit PosixFileLock(Descriptor fd) : fd_(std::move(fd)) {}

  private:
    Descriptor fd_;  // closing it lets go of the lock
};

std::string parent_of(const std::string& path) {
    auto parent = std::filesystem::path(path).parent_path().string();
    return parent.empty() ? "." : parent;
}

Result<void> sync_path(const std::string& path, int flags, std::string_view action) {
    DL_TRY_ASSIGN(const auto fd, open_file(path, O_RDONLY | flags, action));
    int result = 0;
    do {
        result = ::fsync(fd.get());
    } while (result != 0 && errno == EINTR);
    if (result != 0) return io_failure(action, path, errno);
    return {};
}

class PosixFileSystem final : public FileSystem {
  public:
    Result<std::unique_ptr<WritableFile>> open_append(const std::string& path, bool create_new) override {
        const int flags = O_WRONLY | (create_new ? O_CREAT | O_EXCL : 0);
        DL_TRY_ASSIGN(auto fd, open_file(path, flags, create_new ? "create" : "open"));
        DL_TRY_ASSIGN(const auto size, descriptor_size(fd.get(), path));
        return std::unique_ptr<WritableFile>(new PosixWritableFile(std::move(fd), path, size));
    }

    Result<std::shared_ptr<ReadableFile>> open_read(const std::string& path) override {
        DL_TRY_ASSIGN(auto fd, open_file(path, O_RDONLY, "open"));
        return std::shared_ptr<ReadableFile>(std::make_shared<PosixReadableFile>(std::move(fd), path));
    }

    Result<std::string> read_all(const std::string& path) override {
        DL_TRY_ASSIGN(const auto file, open_read(path));
        DL_TRY_ASSIGN(const auto size, file->size());
        DL_TRY_ASSIGN(const auto bytes, file->read(0, size));
        return std::string(bytes.view());
    }

    Result<void> replace_atomically(const std::string& path, std::string_view content) override {
        const std::string draft = path + ".tmp";
        if (::unlink(draft.c_str()) != 0 && errno != ENOENT) return io_failure("remove", draft, errno);
        if (auto written = write_new(draft, content); written.has_error()) {
            ::unlink(draft.c_str());
            return std::move(written).error();
        }
        DL_TRY(rename(draft, path));
        return sync_directory(parent_of(path));
    }

    Result<void> sync_file(const std::string& path) override { return sync_path(path, 0, "sync"); }

    Result<void> start_write_back(const std::string& path) override {
        DL_TRY_ASSIGN(const auto fd, open_file(path, O_RDONLY, "open"));
        // Without the WAIT flags, which would take note of write errors in place of the sync.
        if (::sync_file_range(fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE) != 0)
            return io_failure("begin writing back", path, errno);
        return {};
    }

    Result<void> sync_directory(const std::string& path) override {
        return sync_path(path, O_DIRECTORY, "sync directory");
    }

    Result<void> create_directories(const std::string& path) override {
        std::error_code cause;
        std::filesystem::create_directories(path, cause);
        if (cause) return io_failure("create directory", path, cause.value());
        return {};
    }

    Result<std::vector<std::string>> list(const std::string& directory) override {
        std::error_code cause;
        std::vector<std::string> names;
        std::filesystem::directory_iterator at(directory, cause);
        for (; !cause && at != std::filesystem::directory_iterator(); at.increment(cause))
            names.push_back(at->path().filename().string());
        if (cause) return io_failure("list", directory, cause.value());
        std::sort(names.begin(), names.end());
        return names;
    }

    Result<bool> exists(const std::string& path) override {
        struct stat info {};
        if (::lstat(path.c_str(), &info) == 0) return true;
        if (errno == ENOENT || errno == ENOTDIR) return false;
        return io_failure("look for", path, errno);
    }

    Result<std::uint64_t> file_size(const std::string& path) override {
        struct stat info {};
        if (::stat(path.c_str(), &info) != 0) return io_failure("stat", path, errno);
        return static_cast<std::uint64_t>(info.st_size);
    }

    Result<void> rename(const std::string& from, const std::string& to) override {
        if (::rename(from.c_str(), to.c_str()) != 0)
            return io_failure("rename to \"" + to + "\"", from, errno);
        return {};
    }

    Result<void> remove(const std::string& path) override {
        if (::unlink(path.c_str()) != 0) return io_failure("remove", path, errno);
        return {};
    }

    Result<void> remove_tree(const std::string& path) override {
        std::error_code cause;
        std::filesystem::remove_all(path, cause);
        if (cause) return io_failure("remove directory", path, cause.value());
        return {};
    }

    Result<std::uint64_t> free_bytes(const std::string& path) override {
        struct statvfs info {};
        if (::statvfs(path.c_str(), &info) != 0) return io_failure("ask for free space of", path, errno);
        return std::uint64_t{info.f_bavail} * info.f_frsize;
    }

    Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
        DL_TRY_ASSIGN(auto fd, open_file(path, O_RDWR | O_CREAT, "open lock file"));
        if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK) return io_failure("lock", path, errno);
            char holder[32] = {};
            const auto size = ::pread(fd.get(), holder, sizeof holder - 1, 0);
            const std::string who =
                size > 0 ? "process " + std::string(holder, std::strcspn(holder, "\n")) : "another process";
            return make_error(ErrorCode::unavailable,
                              "\"" + path + "\" is locked by " + who +
                                  ", which uses this directory; stop it or choose another directory");
        }
        // For people only: on a disk that is full it stays without.
        const std::string pid = std::to_string(::getpid()) + "\n";
        if (::ftruncate(fd.get(), 0) == 0) (void)!::pwrite(fd.get(), pid.data(), pid.size(), 0);
        return std::unique_ptr<FileLock>(new PosixFileLock(std::move(fd)));
    }

  private:
    Result<void> write_new(const std::string& path, std::string_view content) {
        DL_TRY_ASSIGN(auto file, open_append(path, true));
        const std::string_view parts[] = {content};
        DL_TRY(file->append(parts));
        return file->sync();
    }
};

}  // namespace

FileSystem& posix_file_system() {
    static PosixFileSystem files;
    return files;
}

}  // namespace dl
