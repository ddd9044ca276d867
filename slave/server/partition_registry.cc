#include "slave/server/partition_registry.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "common/async/worker_pool.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/meta/schema_lineage.h"

namespace dl::slave {
namespace {

constexpr auto kComponent = "slave.registry";
constexpr unsigned kReopenBitsMax = 6;  // at most 2^6 - 1 ticks between two attempts
constexpr std::size_t kCreateThreads = 8;
constexpr auto kProgressInterval = std::chrono::seconds(2);

// Adds what is newer; tells whether anything was.
bool merge_epochs(LeaderEpochs& into, const LeaderEpochs& from) {
    bool newer = false;
    for (const auto& [partition, epoch] : from) {
        auto& known = into[partition];
        if (known < epoch) {
            known = epoch;
            newer = true;
        }
    }
    return newer;
}

// Of two copies of a table's description.
bool replaces(const TableMeta& newer, const TableMeta& known) {
    return newer.schema.id > known.schema.id || (known.incarnation == 0 && newer.incarnation != 0);
}

LeaderEpoch epoch_of(const LeaderEpochs& epochs, PartitionId id) {
    const auto found = epochs.find(id);
    return found == epochs.end() ? LeaderEpoch{1} : found->second;
}

Error foreign_schema(const TableMeta& here) {
    return make_error(
        ErrorCode::corrupt_data,
        "the slave holds other columns of table '" + here.name +
            "' than the master's catalog: the table was altered by a master on another copy of the catalog; "
            "nothing was done. Stop the wrong master and start the one whose catalog fits the slaves "
            "(master.data.path), or drop the table and create it anew");
}

std::string name_of(const TableMeta& table, PartitionId id) {
    return "partition " + std::to_string(id.value) + " of table " + table.name;
}

}  // namespace

// What the directories hold. A table's newest description wins; older and missing copies of it are brought up
// to date. A table nobody describes is set aside.
Result<std::vector<PartitionRegistry::Found>> PartitionRegistry::scan() {
    struct Copy {
        TableId id;
        std::size_t directory;
        std::optional<TableMeta> meta;  // nullopt: its table.json is missing
    };
    std::vector<Copy> copies;
    std::map<TableId, std::shared_ptr<const TableMeta>> newest;
    std::map<TableId, LeaderEpochs> epochs;
    for (std::size_t i = 0; i < directories_.size(); ++i) {
        DL_TRY_ASSIGN(const auto ids, directories_[i]->tables());
        for (const auto id : ids) {
            auto stored = directories_[i]->read_table(id);
            const bool missing = stored.has_error() && stored.error().code == ErrorCode::not_found;
            if (stored.has_error() && !missing) {
                leave_out(id, directories_[i]->table_path(id), stored.error());
                continue;
            }
            copies.push_back({id, i, std::nullopt});
            if (missing) continue;
            merge_epochs(epochs[id], stored->epochs);
            copies.back().meta = stored->meta;
            auto& known = newest[id];
            if (known && !descends_from(stored->meta, *known) && !descends_from(*known, stored->meta)) {
                leave_out(id, directories_[i]->table_path(id),
                          make_error(ErrorCode::corrupt_data,
                                     "its table.json has other columns than that in another directory"));
                copies.pop_back();
                continue;
            }
            if (!known || replaces(stored->meta, *known))
                known = std::make_shared<const TableMeta>(std::move(stored->meta));
        }
    }
    std::vector<Found> found;
    std::map<TableId, std::map<PartitionId, Slot>> failed;
    std::map<std::pair<TableId, PartitionId>, std::size_t> where;
    for (const auto& copy : copies) {
        auto& directory = *directories_[copy.directory];
        const auto id = copy.id;
        if (!newest.contains(id)) {
            DL_TRY(directory.retire_unknown(id));
            continue;
        }
        const auto& meta = newest.at(id);
        if (!copy.meta || replaces(*meta, *copy.meta)) DL_TRY(directory.write_table(*meta, epochs[id]));
        const auto partitions = directory.partitions(id);
        if (partitions.has_error()) {
            leave_out(id, directory.table_path(id), partitions.error());
            continue;
        }
        for (const auto partition : *partitions) {
            const auto [at, fresh] = where.emplace(std::pair(id, partition), copy.directory);
            if (!fresh) {
                failed[id][partition].failure = make_error(
                    ErrorCode::corrupt_data, name_of(*meta, partition) + " is in two data directories, " +
                                                 directories_[at->second]->path() + " and " +
                                                 directory.path() + "; remove the wrong one and start again");
                continue;
            }
            found.push_back({meta, partition, epoch_of(epochs[id], partition), copy.directory});
        }
    }
    TableId highest;
    for (const auto& directory : directories_) {
        DL_TRY_ASSIGN(const auto seen, directory->highest_table());
        highest = std::max(highest, seen);
    }
    std::unique_lock lock(mutex_);
    highest_seen_ = highest;
    for (const auto& [id, meta] : newest) {
        tables_[id].meta = meta;
        tables_[id].epochs = std::move(epochs[id]);
        tables_[id].slots = std::move(failed[id]);
    }
    std::erase_if(found, [&](const Found& one) { return tables_[one.meta->id].slots.contains(one.id); });
    return found;
}

void PartitionRegistry::leave_out(TableId table, const std::string& path, const Error& error) {
    log_error(kComponent, "table left out", {{"directory", path}, {"error", error}});
    auto reason = error.message;
    for (auto at = reason.find(path + "/"); at != reason.npos; at = reason.find(path + "/"))
        reason.erase(at, path.size() + 1);
    unreadable_.emplace(table, std::move(reason));
    left_out_.emplace(table, make_error(ErrorCode::corrupt_data,
                                        path + " could not be read at the slave's start (" + error.message +
                                            "); put it right and start the slave again"));
}

// What could not be read is not to be mixed with anything new, nor removed.
Result<void> PartitionRegistry::check_readable(TableId table) const {
    const auto found = left_out_.find(table);
    if (found == left_out_.end()) return {};
    return found->second;
}

PartitionRegistry::Slot PartitionRegistry::open(const Found& found) const {
    Slot slot;
    slot.directory = found.directory;
    const auto path = directories_[found.directory]->partition_path(found.meta->id, found.id);
    auto context = context_;
    DL_CHECK(found.directory < directories_.size() && reserves_.size() == directories_.size(),
             "every partition lies in a directory of this node");
    context.disk_reserve = reserves_[found.directory];
    if (!pools_.empty()) {
        const auto& pools = pools_[found.directory];
        context.storage_pool = pools.storage;
        context.background_pool = pools.background;
        context.compaction_pool = pools.compaction;
    }
    auto opened = Partition::open(path, *found.meta, found.id, options_, context, found.epoch);
    if (opened.has_value()) {
        slot.partition = std::move(*opened);
        return slot;
    }
    slot.failure = opened.error().in(name_of(*found.meta, found.id) + " could not be opened");
    log_error(kComponent, "partition does not serve",
              {{"table", found.meta->name},
               {"partition", found.id.value},
               {"directory", path},
               {"error", opened.error()}});
    return slot;
}

Result<PartitionRegistry::Recovered> PartitionRegistry::recover(std::size_t threads) {
    DL_TRY_ASSIGN(const auto found, scan());
    Recovered sum;
    std::mutex sum_mutex;
    auto last_progress = std::chrono::steady_clock::now();
    {
        WorkerPool pool("recover", std::max<std::size_t>(1, std::min(threads, found.size())));
        for (const auto& one : found) {
            pool.post([&, one] {
                auto slot = open(one);
                std::lock_guard guard(sum_mutex);
                ++sum.partitions;
                if (slot.partition) sum.rows += static_cast<std::uint64_t>(slot.partition->end_offset());
                {
                    std::unique_lock lock(mutex_);
                    tables_[one.meta->id].slots[one.id] = std::move(slot);
                }
                const auto now = std::chrono::steady_clock::now();
                if (now - last_progress < kProgressInterval) return;
                last_progress = now;
                log_info(kComponent, "recovering",
                         {{"partitions", sum.partitions}, {"of", found.size()}, {"rows", sum.rows}});
            });
        }
    }
    sum.tables = tables_.size();
    for (const auto& directory : directories_) {
        DL_TRY_ASSIGN(const auto aside, directory->set_aside());
        for (const auto& name : aside) {
            log_warn(kComponent, "lies set aside and does not serve",
                     {{"directory", directory->tables_path() + "/" + name}});
            sum.set_aside.push_back(directory->tables_path() + "/" + name);
        }
    }
    for (const auto& [id, table] : tables_)
        for (const auto& [partition, slot] : table.slots)
            sum.failed += slot.failure ? 1 : 0;
    return sum;
}

void PartitionRegistry::close() {
    stop_reopening();
    std::map<TableId, Table> closing;
    {
        std::unique_lock changing(changing_mutex_);
        changed_.wait(changing, [this] { return changing_.empty(); });
        std::unique_lock lock(mutex_);
        closing.swap(tables_);
    }
    for (auto& [id, table] : closing)
        for (auto& [partition, slot] : table.slots)
            if (slot.partition) slot.partition->close();
}

void PartitionRegistry::tick() {
    std::vector<std::vector<std::shared_ptr<Partition>>> by_directory(directories_.size());
    std::vector<Failed> failed;
    {
        std::shared_lock lock(mutex_);
        for (const auto& [id, table] : tables_)
            for (const auto& [partition, slot] : table.slots)
                if (slot.partition) {
                    by_directory[slot.directory].push_back(slot.partition);
                    if (slot.partition->write_failure()) failed.push_back({id, partition, slot.partition});
                }
    }
    for (std::size_t i = 0; i < by_directory.size(); ++i) {
        const auto tick_all = [partitions = std::move(by_directory[i])] {
            for (const auto& partition : partitions)
                partition->tick();
        };
        if (pools_.empty()) {
            tick_all();
        } else if (!ticking_[i]->exchange(true)) {
            const bool posted = pools_[i].background->post([tick_all, ticking = ticking_[i]] {
                tick_all();
                ticking->store(false);
            });
            if (!posted) ticking_[i]->store(false);
        }
    }
    if (!failed.empty()) start_reopening(std::move(failed));
}

void PartitionRegistry::start_reopening(std::vector<Failed> failed) {
    const auto reopening = reopening_.lock();
    if (reopening->closing || reopening->running) return;
    if (reopening->ticks_to_wait > 0) {
        --reopening->ticks_to_wait;
        return;
    }
    reopening->running = true;
    // The one before has ended.
    reopening->thread = std::jthread([this, failed = std::move(failed)] {
        bool all = true;
        for (const auto& one : failed)
            all = reopen(one) && all;
        const auto ended = reopening_.lock();
        ended->running = false;
        ended->failures = all ? 0 : std::min(ended->failures + 1, kReopenBitsMax);
        ended->ticks_to_wait = all ? 0 : (std::uint64_t{1} << ended->failures) - 1;
    });
}

void PartitionRegistry::stop_reopening() {
    std::jthread last;
    {
        const auto reopening = reopening_.lock();
        reopening->closing = true;
        last.swap(reopening->thread);
    }
    if (last.joinable()) last.join();
}

bool PartitionRegistry::reopen(const Failed& failed) {
    if (!failed.partition->can_be_reopened()) return false;
    const Change change(*this, failed.table);
    Found place;
    {
        const std::shared_lock lock(mutex_);
        const auto table = tables_.find(failed.table);
        if (table == tables_.end()) return true;
        const auto slot = table->second.slots.find(failed.id);
        if (slot == table->second.slots.end() || slot->second.partition != failed.partition) return true;
        place = {table->second.meta, failed.id, epoch_of(table->second.epochs, failed.id),
                 slot->second.directory};
    }
    failed.partition->close();  // it goes on serving reads
    auto slot = open(place);
    if (slot.failure) return false;
    const std::unique_lock lock(mutex_);
    tables_[failed.table].slots[failed.id] = std::move(slot);
    log_info(kComponent, "partition takes writes again",
             {{"table", place.meta->name}, {"partition", failed.id.value}});
    return true;
}

Error PartitionRegistry::not_here(TableId table) const {
    if (const auto found = unreadable_.find(table); found != unreadable_.end())
        return make_error(ErrorCode::corrupt_data,
                          "the slave could not read what it holds of the table at its start (" +
                              found->second +
                              "); its log names the file: put it right and start the slave again");
    return make_error(ErrorCode::table_not_found,
                      "table with id " + std::to_string(table.value) + " is not on this slave");
}

Result<std::shared_ptr<const TableMeta>> PartitionRegistry::table(TableId id) const {
    std::shared_lock lock(mutex_);
    const auto found = tables_.find(id);
    if (found == tables_.end()) return not_here(id);
    return found->second.meta;
}

Result<std::shared_ptr<Partition>> PartitionRegistry::partition(TableId table, PartitionId id) const {
    std::shared_lock lock(mutex_);
    const auto found = tables_.find(table);
    if (found == tables_.end()) return not_here(table);
    const auto slot = found->second.slots.find(id);
    if (slot == found->second.slots.end())
        return unreadable_.contains(table)  // in one of several directories
                   ? not_here(table).in(name_of(*found->second.meta, id))
                   : make_error(ErrorCode::partition_not_found,
                                name_of(*found->second.meta, id) + " is not on this slave");
    if (slot->second.failure) return *slot->second.failure;
    return slot->second.partition;
}

std::vector<PartitionEntry> PartitionRegistry::partitions(TableId table) const {
    std::vector<PartitionEntry> entries;
    std::shared_lock lock(mutex_);
    const auto found = tables_.find(table);
    if (found == tables_.end()) return entries;
    for (const auto& [id, slot] : found->second.slots) {
        PartitionEntry entry;
        entry.id = id;
        entry.partition = slot.partition;
        if (slot.failure) entry.failure = slot.failure->to_text();
        entries.push_back(std::move(entry));
    }
    return entries;
}

std::size_t PartitionRegistry::table_count() const {
    std::shared_lock lock(mutex_);
    return tables_.size();
}

std::vector<HeldTable> PartitionRegistry::held() const {
    std::vector<HeldTable> tables;
    std::vector<std::vector<std::shared_ptr<Partition>>> partitions;
    {
        std::shared_lock lock(mutex_);
        for (const auto& [id, table] : tables_) {
            tables.push_back({table.meta, static_cast<std::uint32_t>(table.slots.size()), 0, 0});
            partitions.emplace_back();
            for (const auto& [partition, slot] : table.slots)
                if (slot.partition) partitions.back().push_back(slot.partition);
        }
    }
    for (std::size_t i = 0; i < tables.size(); ++i)
        for (const auto& partition : partitions[i]) {
            const auto stats = partition->stats();
            tables[i].records += static_cast<std::uint64_t>(stats.end_offset - stats.first_offset);
            tables[i].bytes += stats.log_bytes + stats.file_bytes;
        }
    return tables;
}

TableId PartitionRegistry::highest_table() const {
    std::shared_lock lock(mutex_);
    return tables_.empty() ? highest_seen_ : std::max(highest_seen_, tables_.rbegin()->first);
}

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

LeaderEpochs PartitionRegistry::epochs(TableId table) const {
    std::shared_lock lock(mutex_);
    const auto found = tables_.find(table);
    return found == tables_.end() ? LeaderEpochs() : found->second.epochs;
}

Result<void> PartitionRegistry::create(const TableMeta& table, const LeaderEpochs& partitions,
                                       const StopCheck& stop) {
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
    auto added = add_partitions(meta, partitions, stored_epochs, stop);
    if (added.has_error()) {
        if (!known) undo_create(*meta);
        return added;
    }
    log_info(kComponent, "table created",
             {{"table", meta->name}, {"id", meta->id.value}, {"partitions", partitions.size()}});
    return {};
}

// Those that are not here yet; found by others when all of them are there.
Result<void> PartitionRegistry::add_partitions(const std::shared_ptr<const TableMeta>& meta,
                                               const LeaderEpochs& wanted, const LeaderEpochs& stored,
                                               const StopCheck& stop) {
    auto counts = partitions_by_directory();
    std::vector<Found> places;
    {
        std::shared_lock lock(mutex_);
        const auto found = tables_.find(meta->id);
        for (const auto& entry : wanted) {
            if (found != tables_.end() && found->second.slots.contains(entry.first)) continue;
            const auto emptiest = std::min_element(counts.begin(), counts.end());
            ++*emptiest;
            places.push_back({meta, entry.first, epoch_of(stored, entry.first),
                              static_cast<std::size_t>(emptiest - counts.begin())});
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
    DL_TRY_ASSIGN(auto slots, make_partitions(places, stop));
    for (const auto index : used)
        DL_TRY(directories_[index]->sync_partitions(meta->id));
    std::unique_lock lock(mutex_);
    auto& entry = tables_[meta->id];
    if (!entry.meta) entry.meta = meta;
    entry.epochs = stored;
    entry.slots.merge(slots);
    return {};
}

// Side by side: the time goes into syncs, which the disk does together. The first failure ends all.
Result<std::map<PartitionId, PartitionRegistry::Slot>> PartitionRegistry::make_partitions(
    const std::vector<Found>& places, const StopCheck& stop) {
    std::map<PartitionId, Slot> slots;
    std::optional<Error> failure;
    std::mutex mutex;
    const auto failed = [&] {
        const std::lock_guard lock(mutex);
        return failure.has_value();
    };
    const auto make = [&](const Found& place) {
        if (failed()) return;
        auto stopped = stop();
        Slot slot;
        if (!stopped) {
            auto made = directories_[place.directory]->create_partition(*place.meta, place.id);
            if (made.has_error()) stopped = std::move(made).error();
        }
        if (!stopped) {
            slot = open(place);
            stopped = slot.failure;
        }
        const std::lock_guard lock(mutex);
        if (stopped) {
            if (!failure) failure = std::move(stopped);
        } else {
            slots.emplace(place.id, std::move(slot));
        }
    };
    if (places.size() == 1) {
        make(places.front());
    } else if (!places.empty()) {
        WorkerPool pool("create", std::min(kCreateThreads, places.size()));
        for (const auto& place : places)
            pool.post([&make, &place] { make(place); });
    }
    if (!failure) return slots;
    for (auto& [id, slot] : slots)
        slot.partition->close();
    return *failure;
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
    LeaderEpochs here;
    for (const auto& [id, epoch] : told)
        if (partitions.contains(id)) here[id] = epoch;
    auto stored_epochs = epochs(table.id);
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
        entry.meta = meta;
        entry.epochs = stored_epochs;
    }
    for (const auto& [id, partition] : partitions) {
        if (partition == nullptr) continue;
        if (newer_schema) partition->update_table(*meta);
        partition->set_leader_epoch(epoch_of(stored_epochs, id));
    }
    log_info(kComponent, newer_schema ? "table updated" : "leader epochs updated",
             {{"table", meta->name}, {"schema", meta->schema.id.value}});
    return {};
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
    std::unique_lock lock(mutex_);
    tables_[id].meta = std::move(adopted);
    return {};
}

Result<void> PartitionRegistry::drop(TableId table, std::uint64_t incarnation) {
    const Change change(*this, table);
    DL_TRY(check_readable(table));
    if (const auto known = this->table(table); known.has_value())
        DL_TRY(check_incarnation(**known, incarnation, ""));
    Table dropped;
    {
        std::unique_lock lock(mutex_);
        if (const auto found = tables_.find(table); found != tables_.end()) {
            dropped = std::move(found->second);
            tables_.erase(found);
        }
    }
    for (auto& [id, slot] : dropped.slots)
        if (slot.partition) slot.partition->close();
    for (const auto& directory : directories_)
        DL_TRY(directory->remove_table(table));
    if (dropped.meta)
        log_info(kComponent, "table dropped", {{"table", dropped.meta->name}, {"id", table.value}});
    return {};
}

}  // namespace dl::slave
