#include "slave/handlers/table_drops.h"

namespace dl::slave {

std::shared_ptr<WaitList> TableDrops::of(TableId table) {
    const std::lock_guard lock(mutex_);
    auto& known = lists_[table];
    if (auto list = known.lock()) return list;
    auto list = std::make_shared<WaitList>(0);
    known = list;
    // Lists that nobody holds any more go with the next one.
    std::erase_if(lists_, [](const auto& entry) { return entry.second.expired(); });
    return list;
}

void TableDrops::dropped(TableId table) {
    std::shared_ptr<WaitList> list;
    {
        const std::lock_guard lock(mutex_);
        const auto known = lists_.find(table);
        if (known == lists_.end()) return;
        list = known->second.lock();
        lists_.erase(known);
    }
    if (list) list->advance(1);
}

}  // namespace dl::slave
