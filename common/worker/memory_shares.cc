#include "common/worker/memory_shares.h"

#include <algorithm>
#include <utility>

namespace dl {

MemoryShares::Share::Share(Share&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)),
      memory_bytes_(other.memory_bytes_),
      spill_bytes_(other.spill_bytes_) {}

MemoryShares::Share& MemoryShares::Share::operator=(Share&& other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(memory_bytes_, other.memory_bytes_);
    std::swap(spill_bytes_, other.spill_bytes_);
    return *this;
}

MemoryShares::Share::~Share() {
    if (owner_ == nullptr) return;
    const std::lock_guard lock(owner_->mutex_);
    owner_->lent_ -= memory_bytes_;
}

MemoryShares::Share MemoryShares::lend() {
    Share share;
    share.owner_ = this;
    const std::lock_guard lock(mutex_);
    const auto free = memory_bytes_ - std::min(memory_bytes_, lent_);
    const auto least = lent_ < kLentMax * memory_bytes_ ? memory_bytes_ / (2 * queries_) : kShareMin;
    share.memory_bytes_ = std::max({free / 2, least, kShareMin});
    lent_ += share.memory_bytes_;
    const auto part = static_cast<double>(share.memory_bytes_) / static_cast<double>(memory_bytes_);
    share.spill_bytes_ = static_cast<std::uint64_t>(static_cast<double>(spill_bytes_) * std::min(1.0, part));
    return share;
}

}  // namespace dl
