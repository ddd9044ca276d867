// One of the directories of slave.data. Layout (names only from numbers, never from user text):
//   LOCK                      held while a slave runs on it
//   node.json                 whose data this is
//   tables/t<id>/table.json   the table as this directory knows it
//   tables/t<id>/epochs.json  the leader epochs of its partitions
//   tables/t<id>/p<number>/   a partition; "p<number>.new" one that was being created
//   tables/t<id>/p<number>.dropped/  a partition that was being removed, on order
//   tables/t<id>.dropped/     a table that was being removed, on order
//   tables/t<id>.<reason>.<seconds>/, tables/t<id>/p<number>.<reason>.<seconds>/: set aside at start
// At start nothing is removed that holds a manifest, a log or a partition, whatever it looks like: it is set
// aside under a name that says why. What cannot be seen because the disk answers with an error is an error.
// Format page: docs/formats/slave-data.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/io/file_system.h"
#include "common/meta/table_meta.h"
#include "slave/server/epochs_file.h"
#include "slave/server/node_file.h"

namespace dl::slave {

class DataDirectory {
  public:
    // Creates what is missing and takes the lock. UNAVAILABLE when another slave runs on it, INVALID_REQUEST
    // when it holds what is none of ours.
    static Result<std::shared_ptr<DataDirectory>> open(FileSystem& files, const std::string& path);

    const std::string& path() const { return path_; }
    std::string tables_path() const { return path_ + "/tables"; }
    std::string table_path(TableId table) const;
    std::string partition_path(TableId table, PartitionId partition) const;

    // nullopt for a new directory. CORRUPT_DATA when node.json is damaged.
    Result<std::optional<NodeFile>> node() const;
    Result<void> set_node(const NodeFile& node);

    // Ends drops that a crash has interrupted, then lists the table directories, with or without a
    // table.json.
    Result<std::vector<TableId>> tables();
    // Removes what a crash left of partitions that were being created, then lists.
    Result<std::vector<PartitionId>> partitions(TableId table);
    // A directory without its table.json: removed when it holds no partition (it was just being created),
    // else set aside.
    Result<void> retire_unknown(TableId table);
    // Of everything in tables/, set aside or not; 0: nothing is there.
    Result<TableId> highest_table() const;
    // The directories set aside, now or at earlier starts; relative to tables/.
    Result<std::vector<std::string>> set_aside() const;
    // Whether any of it is of this table.
    Result<bool> has_set_aside(TableId table) const;

    // CORRUPT_DATA when table.json or epochs.json is damaged. Without epochs.json: those of a table.json of
    // format 1.
    struct StoredTable {
        TableMeta meta;
        StoredEpochs epochs;
    };
    Result<StoredTable> read_table(TableId table) const;
    // The epochs first: no table.json is newer than its epochs.
    Result<void> write_table(const TableMeta& table, const StoredEpochs& epochs);
    Result<void> write_epochs(TableId table, const StoredEpochs& epochs);
    Result<bool> has_table(TableId table) const;
    // A new partition directory, complete or not there at all. Durable with sync_partitions(); several may be
    // created at the same time.
    Result<void> create_partition(const TableMeta& table, PartitionId partition);
    Result<void> sync_partitions(TableId table);
    // A directory in which a partition is made anew, empty; then it takes the place of the one that is there,
    // which is removed: also by the next start, if a crash comes between.
    Result<std::string> begin_refill(TableId table, PartitionId partition);
    // `damaged`: what was there is set aside instead (INV-18).
    Result<void> finish_refill(TableId table, PartitionId partition, bool damaged);
    // Gone for good, also when a crash comes between: then the next start ends it. Fine when it is not there.
    Result<void> remove_partition(TableId table, PartitionId partition);
    Result<void> remove_table(TableId table);

  private:
    Result<void> move_aside(const std::string& kept_name, std::string_view reason, std::string_view advice,
                            const std::string& from);
    Result<void> complete_refills(TableId table);
    Result<bool> holds_records(const std::string& partition) const;
    DataDirectory(FileSystem& files, std::string path, std::unique_ptr<FileLock> lock)
        : files_(files), path_(std::move(path)), lock_(std::move(lock)) {}
    FileSystem& files_;
    const std::string path_;
    std::unique_ptr<FileLock> lock_;
};

}  // namespace dl::slave
