// The operating system's files behind one interface, so that crash and power-loss tests can run in one
// process: PosixFileSystem is the real one, SimFileSystem (tests) forgets, tears or reorders what was not
// synced. All calls block; call them on the storage or background pool only. Thread-safe unless noted.
// Errors: DISK_FULL for ENOSPC/EDQUOT, NOT_FOUND for ENOENT, else IO_ERROR; messages name the path and the
// cause.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/base/shared_bytes.h"

namespace dl {

// An append-only file with one writer. Not thread-safe.
class WritableFile {
  public:
    virtual ~WritableFile() = default;
    // Appends all parts with as few system calls as possible. After an error the tail of the file is
    // undefined.
    virtual Result<void> append(std::span<const std::string_view> parts) = 0;
    // fdatasync. After one failure every later call fails too: the state of the disk is unknown.
    virtual Result<void> sync() = 0;
    virtual std::uint64_t size() const = 0;
    // Cuts (or extends with zeros) the file; used by recovery only.
    virtual Result<void> truncate(std::uint64_t size) = 0;
};

// Positioned reads; thread-safe. Stays readable after the path is removed.
class ReadableFile {
  public:
    virtual ~ReadableFile() = default;
    // Up to `length` bytes at `offset`; fewer only at the end of the file.
    virtual Result<SharedBytes> read(std::uint64_t offset, std::size_t length) const = 0;
    virtual Result<std::uint64_t> size() const = 0;
    // The whole file mapped read-only (or read, where mapping does not exist). Bytes that the disk cannot
    // give later are zeros (common/io/mapped_guard.h): every reader compares checksums.
    virtual Result<SharedBytes> map() const = 0;
};

// Exclusive advisory lock on a file, held while the object lives.
class FileLock {
  public:
    virtual ~FileLock() = default;
};

class FileSystem {
  public:
    virtual ~FileSystem() = default;
    // create_new: the file must not exist (IO_ERROR if it does); otherwise it must (NOT_FOUND).
    virtual Result<std::unique_ptr<WritableFile>> open_append(const std::string& path, bool create_new) = 0;
    virtual Result<std::shared_ptr<ReadableFile>> open_read(const std::string& path) = 0;
    virtual Result<std::string> read_all(const std::string& path) = 0;
    // Writes path.tmp, syncs it, renames it to path, syncs the directory: all or nothing, durable on return.
    virtual Result<void> replace_atomically(const std::string& path, std::string_view content) = 0;
    virtual Result<void> sync_file(const std::string& path) = 0;  // of a file somebody else wrote
    // Lets the disk begin with what the file has unwritten, and does not wait: no durability. It leaves
    // errors of the disk for the sync to find.
    virtual Result<void> start_write_back(const std::string&) { return {}; }
    virtual Result<void> sync_directory(const std::string& path) = 0;
    virtual Result<void> create_directories(const std::string& path) = 0;
    virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;  // names, sorted
    // False only when nothing is there; whatever else keeps it from being seen is an error.
    virtual Result<bool> exists(const std::string& path) = 0;
    virtual Result<std::uint64_t> file_size(const std::string& path) = 0;
    virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
    virtual Result<void> remove(const std::string& path) = 0;       // a missing file is an error NOT_FOUND
    virtual Result<void> remove_tree(const std::string& path) = 0;  // a missing directory is fine
    virtual Result<std::uint64_t> free_bytes(const std::string& path) = 0;
    // UNAVAILABLE when another process holds it.
    virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
};

// The real file system of this process.
FileSystem& posix_file_system();

}  // namespace dl
