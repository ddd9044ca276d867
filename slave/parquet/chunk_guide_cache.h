// Guides of column chunks (chunk_guide.h) of all files of a node, those used last, within a limit of bytes.
// In shards with a lock each. Thread-safe. What is handed out stays valid when it is dropped here.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "slave/parquet/chunk_guide.h"

namespace dl::slave {

class ChunkGuideCache {
  public:
    // 0: nothing is kept.
    explicit ChunkGuideCache(std::size_t bytes_max);
    ChunkGuideCache(const ChunkGuideCache&) = delete;
    ChunkGuideCache& operator=(const ChunkGuideCache&) = delete;

    struct Key {
        std::uint64_t file = 0;  // never used for another one while this process runs
        std::uint64_t chunk = 0;
        bool operator==(const Key&) const = default;
    };
    // nullptr when there is none.
    std::shared_ptr<const ChunkGuide> find(const Key& key);
    // Drops others to make room; does nothing when there is one already or it is too large for a shard.
    void keep(const Key& key, std::shared_ptr<const ChunkGuide> guide);

    // Of the guides and what it takes to keep them; never above the limit.
    std::size_t bytes() const;
    std::size_t size() const;

  private:
    struct Entry {
        Key key;
        std::shared_ptr<const ChunkGuide> guide;
        std::size_t bytes;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const;
    };
    struct Shard {
        mutable std::mutex mutex;
        std::list<Entry> entries;  // used last first
        std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> by_key;
        std::size_t bytes = 0;
    };
    Shard& shard_of(const Key& key) { return shards_[KeyHash{}(key) % shards_.size()]; }

    std::vector<Shard> shards_;
    const std::size_t shard_bytes_max_;
};

}  // namespace dl::slave
