// Files that are open only while they are used: of all of them together about so many are open at a time,
// however many there are, because a process is allowed so many descriptors and no more. The one that has not
// been used for longest is closed and opened again when it is wanted. Thread-safe.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "common/io/file_system.h"

namespace dl {

// One that the pool may close.
class PooledFile {
  public:
    PooledFile() = default;
    virtual ~PooledFile() = default;  // a subclass leaves the pool first: OpenFilePool::remove()
    PooledFile(const PooledFile&) = delete;
    PooledFile& operator=(const PooledFile&) = delete;

  protected:
    void note_use() {
        if (!used_.load(std::memory_order_relaxed)) used_.store(true, std::memory_order_relaxed);
    }

  private:
    friend class OpenFilePool;
    // Locks it if it can be closed now; does not wait. Then close_locked() closes and unlocks it.
    virtual bool lock_to_close() = 0;
    virtual void close_locked() = 0;
    std::atomic<bool> used_{false};  // since the pool looked last
};

class OpenFilePool {
  public:
    static constexpr std::size_t kOpenMax = 2048;  // of the process; files that cannot be closed come on top

    static OpenFilePool& instance();
    // Was just opened; closes others when there are too many. Not under a lock of the file.
    void add(PooledFile& file);
    void remove(PooledFile& file);
    std::size_t open();
    // For tests.
    void set_open_max(std::size_t count);

  private:
    std::mutex mutex_;
    std::size_t open_max_ = kOpenMax;
    std::list<PooledFile*> ring_;
    std::unordered_map<PooledFile*, std::list<PooledFile*>::iterator> places_;
};

// A place for a file that is read, which whoever finds it empty fills again. Who got the file goes on reading
// it when the place is emptied meanwhile.
class PooledReader final : public PooledFile {
  public:
    ~PooledReader() override;
    std::shared_ptr<ReadableFile> get();  // nullptr: not open
    void put(std::shared_ptr<ReadableFile> file);
    void reset();

  private:
    bool lock_to_close() override;
    void close_locked() override;
    std::mutex mutex_;
    std::shared_ptr<ReadableFile> file_;
};

// A file that is appended to. It is closed only when all that was appended is synced, and never after an
// error, which stays the file's. One writer, as WritableFile.
class PooledWriter final : public WritableFile, public PooledFile {
  public:
    // `open` is the file at `path` with everything in it synced. `files` outlives it.
    PooledWriter(FileSystem& files, std::string path, std::unique_ptr<WritableFile> open);
    ~PooledWriter() override;

    // Opens it if it is closed; it stays open until the next sync. To be called before what has to be taken
    // back when it fails. Errors leave everything as it was: OVERLOADED, above all when the process is out of
    // descriptors; IO_ERROR when the file is not as long as it was.
    Result<void> make_ready();
    Result<void> append(std::span<const std::string_view> parts) override;
    Result<void> sync() override;
    std::uint64_t size() const override;
    Result<void> truncate(std::uint64_t size) override;

  private:
    bool lock_to_close() override;
    void close_locked() override;
    // Of an open file, under mutex_: what it says of the next call is taken down.
    Result<void> noted(Result<void> done);

    FileSystem& files_;
    const std::string path_;
    mutable std::mutex mutex_;
    std::unique_ptr<WritableFile> file_;
    std::uint64_t size_;
    bool busy_ = false;  // made ready, or something in it is not synced
    bool failed_ = false;
};

}  // namespace dl
