// Files that are mapped only while they are used: of all of them together at most so many are mapped at a
// time, however many there are, because the kernel allows a process 65 530 mappings (vm.max_map_count). What
// has not been used for longest is let go of and mapped again when it is wanted; its pages stay in the page
// cache. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "common/base/shared_bytes.h"
#include "common/io/file_system.h"

namespace dl::slave {

class PooledMapping {
  public:
    static constexpr std::size_t kMappedMax = 8192;  // of the process

    // `files` outlives it. The file stays what it is for as long as this lives: replacing it by one with the
    // same bytes is fine.
    PooledMapping(FileSystem& files, std::string path) : files_(&files), path_(std::move(path)) {}
    ~PooledMapping();
    PooledMapping(const PooledMapping&) = delete;
    PooledMapping& operator=(const PooledMapping&) = delete;

    // The right to read the bytes.
    class Lease {
      public:
        Lease(Lease&& other) noexcept : mapping_(std::exchange(other.mapping_, nullptr)) {}
        Lease& operator=(Lease&&) = delete;
        ~Lease() {
            if (mapping_ != nullptr) mapping_->users_.fetch_sub(1, std::memory_order_release);
        }

      private:
        friend class PooledMapping;
        explicit Lease(const PooledMapping& mapping) : mapping_(&mapping) {}
        const PooledMapping* mapping_;
    };
    // Maps the file if it is not. CORRUPT_DATA when it has another size than before, errors of the disk.
    Result<Lease> lease() const;
    // While a lease is held.
    const char* data() const { return reinterpret_cast<const char*>(bytes_.data()); }
    // Of the file, once it was mapped.
    std::uint64_t size() const { return size_.load(std::memory_order_relaxed); }

    // Mapped at this moment, of all.
    static std::size_t mapped();
    // For tests.
    static void set_mapped_max(std::size_t count);

  private:
    friend class MappingPool;
    Result<void> map() const;
    // False while somebody has a lease.
    bool try_unmap() const;

    FileSystem* const files_;
    const std::string path_;
    mutable std::mutex mutex_;  // of mapping and unmapping
    mutable SharedBytes bytes_;
    mutable std::atomic<std::uint64_t> size_{0};
    mutable std::atomic<std::uint32_t> users_{0};
    mutable std::atomic<bool> mapped_{false};
    mutable std::atomic<bool> used_{false};  // since the pool looked last
};

}  // namespace dl::slave
