// The tables and partitions that requests name. Errors name them as users do, never by their ids:
// TABLE_NOT_FOUND, CORRUPT_DATA for another incarnation of the table or another schema of the same number,
// SCHEMA_MISMATCH for one that is no longer known, PARTITION_NOT_FOUND, or why a partition could not be
// opened.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "common/rpc/messages/table_messages.h"
#include "slave/handlers/table_registry.h"

namespace dl::slave {

Result<std::shared_ptr<const TableMeta>> find_table(const TableRegistry& tables, const rpc::TableRef& table);
Result<std::shared_ptr<Partition>> find_partition(const TableRegistry& tables, const rpc::TableRef& table,
                                                  PartitionId id);
// The same, led here in that epoch; else NOT_LEADER, which says the epoch that is known here.
Result<std::shared_ptr<Partition>> find_led_partition(const TableRegistry& tables, const rpc::TableRef& table,
                                                      PartitionId id, LeaderEpoch epoch);

class ReplicaSet;
struct ReadablePartition {
    std::shared_ptr<Partition> partition;
    bool follows = false;
};
// The same of any copy in sync (Replica::check_readable); one that leads has to serve.
Result<ReadablePartition> find_readable_partition(const TableRegistry& tables, const ReplicaSet* replicas,
                                                  const rpc::TableRef& table, PartitionId id,
                                                  LeaderEpoch epoch);

using FoundPartitions = std::vector<std::pair<PartitionId, std::shared_ptr<Partition>>>;
Result<FoundPartitions> find_partitions(const TableRegistry& tables, const rpc::TableRef& table,
                                        const std::vector<PartitionId>& ids);

// What to answer in place of `error`, met by a request that ran while its table was dropped: TABLE_NOT_FOUND.
// The error itself when the table is still there.
Error unless_dropped(const TableRegistry& tables, TableId table, const std::string& name, Error error);

// OFFSET_OUT_OF_RANGE when a position of a reader lies beyond the end of the partition.
Result<void> check_position(const std::string& table, PartitionId id, const Partition& partition,
                            Offset offset);

// SCHEMA_MISMATCH when `schema` is newer than what is known here. The digest is find_table()'s part.
Result<void> check_schema(const TableMeta& table, SchemaId schema, std::string_view what);

}  // namespace dl::slave
