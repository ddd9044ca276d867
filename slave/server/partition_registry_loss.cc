// Partitions that do not serve because acknowledged records are gone.
#include "common/base/log.h"
#include "slave/server/epochs_file.h"
#include "slave/server/partition_registry.h"

namespace dl::slave {

Result<std::vector<LostRange>> PartitionRegistry::lost_records(TableId id, std::uint64_t incarnation,
                                                               PartitionId partition,
                                                               std::optional<LeaderEpoch> accept) {
    const Change change(*this, id);
    DL_TRY_ASSIGN(const auto meta, table(id));
    DL_TRY(check_incarnation(*meta, incarnation, meta->name));
    const auto name = name_of(*meta, partition);
    PlacedPartition place{meta, partition, LeaderEpoch{1}, 0};
    StoredEpochs stored_epochs;
    {
        const std::shared_lock lock(mutex_);
        const auto& entry = tables_.at(id);
        const auto slot = entry.slots.find(partition);
        if (slot == entry.slots.end())
            return make_error(ErrorCode::partition_not_found, name + " is not on this slave");
        if (!slot->second.failure)
            return make_error(ErrorCode::invalid_request, name + " serves, so there is no loss to accept");
        if (!slot->second.placed) return *slot->second.failure;
        place.directory = slot->second.directory;
        stored_epochs = entry.epochs;
    }
    const auto path = directories_[place.directory]->partition_path(id, partition);
    if (accept && merge_epochs(stored_epochs, LeaderEpochs{{partition, *accept}})) {
        // Before anything is done in it.
        DL_TRY(write_epochs(id, stored_epochs));
    }
    DL_TRY_ASSIGN(auto lost, Partition::lost_records(path, *meta, partition, options_,
                                                     context_of(place.directory), accept.has_value()));
    if (!accept) return lost;
    log_warn("slave.registry", "loss accepted",
             {{"table", meta->name}, {"partition", partition.value}, {"lost", describe(lost)}});
    place.epoch = epoch_of(stored_epochs, partition);
    place.replicated = stored_epochs.replicated.contains(partition);
    auto slot = open(place);
    const auto failure = slot.failure;
    {
        const std::unique_lock lock(mutex_);
        tables_[id].slots[partition] = std::move(slot);
        ++changes_;
    }
    if (failure) return *failure;
    return lost;
}

}  // namespace dl::slave
