#include "slave/replication/recent_batches.h"

#include <algorithm>

namespace dl::slave {

void RecentBatches::add(std::span<const StoredBatch> batches) {
    if (batches.empty()) return;
    if (!batches_.empty() && batches_.back().header.end_offset() != batches.front().header.base_offset)
        clear();
    std::uint64_t bytes = 0;
    for (const auto& batch : batches)
        bytes += batch.header.total_bytes();
    if (budget_->used.fetch_add(bytes, std::memory_order_relaxed) + bytes > budget_->bytes_max) {
        budget_->used.fetch_sub(bytes, std::memory_order_relaxed);
        // A gap would be of no use.
        clear();
        return;
    }
    bytes_ += bytes;
    batches_.insert(batches_.end(), batches.begin(), batches.end());
}

std::optional<std::vector<StoredBatch>> RecentBatches::read(Offset from, std::uint64_t bytes_max) const {
    if (batches_.empty() || from < batches_.front().header.base_offset) return std::nullopt;
    auto at = std::partition_point(batches_.begin(), batches_.end(),
                                   [&](const auto& batch) { return batch.header.end_offset() <= from; });
    if (at == batches_.end()) return std::nullopt;
    std::vector<StoredBatch> read;
    std::uint64_t bytes = 0;
    for (; at != batches_.end() && (read.empty() || bytes + at->body.size() <= bytes_max); ++at) {
        bytes += at->body.size();
        read.push_back(*at);
    }
    return read;
}

void RecentBatches::drop_below(Offset end) {
    std::uint64_t bytes = 0;
    while (!batches_.empty() && batches_.front().header.end_offset() <= end) {
        bytes += batches_.front().header.total_bytes();
        batches_.pop_front();
    }
    bytes_ -= bytes;
    budget_->used.fetch_sub(bytes, std::memory_order_relaxed);
}

void RecentBatches::clear() {
    budget_->used.fetch_sub(bytes_, std::memory_order_relaxed);
    bytes_ = 0;
    batches_ = {};
}

}  // namespace dl::slave
