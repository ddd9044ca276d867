// The space of one data directory that writes of its partitions leave free together: what each of them takes
// counts for all, so that many small writers do not fill the disk between two looks at it. Thread-safe; as a
// rule one addition, now and then a call to the file system.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "common/io/file_system.h"

namespace dl::slave {

class DiskReserve {
  public:
    DiskReserve(FileSystem& files, std::string directory, std::uint64_t free_bytes_min)
        : files_(files), directory_(std::move(directory)), free_bytes_min_(free_bytes_min) {}

    // Before `bytes` are written. DISK_FULL when they, with what others are writing, would take the disk
    // below the minimum; once there is room again, the next call finds it.
    Result<void> take(std::uint64_t bytes);
    // After a take() that succeeded: they are written, or will not be.
    void written(std::uint64_t bytes);

  private:
    Result<void> look();
    bool fits(std::uint64_t taken) const;

    FileSystem& files_;
    const std::string directory_;
    const std::uint64_t free_bytes_min_;
    std::atomic<std::uint64_t> free_bytes_{0};       // at the last look
    std::atomic<std::uint64_t> taken_bytes_{0};      // since, and what was under way then
    std::atomic<std::uint64_t> under_way_bytes_{0};  // taken, not written yet
    std::atomic<std::int64_t> looked_us_{0};         // steady clock; 0: never
    std::mutex looking_;
};

}  // namespace dl::slave
