#include "slave/server/partition_registry.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "common/async/worker_pool.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "slave/server/epochs_file.h"

namespace dl::slave {
namespace {

constexpr auto kComponent = "slave.registry";
constexpr auto kProgressInterval = std::chrono::seconds(2);
constexpr std::size_t kCloseThreads = 8;

// The bytes may be as they were, and be read once the disk answers again.
bool is_of_disk(const std::optional<Error>& failure) {
    return failure && failure->code == ErrorCode::io_error;
}

}  // namespace

// What could not be read is not to be mixed with anything new, nor removed.
Result<void> PartitionRegistry::check_readable(TableId table) const {
    const auto found = left_out_.find(table);
    if (found == left_out_.end()) return {};
    return found->second.error;
}

PartitionContext PartitionRegistry::context_of(std::size_t directory) const {
    DL_CHECK(directory < directories_.size() && reserves_.size() == directories_.size(),
             "every partition lies in a directory of this node");
    auto context = context_;
    context.disk_reserve = reserves_[directory];
    context.upkeep = upkeep_[directory];
    if (!pools_.empty()) {
        const auto& pools = pools_[directory];
        context.storage_pool = pools.storage;
        context.background_pool = pools.background;
        context.compaction_pool = pools.compaction;
    }
    return context;
}

PartitionRegistry::Slot PartitionRegistry::open(const PlacedPartition& found) const {
    Slot slot;
    slot.directory = found.directory;
    const auto path = directories_[found.directory]->partition_path(found.table->id, found.id);
    auto options = options_;
    options.synced_is_committed = !found.replicated;
    auto opened =
        Partition::open(path, *found.table, found.id, options, context_of(found.directory), found.epoch);
    if (opened.has_value()) {
        slot.partition = std::move(*opened);
        slot.recovered = slot.partition->leader_epoch();
        return slot;
    }
    // What the manifest names and is not there is damage like any other; so is a manifest that is gone.
    const auto failure =
        opened.error().code == ErrorCode::not_found
            ? make_error(ErrorCode::corrupt_data, "a file of it is missing: " + opened.error().message)
            : opened.error();
    slot.failure = failure.in(found.name() + " could not be opened");
    log_error(kComponent, "partition does not serve",
              {{"table", found.table->name},
               {"partition", found.id.value},
               {"directory", path},
               {"error", failure}});
    return slot;
}

Result<PartitionRegistry::Recovered> PartitionRegistry::recover(std::size_t threads) {
    DL_TRY_ASSIGN(auto scan, scan_tables(directories_));
    const auto found = std::move(scan.partitions);
    {
        std::unique_lock lock(mutex_);
        highest_seen_ = scan.highest;
        left_out_ = std::move(scan.left_out);
        for (auto& [id, table] : scan.tables) {
            auto& entry = tables_[id];
            entry.describe(std::move(table.meta));
            entry.epochs = std::move(table.epochs);
            for (auto& [partition, failure] : table.failed) {
                auto& slot = entry.slots[partition];
                slot.failure = std::move(failure);
                slot.placed = false;
            }
        }
    }
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
                    tables_[one.table->id].slots[one.id] = std::move(slot);
                    ++changes_;
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
    reopening_.stop();
    std::map<TableId, Table> closing;
    {
        std::unique_lock changing(changing_mutex_);
        changed_.wait(changing, [this] { return changing_.empty(); });
        std::unique_lock lock(mutex_);
        closing.swap(tables_);
        ++changes_;
    }
    close_partitions(closing);
}

// Side by side: what each waits for is the sync of its seal.
void PartitionRegistry::close_partitions(const std::map<TableId, Table>& tables) {
    std::vector<std::shared_ptr<Partition>> partitions;
    for (const auto& [id, table] : tables)
        for (const auto& [partition, slot] : table.slots)
            if (slot.partition) partitions.push_back(slot.partition);
    if (partitions.empty()) return;
    WorkerPool pool("close", std::min(kCloseThreads, partitions.size()));
    for (const auto& partition : partitions)
        pool.post([&partition] { partition->close(); });
}

void PartitionRegistry::tick() {
    for (std::size_t i = 0; i < upkeep_.size(); ++i) {
        const auto tick_due = [upkeep = upkeep_[i]] { upkeep->tick(UpkeepList::Clock::now()); };
        if (pools_.empty()) {
            tick_due();
        } else if (!ticking_[i]->exchange(true)) {
            const bool posted = pools_[i].background->post([tick_due, ticking = ticking_[i]] {
                tick_due();
                ticking->store(false);
            });
            if (!posted) ticking_[i]->store(false);
        }
    }
    auto failed = failed_partitions();
    if (failed.empty()) return;
    reopening_.tick([this, failed = std::move(failed)] {
        bool all = true;
        for (const auto& one : failed)
            all = reopen(one) && all;
        return all;
    });
}

std::vector<PartitionRegistry::Failed> PartitionRegistry::failed_partitions() {
    std::vector<Failed> failed;
    for (const auto& upkeep : upkeep_)
        for (auto& one : upkeep->failed())
            failed.push_back(std::move(one));
    look_for_unopened();
    for (const auto& [table, id] : unopened_)
        failed.push_back({table, id, nullptr});
    if (failed.empty()) return failed;
    // Some have been replaced, and somebody still reads from them.
    const std::shared_lock lock(mutex_);
    std::erase_if(failed, [this](const Failed& one) {
        const auto table = tables_.find(one.table);
        if (table == tables_.end()) return true;
        const auto slot = table->second.slots.find(one.id);
        return slot == table->second.slots.end() || slot->second.partition != one.partition;
    });
    return failed;
}

void PartitionRegistry::look_for_unopened() {
    // First: what changes from here on is seen by the next tick.
    const auto changes = changes_.load();
    if (changes == std::exchange(unopened_as_of_, changes)) return;
    unopened_.clear();
    const std::shared_lock lock(mutex_);
    for (const auto& [id, table] : tables_)
        for (const auto& [partition, slot] : table.slots)
            if (slot.partition == nullptr && slot.placed && is_of_disk(slot.failure))
                unopened_.emplace_back(id, partition);
}

bool PartitionRegistry::reopen(const Failed& failed) {
    if (failed.partition != nullptr && !failed.partition->can_be_reopened()) return false;
    const Change change(*this, failed.table);
    PlacedPartition place;
    {
        const std::shared_lock lock(mutex_);
        const auto table = tables_.find(failed.table);
        if (table == tables_.end()) return true;
        const auto slot = table->second.slots.find(failed.id);
        if (slot == table->second.slots.end() || slot->second.partition != failed.partition) return true;
        if (failed.partition == nullptr && !is_of_disk(slot->second.failure)) return true;
        place = {table->second.meta, failed.id, epoch_of(table->second.epochs, failed.id),
                 slot->second.directory, table->second.epochs.replicated.contains(failed.id)};
    }
    if (failed.partition != nullptr) failed.partition->close();  // it goes on serving reads
    auto slot = open(place);
    // What turns out to be damaged is not tried again.
    const bool again = is_of_disk(slot.failure);
    if (slot.failure && (again || failed.partition != nullptr)) return false;
    const bool opened = !slot.failure;
    {
        const std::unique_lock lock(mutex_);
        tables_[failed.table].slots[failed.id] = std::move(slot);
    }
    ++changes_;
    if (opened)
        log_info(kComponent,
                 failed.partition != nullptr ? "partition takes writes again" : "partition serves again",
                 {{"table", place.table->name}, {"partition", failed.id.value}});
    return true;
}

Error PartitionRegistry::not_here(TableId table) const {
    if (const auto found = left_out_.find(table); found != left_out_.end())
        return make_error(ErrorCode::corrupt_data,
                          "the slave could not read what it holds of the table at its start (" +
                              found->second.reason +
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
        return left_out_.contains(table)  // in one of several directories
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

Result<void> PartitionRegistry::check_schema(TableId id, SchemaId schema, std::uint64_t digest) const {
    std::shared_lock lock(mutex_);
    const auto found = tables_.find(id);
    if (found == tables_.end()) return {};  // dropped meanwhile: whoever asks next is told
    const auto& table = found->second;
    switch (table.schemas.look_up(schema, digest)) {
        case SchemaHistory::Known::other:
            return foreign_schema(*table.meta);
        case SchemaHistory::Known::forgotten:
            return make_error(ErrorCode::schema_mismatch,
                              "table '" + table.meta->name +
                                  "' was altered since the statement was planned; repeat the statement");
        case SchemaHistory::Known::here:
        case SchemaHistory::Known::newer:
            return {};
    }
    return {};
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

}  // namespace dl::slave
