// Bytes that other processes can map and nobody can change or cut short any more: a sealed memfd. Immutable,
// thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "common/base/error.h"
#include "common/base/shared_bytes.h"
#include "common/process/unique_fd.h"

namespace dl {

class SealedMemory {
  public:
    // The parts one behind the other, not empty together. UNAVAILABLE: no memory or descriptors are left.
    static Result<std::shared_ptr<const SealedMemory>> copy_of(std::span<const std::string_view> parts);

    int fd() const { return fd_.get(); }
    std::size_t size() const { return size_; }

  private:
    SealedMemory(UniqueFd fd, std::size_t size) : fd_(std::move(fd)), size_(size) {}
    UniqueFd fd_;
    std::size_t size_;
};

// What another process has sealed, mapped read-only for as long as the result or a slice of it lives.
// CORRUPT_DATA when it is not sealed against change: reading would not be safe.
Result<SharedBytes> map_sealed(UniqueFd fd);

}  // namespace dl
