#include "slave/parquet/chunk_guide_cache.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace dl::slave {
namespace {

constexpr std::size_t kShardsMax = 16;
// Fewer shards rather than smaller ones, into which no guide would fit.
constexpr std::size_t kShardBytesMin = 1u << 20;
// List and map nodes of an entry, about.
constexpr std::size_t kEntryBytes = 160;

}  // namespace

std::size_t ChunkGuideCache::KeyHash::operator()(const Key& key) const {
    auto mixed = (key.file + 1) * 0x9e3779b97f4a7c15u ^ (key.chunk + 1) * 0xc2b2ae3d27d4eb4fu;
    mixed ^= mixed >> 32;
    return static_cast<std::size_t>(mixed);
}

ChunkGuideCache::ChunkGuideCache(std::size_t bytes_max)
    : shards_(std::clamp<std::size_t>(bytes_max / kShardBytesMin, 1, kShardsMax)),
      shard_bytes_max_(bytes_max / shards_.size()) {}

std::shared_ptr<const ChunkGuide> ChunkGuideCache::find(const Key& key) {
    auto& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.by_key.find(key);
    if (found == shard.by_key.end()) return nullptr;
    shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
    return found->second->guide;
}

void ChunkGuideCache::keep(const Key& key, std::shared_ptr<const ChunkGuide> guide) {
    const auto bytes = guide->memory_bytes() + kEntryBytes;
    if (bytes > shard_bytes_max_) return;
    std::list<Entry> dropped;  // dies outside the lock
    auto& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    if (shard.by_key.contains(key)) return;
    while (shard.bytes + bytes > shard_bytes_max_) {
        DL_CHECK(!shard.entries.empty() && shard.bytes >= shard.entries.back().bytes,
                 "INV-13 the cache counts what it holds");
        shard.by_key.erase(shard.entries.back().key);
        shard.bytes -= shard.entries.back().bytes;
        dropped.splice(dropped.begin(), shard.entries, std::prev(shard.entries.end()));
    }
    shard.entries.push_front({key, std::move(guide), bytes});
    shard.by_key.emplace(key, shard.entries.begin());
    shard.bytes += bytes;
    DL_CHECK(shard.bytes <= shard_bytes_max_ && shard.by_key.size() == shard.entries.size(),
             "INV-13 the cache stays within its bytes");
}

std::size_t ChunkGuideCache::bytes() const {
    std::size_t sum = 0;
    for (const auto& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        sum += shard.bytes;
    }
    return sum;
}

std::size_t ChunkGuideCache::size() const {
    std::size_t sum = 0;
    for (const auto& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        sum += shard.entries.size();
    }
    return sum;
}

}  // namespace dl::slave
