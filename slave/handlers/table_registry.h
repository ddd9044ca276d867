// The tables and partitions of this node, as handlers see them. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/meta/table_meta.h"
#include "slave/partition/partition.h"

namespace dl::slave {

struct PartitionEntry {
    PartitionId id;
    std::shared_ptr<Partition> partition;  // nullptr: it could not be opened
    std::string failure;
};

class TableRegistry {
  public:
    virtual ~TableRegistry() = default;
    // TABLE_NOT_FOUND names the id.
    virtual Result<std::shared_ptr<const TableMeta>> table(TableId id) const = 0;
    // TABLE_NOT_FOUND, PARTITION_NOT_FOUND, or the error why it could not be opened at start.
    virtual Result<std::shared_ptr<Partition>> partition(TableId table, PartitionId id) const = 0;
    // All partitions of the table on this node, by id; empty for an unknown table.
    virtual std::vector<PartitionEntry> partitions(TableId table) const = 0;
    virtual std::size_t table_count() const = 0;

    // Blocking (work pool). All idempotent, all durable on return.
    // The partitions to create, with their leader epochs. Older schemas and epochs are ignored here and
    // below.
    virtual Result<void> create(const TableMeta& table, const LeaderEpochs& partitions) = 0;
    // Epochs of partitions that are not here are ignored too.
    virtual Result<void> update(const TableMeta& table, const LeaderEpochs& epochs) = 0;
    virtual Result<void> drop(TableId table) = 0;
};

}  // namespace dl::slave
