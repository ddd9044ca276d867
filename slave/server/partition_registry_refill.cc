// A partition that is made anew from the files of its leader.
#include "common/base/log.h"
#include "slave/server/epochs_file.h"
#include "slave/server/partition_registry.h"

namespace dl::slave {

Result<void> PartitionRegistry::condemn(TableId table, std::uint64_t incarnation, PartitionId id,
                                        const std::string& why) {
    const Change change(*this, table);
    DL_TRY_ASSIGN(const auto meta, this->table(table));
    DL_TRY(check_incarnation(*meta, incarnation, meta->name));
    std::shared_ptr<Partition> before;
    {
        const std::unique_lock lock(mutex_);
        auto& slots = tables_.at(table).slots;
        const auto slot = slots.find(id);
        if (slot == slots.end() || !slot->second.placed)
            return make_error(ErrorCode::partition_not_found, name_of(*meta, id) + " is not on this slave");
        before = std::move(slot->second.partition);
        slot->second.partition = nullptr;
        slot->second.failure =
            make_error(ErrorCode::corrupt_data,
                       name_of(*meta, id) + " is to be made anew from its leader's files: " + why);
        ++changes_;
    }
    if (before != nullptr) before->close();
    log_warn("slave.registry", "a copy is given up: it is made anew from its leader's files",
             {{"table", meta->name}, {"partition", id.value}, {"cause", why}});
    return {};
}

Result<CopyStore::Refill> PartitionRegistry::begin_refill(TableId table, std::uint64_t incarnation,
                                                          PartitionId id) {
    const Change change(*this, table);
    DL_TRY_ASSIGN(const auto meta, this->table(table));
    DL_TRY(check_incarnation(*meta, incarnation, meta->name));
    std::size_t directory = 0;
    {
        const std::shared_lock lock(mutex_);
        const auto& slots = tables_.at(table).slots;
        const auto slot = slots.find(id);
        if (slot == slots.end() || !slot->second.placed)
            return make_error(ErrorCode::partition_not_found, name_of(*meta, id) + " is not on this slave");
        directory = slot->second.directory;
    }
    Refill refill;
    refill.files = context_.files;
    DL_TRY_ASSIGN(refill.directory, directories_[directory]->begin_refill(table, id));
    return refill;
}

// Nobody else changes the partitions of the table while it lives.
class PartitionRegistry::Refilled final : public CopyStore::Replacement {
  public:
    Refilled(PartitionRegistry& registry, TableId table) : registry_(registry), change_(registry, table) {}

    Result<void> close(std::uint64_t incarnation, PartitionId id) {
        DL_TRY_ASSIGN(place_.table, registry_.table(change_.table()));
        DL_TRY(check_incarnation(*place_.table, incarnation, place_.table->name));
        place_.id = id;
        std::shared_ptr<Partition> before;
        {
            const std::unique_lock lock(registry_.mutex_);
            auto& entry = registry_.tables_.at(place_.table->id);
            const auto slot = entry.slots.find(id);
            if (slot == entry.slots.end() || !slot->second.placed)
                return make_error(ErrorCode::partition_not_found, place_.name() + " is not on this slave");
            place_.directory = slot->second.directory;
            place_.epoch = epoch_of(entry.epochs, id);
            before = std::move(slot->second.partition);
            slot->second.partition = nullptr;
            slot->second.failure = make_error(ErrorCode::unavailable, place_.name() + " is being made anew");
            ++registry_.changes_;
        }
        was_open_ = before != nullptr;
        if (was_open_) before->close();
        return {};
    }

    Result<void> finish() override {
        const auto& table = *place_.table;
        const auto replaced =
            registry_.directories_[place_.directory]->finish_refill(table.id, place_.id, !was_open_);
        // Also when that failed: what is there now is opened.
        auto slot = registry_.open(place_);
        const auto failure = slot.failure;
        {
            const std::unique_lock lock(registry_.mutex_);
            registry_.tables_[table.id].slots[place_.id] = std::move(slot);
            ++registry_.changes_;
        }
        DL_TRY(replaced);
        if (failure) return *failure;
        log_info("slave.registry", "partition made anew from its leader's files",
                 {{"table", table.name}, {"partition", place_.id.value}});
        return {};
    }

  private:
    PartitionRegistry& registry_;
    const Change change_;
    PlacedPartition place_{nullptr, {}, LeaderEpoch{1}, 0, true};
    bool was_open_ = false;
};

Result<std::unique_ptr<CopyStore::Replacement>> PartitionRegistry::begin_replacement(
    TableId table, std::uint64_t incarnation, PartitionId id) {
    auto refilled = std::make_unique<Refilled>(*this, table);
    DL_TRY(refilled->close(incarnation, id));
    return std::unique_ptr<Replacement>(std::move(refilled));
}

std::vector<CopyStore::Trouble> PartitionRegistry::troubles(std::size_t count_max) const {
    std::vector<Trouble> all;
    const std::shared_lock lock(mutex_);
    for (const auto& [id, table] : tables_)
        for (const auto& [partition, slot] : table.slots) {
            const auto failure = slot.failure                ? slot.failure
                                 : slot.partition == nullptr ? std::nullopt
                                                             : slot.partition->write_failure();
            if (!failure) continue;
            if (all.size() == count_max) return all;
            all.push_back({id, table.meta->incarnation, partition, *failure});
        }
    return all;
}

bool PartitionRegistry::is_damaged(TableId table, std::uint64_t incarnation, PartitionId id) const {
    const std::shared_lock lock(mutex_);
    const auto found = tables_.find(table);
    if (found == tables_.end() || found->second.meta->incarnation != incarnation) return false;
    const auto slot = found->second.slots.find(id);
    return slot != found->second.slots.end() && slot->second.placed && slot->second.partition == nullptr &&
           slot->second.failure && slot->second.failure->code == ErrorCode::corrupt_data;
}

}  // namespace dl::slave
