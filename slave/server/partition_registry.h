// All tables and partitions of this node, over its data directories: recovery at start, new and dropped
// tables, look-up for the handlers. A partition that cannot be opened is kept as its error; the others serve.
//
// Threads: look-ups from any thread under a shared lock; create, update and drop block. Those of one table go
// one at a time, those of others do not wait for them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "common/async/worker_pool.h"
#include "common/base/check.h"
#include "slave/handlers/table_registry.h"
#include "slave/partition/disk_reserve.h"
#include "slave/partition/upkeep_list.h"
#include "slave/replication/copy_store.h"
#include "slave/server/data_directory.h"
#include "slave/server/retry_thread.h"
#include "slave/server/schema_history.h"
#include "slave/server/table_scan.h"

namespace dl::slave {

// The threads that wait for the disk of one data directory, so that a disk that is slow or hangs has none of
// another's.
struct DirectoryPools {
    WorkerPool* storage = nullptr;
    WorkerPool* background = nullptr;
    WorkerPool* compaction = nullptr;
};

class PartitionRegistry final : public TableRegistry, public CopyStore {
  public:
    // `pools`: by directory; without any those of the context are everybody's.
    PartitionRegistry(std::vector<std::shared_ptr<DataDirectory>> directories, PartitionOptions options,
                      PartitionContext context, std::vector<DirectoryPools> pools = {})
        : directories_(std::move(directories)),
          options_(options),
          context_(std::move(context)),
          pools_(std::move(pools)) {
        DL_CHECK(pools_.empty() || pools_.size() == directories_.size(), "a directory has its threads");
        for (const auto& directory : directories_) {
            reserves_.push_back(std::make_shared<DiskReserve>(*context_.files, directory->path(),
                                                              options_.free_disk_bytes_min));
            upkeep_.push_back(std::make_shared<UpkeepList>());
            ticking_.push_back(std::make_shared<std::atomic<bool>>(false));
        }
    }

    struct Recovered {
        std::size_t tables = 0, partitions = 0, failed = 0;
        std::uint64_t rows = 0;              // next offsets together
        std::vector<std::string> set_aside;  // directories that hold something and do not serve
    };
    // Opens everything in the directories, `threads` partitions at a time. Errors only of the directories
    // themselves.
    Result<Recovered> recover(std::size_t threads);
    // Partition::tick() of those that want one (upkeep_list.h); with pools of their own each directory's on
    // its background pool, unless it has not come to the one before. What takes no writes after an error of
    // its disk is closed and recovered, on a thread of its own, once the disk answers again; until then it
    // serves reads. What could not be opened for such an error is opened again there. Every second or so, one
    // call at a time.
    void tick();
    // Closes all partitions; nothing is found any more.
    void close();

    Result<std::shared_ptr<const TableMeta>> table(TableId id) const override;
    Result<std::shared_ptr<Partition>> partition(TableId table, PartitionId id) const override;
    std::vector<PartitionEntry> partitions(TableId table) const override;
    std::size_t table_count() const override;
    Result<void> check_schema(TableId table, SchemaId schema, std::uint64_t digest) const override;
    std::vector<HeldTable> held() const override;
    TableId highest_table() const override;
    Result<void> create(const TableMeta& table, const LeaderEpochs& partitions, bool replicated,
                        const StopCheck& stop) override;
    Result<void> update(const TableMeta& table, const LeaderEpochs& epochs) override;
    Result<void> drop(TableId table, std::uint64_t incarnation) override;
    Result<void> adopt(TableId table, std::uint64_t incarnation) override;
    Result<std::vector<LostRange>> lost_records(TableId table, std::uint64_t incarnation, PartitionId id,
                                                std::optional<LeaderEpoch> accept) override;
    Result<Opened> opened(TableId table, std::uint64_t incarnation, PartitionId id) const override;
    Result<void> note_copies(TableId table, std::uint64_t incarnation, const LeaderEpochs& epochs) override;
    Result<void> condemn(TableId table, std::uint64_t incarnation, PartitionId id,
                         const std::string& why) override;
    Result<Refill> begin_refill(TableId table, std::uint64_t incarnation, PartitionId id) override;
    Result<std::unique_ptr<Replacement>> begin_replacement(TableId table, std::uint64_t incarnation,
                                                           PartitionId id) override;
    std::vector<Trouble> troubles(std::size_t count_max) const override;
    Result<void> drop_copy(TableId table, std::uint64_t incarnation, PartitionId id) override;
    bool is_damaged(TableId table, std::uint64_t incarnation, PartitionId id) const override;
    std::uint64_t changes() const override { return changes_; }

