// The disk of a simulated machine: files that forget what was not synced (tests/support/sim_file_system.h),
// with syncs that take time, during which everything else goes on, and a size.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tests/support/sim_file_system.h"

namespace dl::sim {

class World;

class Disk final : public FileSystem {
  public:
    explicit Disk(World& world) : world_(world) { replace(); }

    SimFileSystem& files() { return *files_; }
    // Another, empty one.
    void replace();
    // A sync takes up to so long.
    std::int64_t sync_us_max = 800;
    // Writes of file contents find no space.
    bool full = false;

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
    // Of processes that never end in good order: not held.
    Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

    void take_time() const;

  private:
    World& world_;
    std::unique_ptr<SimFileSystem> files_;
};

}  // namespace dl::sim
