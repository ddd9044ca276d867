// Hands a growing file that somebody else writes to the disk bit by bit. Otherwise its sync at the end, of
// hundreds of megabytes, holds up the small syncs of the log meanwhile. Promises nothing: the file is synced
// as ever once it is complete. Thread-safe.
#pragma once

#include <atomic>
#include <string>

#include "common/io/file_system.h"

namespace dl {

class PacedWriteBack {
  public:
    static constexpr std::uint64_t kStepBytes = 4u << 20;

    PacedWriteBack(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
    // About so many bytes have been added since the last call. The disk is told of every kStepBytes.
    void wrote(std::uint64_t bytes);

  private:
    FileSystem& files_;
    const std::string path_;
    std::atomic<std::uint64_t> pending_{0};
};

}  // namespace dl