  private:
    struct Slot {
        std::shared_ptr<Partition> partition;
        std::optional<Error> failure;
        bool placed = true;  // false: it lies in two directories, so in none
        std::size_t directory = 0;
        LeaderEpoch recovered;  // as in CopyStore::Opened
    };
    struct Table {
        std::shared_ptr<const TableMeta> meta;
        SchemaHistory schemas;  // the newest is of meta
        StoredEpochs epochs;    // as stored
        std::map<PartitionId, Slot> slots;
        void describe(std::shared_ptr<const TableMeta> newer) {
            meta = std::move(newer);
            schemas.put(*meta);
        }
    };
    // While it lives nobody else changes the table.
    class Change {
      public:
        Change(PartitionRegistry& registry, TableId table);
        ~Change();
        Change(const Change&) = delete;
        Change& operator=(const Change&) = delete;
        TableId table() const { return table_; }

      private:
        PartitionRegistry& registry_;
        const TableId table_;
    };
    class Refilled;  // a replacement that is under way
    // A partition that has left service for writes, or (nullptr) could not be opened for an error of its
    // disk.
    using Failed = UpkeepList::Failed;
    std::vector<Failed> failed_partitions();
    void look_for_unopened();
    static void close_partitions(const std::map<TableId, Table>& tables);
    // False: it is tried again later.
    bool reopen(const Failed& failed);
    Result<void> check_readable(TableId table) const;
    Error not_here(TableId table) const;
    Slot open(const PlacedPartition& found) const;
    PartitionContext context_of(std::size_t directory) const;
    std::vector<std::size_t> partitions_by_directory() const;
    Result<void> add_partitions(const std::shared_ptr<const TableMeta>& meta, const LeaderEpochs& wanted,
                                const StoredEpochs& stored, const StopCheck& stop, bool keep_some);
    struct Made {
        std::map<PartitionId, Slot> slots;
        std::optional<Error> failure;
    };
    Made make_partitions(const std::vector<PlacedPartition>& places, const StopCheck& stop);
    void undo_create(const TableMeta& meta);
    StoredEpochs epochs(TableId table) const;
    Result<void> write_epochs(TableId table, const StoredEpochs& stored);
    Result<void> update_changing(const TableMeta& table, const LeaderEpochs& epochs);

    const std::vector<std::shared_ptr<DataDirectory>> directories_;
    const PartitionOptions options_;
    const PartitionContext context_;
    const std::vector<DirectoryPools> pools_;
    std::mutex changing_mutex_;
    std::condition_variable changed_;
    std::set<TableId> changing_;       // tables of a Change
    mutable std::shared_mutex mutex_;  // tables_
    std::map<TableId, Table> tables_;
    std::atomic<std::uint64_t> changes_{1};               // counted behind every change of a slot
    TableId highest_seen_;                                // at the start, under mutex_
    std::map<TableId, TableScan::LeftOut> left_out_;      // fixed after the start
    std::vector<std::shared_ptr<DiskReserve>> reserves_;  // by directory
    std::vector<std::shared_ptr<UpkeepList>> upkeep_;     // by directory
    // By directory: ticks are waiting or running. Shared with the task, which may outlive a close().
    std::vector<std::shared_ptr<std::atomic<bool>>> ticking_;
    // Of tick() alone: what could not be opened for an error of its disk, as of so many changes.
    std::vector<std::pair<TableId, PartitionId>> unopened_;
    std::uint64_t unopened_as_of_ = 0;

    RetryThread reopening_;  // last: it ends before what it uses
};

}  // namespace dl::slave
