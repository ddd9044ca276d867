#include "common/duck/duck_registry.h"

namespace dl::duck {

std::uint64_t HandleRegistry::add(RegisteredHandle entry) {
    const std::lock_guard lock(mutex_);
    for (;;) {
        // 63 bits: a number literal in SQL is a BIGINT up to there.
        const std::uint64_t handle = ((std::uint64_t{random_()} << 32) | random_()) >> 1;
        if (handle != 0 && entries_.try_emplace(handle, std::move(entry)).second) return handle;
    }
}

std::optional<RegisteredHandle> HandleRegistry::find(std::uint64_t handle, idx_t connection_id) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(handle);
    if (found == entries_.end() || found->second.session->connection_id != connection_id) return std::nullopt;
    return found->second;
}

void HandleRegistry::remove(std::uint64_t handle) {
    RegisteredHandle dropped;  // destroyed outside the lock: a source may let go of much
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(handle);
    if (found == entries_.end()) return;
    dropped = std::move(found->second);
    entries_.erase(found);
}

}  // namespace dl::duck
