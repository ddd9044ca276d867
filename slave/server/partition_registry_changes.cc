// New, altered and dropped tables: what is written, in which order, and when others see it.
#include <algorithm>

#include "common/base/log.h"
#include "common/meta/schema_lineage.h"
#include "slave/server/epochs_file.h"
#include "slave/server/partition_registry.h"

namespace dl::slave {
namespace {

constexpr auto kComponent = "slave.registry";
constexpr std::size_t kCreateThreads = 8;

}  // namespace

PartitionRegistry::Change::Change(PartitionRegistry& registry, TableId table)
    : registry_(registry), table_(table) {
    std::unique_lock lock(registry_.changing_mutex_);
    registry_.changed_.wait(lock, [this] { return !registry_.changing_.contains(table_); });
    registry_.changing_.insert(table_);
}

PartitionRegistry::Change::~Change() {
    // Under the lock: who waits for the last change may destroy the registry after it.
    const std::lock_guard lock(registry_.changing_mutex_);
    registry_.changing_.erase(table_);
    registry_.changed_.notify_all();
}

std::vector<std::size_t> PartitionRegistry::partitions_by_directory() const {
    std::vector<std::size_t> counts(directories_.size());
    std::shared_lock lock(mutex_);
    for (const auto& [id, table] : tables_)
        for (const auto& [partition, slot] : table.slots)
            ++counts[slot.directory];
    return counts;
}

StoredEpochs PartitionRegistry::epochs(TableId table) const {
    std::shared_lock lock(mutex_);
    const auto found = tables_.find(table);
    return found == tables_.end() ? StoredEpochs() : found->second.epochs;
}

Result<void> PartitionRegistry::create(const TableMeta& table, const LeaderEpochs& partitions,
                                       bool replicated, const StopCheck& stop) {
    const Change change(*this, table.id);
    if (const auto stopped = stop()) return *stopped;
    DL_TRY(check_readable(table.id));
    const bool known = this->table(table.id).has_value();
    if (known) DL_TRY(update_changing(table, partitions));
    if (!known && table.incarnation == 0)
        return make_error(ErrorCode::invalid_request, "table " + table.name + " has no incarnation");
    const auto meta = known ? *this->table(table.id) : std::make_shared<const TableMeta>(table);
    auto stored_epochs = epochs(table.id);
    merge_epochs(stored_epochs, partitions);
    if (replicated)
        for (const auto& entry : partitions)
            stored_epochs.replicated.insert(entry.first);
    if (auto added = add_partitions(meta, partitions, stored_epochs, stop, known); added.has_error()) {
        if (!known) undo_create(*meta);
        return added;
    }
    log_info(kComponent, "table created",
             {{"table", meta->name}, {"id", meta->id.value}, {"partitions", partitions.size()}});
    return {};
}

// Those that are not here yet; found by others when all of them are there. Of a table that is known those
// that could be made stay when another one could not: a repeat makes the rest.
Result<void> PartitionRegistry::add_partitions(const std::shared_ptr<const TableMeta>& meta,
                                               const LeaderEpochs& wanted, const StoredEpochs& stored,
                                               const StopCheck& stop, bool keep_some) {
    auto counts = partitions_by_directory();
    std::vector<PlacedPartition> places;
    {
        std::shared_lock lock(mutex_);
        const auto found = tables_.find(meta->id);
        for (const auto& entry : wanted) {
            if (found != tables_.end() && found->second.slots.contains(entry.first)) continue;
            const auto emptiest = std::min_element(counts.begin(), counts.end());
            ++*emptiest;
            places.push_back({meta, entry.first, epoch_of(stored, entry.first),
                              static_cast<std::size_t>(emptiest - counts.begin()),
                              stored.replicated.contains(entry.first)});
        }
    }
    std::set<std::size_t> used;
    for (const auto& place : places)
        used.insert(place.directory);
    for (const auto index : used) {
        auto& directory = *directories_[index];
        DL_TRY_ASSIGN(const bool described, directory.has_table(meta->id));
        DL_TRY(described ? directory.write_epochs(meta->id, stored) : directory.write_table(*meta, stored));
    }
    auto made = make_partitions(places, stop);
    Result<void> ended;
    if (made.failure) ended = *made.failure;
    for (const auto index : used)
        if (ended.has_value()) ended = directories_[index]->sync_partitions(meta->id);
    if (ended.has_error() && !keep_some) {
        for (auto& [id, slot] : made.slots)
            slot.partition->close();
        return ended;
    }
    std::unique_lock lock(mutex_);
    auto& entry = tables_[meta->id];
    if (!entry.meta) entry.describe(meta);
    entry.epochs = stored;
    entry.slots.merge(made.slots);
    ++changes_;
    return ended;
}

// Side by side: the time goes into syncs, which the disk does together. The first failure ends all.
PartitionRegistry::Made PartitionRegistry::make_partitions(const std::vector<PlacedPartition>& places,
                                                           const StopCheck& stop) {
    Made made;
    std::mutex mutex;
    const auto failed = [&] {
        const std::lock_guard lock(mutex);
        return made.failure.has_value();
    };
    const auto make = [&](const PlacedPartition& place) {
        if (failed()) return;
        auto stopped = stop();
        Slot slot;
        if (!stopped) {
            auto created = directories_[place.directory]->create_partition(*place.table, place.id);
            if (created.has_error()) stopped = std::move(created).error();
        }
        if (!stopped) {
            slot = open(place);
            slot.recovered = LeaderEpoch{};
            stopped = slot.failure;
        }
        const std::lock_guard lock(mutex);
        if (stopped) {
            if (!made.failure) made.failure = std::move(stopped);
        } else {
            made.slots.emplace(place.id, std::move(slot));
        }
    };
    if (places.size() == 1) {
        make(places.front());
    } else if (!places.empty()) {
        WorkerPool pool("create", std::min(kCreateThreads, places.size()));
        for (const auto& place : places)
            pool.post([&make, &place] { make(place); });
    }
    return made;
}

// A table that never was one. What cannot be removed now holds no record: it is found at the next start, and
// the master drops what its catalog does not have.
void PartitionRegistry::undo_create(const TableMeta& meta) {
    for (const auto& directory : directories_) {
        const auto removed = directory->remove_table(meta.id);
        if (removed.has_error())
            log_error(kComponent, "a table that could not be created was not removed either",
                      {{"table", meta.name}, {"directory", directory->path()}, {"error", removed.error()}});
    }
    log_info(kComponent, "table not created", {{"table", meta.name}, {"id", meta.id.value}});
}

Result<void> PartitionRegistry::update(const TableMeta& table, const LeaderEpochs& epochs) {
    const Change change(*this, table.id);
    return update_changing(table, epochs);
}

Result<void> PartitionRegistry::update_changing(const TableMeta& table, const LeaderEpochs& told) {
    DL_TRY_ASSIGN(const auto known, this->table(table.id));
    DL_TRY(check_incarnation(*known, table.incarnation, table.name));
    const bool newer_schema = table.schema.id > known->schema.id;
    if (!(newer_schema ? descends_from(table, *known) : descends_from(*known, table)))
        return foreign_schema(*known);
    std::map<PartitionId, std::shared_ptr<Partition>> partitions;
    {
        std::shared_lock lock(mutex_);
        for (const auto& [id, slot] : tables_.at(table.id).slots)
            partitions[id] = slot.partition;
    }
    auto stored_epochs = epochs(table.id);
    LeaderEpochs here;
    for (const auto& [id, epoch] : told)
        if (partitions.contains(id) && !stored_epochs.replicated.contains(id)) here[id] = epoch;
    const bool newer_epochs = merge_epochs(stored_epochs, here);
    if (!newer_schema && !newer_epochs) return {};
    for (const auto& directory : directories_) {
        DL_TRY_ASSIGN(const bool described, directory->has_table(table.id));
        if (!described) continue;
        DL_TRY(newer_schema ? directory->write_table(table, stored_epochs)
                            : directory->write_epochs(table.id, stored_epochs));
    }
    const auto meta = newer_schema ? std::make_shared<const TableMeta>(table) : known;
    {
        std::unique_lock lock(mutex_);
        auto& entry = tables_[table.id];
        entry.describe(meta);
        entry.epochs = stored_epochs;
    }
    for (const auto& [id, partition] : partitions) {
        if (partition == nullptr) continue;
        if (newer_schema) partition->update_table(*meta);
        if (!stored_epochs.replicated.contains(id)) partition->set_leader_epoch(epoch_of(stored_epochs, id));
    }
    log_info(kComponent, newer_schema ? "table updated" : "leader epochs updated",
             {{"table", meta->name}, {"schema", meta->schema.id.value}});
    return {};
}

Result<void> PartitionRegistry::write_epochs(TableId table, const StoredEpochs& stored) {
    for (const auto& directory : directories_) {
        DL_TRY_ASSIGN(const bool described, directory->has_table(table));
        if (described) DL_TRY(directory->write_epochs(table, stored));
    }
    const std::unique_lock lock(mutex_);
    tables_[table].epochs = stored;
    return {};
}

Result<CopyStore::Opened> PartitionRegistry::opened(TableId table, std::uint64_t incarnation,
                                                    PartitionId id) const {
    DL_TRY_ASSIGN(const auto meta, this->table(table));
    DL_TRY(check_incarnation(*meta, incarnation, meta->name));
    DL_TRY_ASSIGN(auto partition, this->partition(table, id));
    const std::shared_lock lock(mutex_);
    const auto found = tables_.find(table);
    if (found == tables_.end()) return not_here(table);
    const auto slot = found->second.slots.find(id);
    const bool same = slot != found->second.slots.end() && slot->second.partition == partition;
    if (!same) return not_here(table);
    return Opened{std::move(partition), name_of(*meta, id), slot->second.recovered};
}

Result<void> PartitionRegistry::note_copies(TableId table, std::uint64_t incarnation,
                                            const LeaderEpochs& told) {
    const Change change(*this, table);
    DL_TRY_ASSIGN(const auto known, this->table(table));
    DL_TRY(check_incarnation(*known, incarnation, known->name));
    StoredEpochs here;
    {
        const std::shared_lock lock(mutex_);
        for (const auto& [id, epoch] : told)
            if (tables_.at(table).slots.contains(id)) {
                here.epochs[id] = epoch;
                here.replicated.insert(id);
            }
    }
    auto stored = epochs(table);
    if (!merge_epochs(stored, here)) return {};
    return write_epochs(table, stored);
}

Result<void> PartitionRegistry::adopt(TableId id, std::uint64_t incarnation) {
    const Change change(*this, id);
    DL_TRY_ASSIGN(const auto known, table(id));
    if (known->incarnation == incarnation) return {};
    if (known->incarnation != 0) return check_incarnation(*known, incarnation, known->name);
    auto adopted = std::make_shared<TableMeta>(*known);
    adopted->incarnation = incarnation;
    for (const auto& directory : directories_) {
        DL_TRY_ASSIGN(const bool described, directory->has_table(id));
        if (described) DL_TRY(directory->write_table(*adopted, epochs(id)));
    }
    {
        std::unique_lock lock(mutex_);
        tables_[id].describe(std::move(adopted));
    }
    ++changes_;
    return {};
}

Result<void> PartitionRegistry::drop(TableId table, std::uint64_t incarnation) {
    const Change change(*this, table);
    DL_TRY(check_readable(table));
    if (const auto known = this->table(table); known.has_value())
        DL_TRY(check_incarnation(**known, incarnation, ""));
    std::map<TableId, Table> dropped;
    {
        std::unique_lock lock(mutex_);
        if (const auto found = tables_.find(table); found != tables_.end()) {
            dropped.emplace(table, std::move(found->second));
            tables_.erase(found);
        }
    }
    ++changes_;
    close_partitions(dropped);
    for (const auto& directory : directories_)
        DL_TRY(directory->remove_table(table));
    for (const auto& [id, one] : dropped)
        log_info(kComponent, "table dropped", {{"table", one.meta->name}, {"id", id.value}});
    return {};
}

}  // namespace dl::slave
