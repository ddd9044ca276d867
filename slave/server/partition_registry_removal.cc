// A copy that this node is to have no longer.
#include "common/base/log.h"
#include "slave/server/partition_registry.h"

namespace dl::slave {

Result<void> PartitionRegistry::drop_copy(TableId table, std::uint64_t incarnation, PartitionId id) {
    const Change change(*this, table);
    DL_TRY(check_readable(table));
    const auto known = this->table(table);
    if (known.has_error()) return {};
    const auto& meta = *known;
    DL_TRY(check_incarnation(*meta, incarnation, meta->name));
    std::size_t directory = 0;
    bool is_last = false;
    std::shared_ptr<Partition> dropped;
    {
        const std::unique_lock lock(mutex_);
        auto& slots = tables_.at(table).slots;
        const auto slot = slots.find(id);
        if (slot == slots.end()) return {};
        if (!slot->second.placed) return *slot->second.failure;
        directory = slot->second.directory;
        is_last = slots.size() == 1;
        dropped = std::move(slot->second.partition);
        // Stays so when it cannot be removed, until the order is repeated.
        slot->second.partition = nullptr;
        slot->second.failure =
            make_error(ErrorCode::unavailable, name_of(*meta, id) + " is being removed from this slave");
    }
    ++changes_;
    if (dropped != nullptr) dropped->close();
    // What was set aside stays until somebody has looked at it (INV-18), and with it the table's directory.
    for (const auto& one : directories_) {
        DL_TRY_ASSIGN(const bool holds, one->has_set_aside(table));
        is_last = is_last && !holds;
    }
    if (is_last) {
        for (const auto& one : directories_)
            DL_TRY(one->remove_table(table));
    } else {
        DL_TRY(directories_[directory]->remove_partition(table, id));
    }
    {
        const std::unique_lock lock(mutex_);
        if (is_last)
            tables_.erase(table);
        else
            tables_.at(table).slots.erase(id);
    }
    ++changes_;
    DL_LOG_LIMITED(5, LogLevel::info, "slave.registry", "a copy was removed, others hold the partition",
                   {"table", meta->name}, {"partition", id.value});
    return {};
}

}  // namespace dl::slave
