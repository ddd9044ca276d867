// An exclusive lock on a data directory, held through a lock file for as long as the object lives. The system
// lets go of it when the process dies in any way, so a stale file never blocks a start.
#pragma once

#include <string>

#include "common/base/error.h"

namespace dl::master {

class DirectoryLock {
  public:
    // Creates the directory and its parents when they are missing. UNAVAILABLE names the directory and the
    // process that holds it.
    static Result<DirectoryLock> acquire(const std::string& directory);
    DirectoryLock(DirectoryLock&& other) noexcept;
    DirectoryLock& operator=(DirectoryLock&&) = delete;
    ~DirectoryLock();
    // Whether its lock file was there already: somebody has held it before.
    bool was_used_before() const { return used_before_; }

  private:
    DirectoryLock(int fd, bool used_before) : fd_(fd), used_before_(used_before) {}
    int fd_;
    bool used_before_;
};

}  // namespace dl::master
