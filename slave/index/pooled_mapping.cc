#include "slave/index/pooled_mapping.h"

#include <list>
#include <unordered_map>

#include "common/base/check.h"

namespace dl::slave {

// What is mapped, in a ring: who was used since the last look is passed over once.
class MappingPool {
  public:
    static MappingPool& instance() {
        static MappingPool pool;
        return pool;
    }
    void add(const PooledMapping& mapping) {
        const std::lock_guard lock(mutex_);
        places_[&mapping] = ring_.insert(ring_.end(), &mapping);
        // Everybody may be in use: then there are more for a while.
        for (auto looks = 2 * ring_.size(); ring_.size() > mapped_max_ && looks > 0; --looks) {
            const auto* const candidate = ring_.front();
            if (candidate != &mapping && !candidate->used_.exchange(false) && candidate->try_unmap()) {
                places_.erase(candidate);
                ring_.pop_front();
            } else {
                ring_.splice(ring_.end(), ring_, ring_.begin());
            }
        }
    }
    void remove(const PooledMapping& mapping) {
        const std::lock_guard lock(mutex_);
        const auto place = places_.find(&mapping);
        if (place == places_.end()) return;
        ring_.erase(place->second);
        places_.erase(place);
    }
    std::size_t mapped() {
        const std::lock_guard lock(mutex_);
        return ring_.size();
    }
    void set_mapped_max(std::size_t count) {
        const std::lock_guard lock(mutex_);
        mapped_max_ = count;
    }

  private:
    std::mutex mutex_;
    std::size_t mapped_max_ = PooledMapping::kMappedMax;
    std::list<const PooledMapping*> ring_;
    std::unordered_map<const PooledMapping*, std::list<const PooledMapping*>::iterator> places_;
};

PooledMapping::~PooledMapping() {
    DL_CHECK(users_.load() == 0, "a mapping outlives its leases");
    MappingPool::instance().remove(*this);
}

Result<PooledMapping::Lease> PooledMapping::lease() const {
    // Either the pool sees this user, or this user sees that the pool has let go (try_unmap()).
    users_.fetch_add(1, std::memory_order_seq_cst);
    Lease lease(*this);
    if (!used_.load(std::memory_order_relaxed)) used_.store(true, std::memory_order_relaxed);
    if (!mapped_.load(std::memory_order_seq_cst)) DL_TRY(map());
    return lease;
}

Result<void> PooledMapping::map() const {
    {
        const std::lock_guard lock(mutex_);
        if (mapped_.load()) return {};
        DL_TRY_ASSIGN(const auto file, files_->open_read(path_));
        DL_TRY_ASSIGN(auto bytes, file->map());
        const auto before = size_.load();
        if (before != 0 && bytes.size() != before)
            return make_error(ErrorCode::corrupt_data, path_ + " has " + std::to_string(bytes.size()) +
                                                           " bytes, it had " + std::to_string(before));
        bytes_ = std::move(bytes);
        size_ = bytes_.size();
        mapped_.store(true, std::memory_order_seq_cst);
    }
    MappingPool::instance().add(*this);
    return {};
}

bool PooledMapping::try_unmap() const {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return false;
    mapped_.store(false, std::memory_order_seq_cst);
    if (users_.load(std::memory_order_seq_cst) != 0) {
        mapped_.store(true, std::memory_order_seq_cst);
        return false;
    }
    bytes_ = SharedBytes();
    return true;
}

std::size_t PooledMapping::mapped() {
    return MappingPool::instance().mapped();
}

void PooledMapping::set_mapped_max(std::size_t count) {
    MappingPool::instance().set_mapped_max(count);
}

}  // namespace dl::slave
