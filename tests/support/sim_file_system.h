// Files in memory that behave as badly as a real disk may, for tests: what was not synced may be forgotten,
// torn or replaced by rubbish at 512-byte grain when the power fails, names not synced with their directory
// may be gone, and any call can be made to fail. A sync that failed and then "succeeds" has lost the data, as
// on Linux: readers still see them (page cache), the disk does not have them. Unlike the real one, a file
// here does not remember that a sync failed; whoever trusts a later sync loses data. Everything is decided by
// seeds. Thread-safe.
//
// Killing the process needs no call: drop the objects and open the files again.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/io/file_system.h"

namespace dl {

// What a call does, as far as faults are concerned. replace_atomically makes the calls it consists of.
enum class SimCall : std::uint8_t {
    any_change,
    create,
    append,
    sync,
    truncate,
    rename,
    remove,
    sync_directory,
    read,
    open_read,
    look,  // exists, list, file sizes
    any    // counts all of them
};
enum class SimFault : std::uint8_t { io_error, disk_full, short_write };  // short_write: half, then io_error

class SimFileSystem final : public FileSystem {
  public:
    // Power loss and restart. Handles of before are dead: every call on them is IO_ERROR. Faults are cleared.
    void crash(std::uint64_t seed);
    // The nth such call from now (1: the next) fails, once. any_change counts all but reads and looks.
    void fail(SimCall call, std::uint64_t nth, SimFault fault);
    // After n more changing calls every change fails (the last one is half done), until crash().
    void power_off_after(std::uint64_t n);
    // Changing calls made so far.
    std::uint64_t changes() const;
    // Sets a file's content, on the disk too (to damage it).
    void overwrite(const std::string& path, std::string content);

    Result<std::unique_ptr<WritableFile>> open_append(const std::string& path, bool create_new) override;
    Result<std::shared_ptr<ReadableFile>> open_read(const std::string& path) override;
    Result<std::string> read_all(const std::string& path) override;
    Result<void> replace_atomically(const std::string& path, std::string_view content) override;
    Result<void> sync_file(const std::string& path) override;
    Result<void> sync_directory(const std::string& path) override;
    Result<void> create_directories(const std::string& path) override;
    Result<std::vector<std::string>> list(const std::string& directory) override;
    Result<bool> exists(const std::string& path) override;
    Result<std::uint64_t> file_size(const std::string& path) override;
    Result<void> rename(const std::string& from, const std::string& to) override;
    Result<void> remove(const std::string& path) override;
    Result<void> remove_tree(const std::string& path) override;
    Result<std::uint64_t> free_bytes(const std::string& path) override;
    Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

  private:
    class Writable;
    class Readable;
    class Lock;
    struct Node;
    struct NameChange;
    struct PlannedFault;
    struct State;
    std::shared_ptr<State> state_ = make_state();
    static std::shared_ptr<State> make_state();
};

}  // namespace dl
