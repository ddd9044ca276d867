#include "slave/handlers/request_target.h"

#include "slave/replication/replica_set.h"

namespace dl::slave {
namespace {

// The registry knows the id alone.
Error named(Error error, const rpc::TableRef& table) {
    if (error.code != ErrorCode::table_not_found) return error;
    const auto name = table.name.empty() ? "the table" : "table '" + table.name + "'";
    return make_error(ErrorCode::table_not_found, name + " is not on this slave");
}

}  // namespace

Result<std::shared_ptr<const TableMeta>> find_table(const TableRegistry& tables, const rpc::TableRef& table) {
    auto found = tables.table(table.id);
    if (found.has_error() && found.error().code == ErrorCode::corrupt_data)
        return found.error().in("table '" + table.name + "'");
    if (found.has_error()) return named(std::move(found).error(), table);
    DL_TRY(check_incarnation(**found, table.incarnation, table.name));
    if (table.schema_digest != 0) DL_TRY(tables.check_schema(table.id, table.schema, table.schema_digest));
    return found;
}

Result<std::shared_ptr<Partition>> find_partition(const TableRegistry& tables, const rpc::TableRef& table,
                                                  PartitionId id) {
    DL_TRY(find_table(tables, table));
    auto found = tables.partition(table.id, id);
    if (found.has_error()) return named(std::move(found).error(), table);
    return found;
}

Result<std::shared_ptr<Partition>> find_led_partition(const TableRegistry& tables, const rpc::TableRef& table,
                                                      PartitionId id, LeaderEpoch epoch) {
    DL_TRY_ASSIGN(auto partition, find_partition(tables, table, id));
    DL_TRY(partition->check_epoch(epoch));
    return partition;
}

Result<ReadablePartition> find_readable_partition(const TableRegistry& tables, const ReplicaSet* replicas,
                                                  const rpc::TableRef& table, PartitionId id,
                                                  LeaderEpoch epoch) {
    DL_TRY_ASSIGN(auto partition, find_partition(tables, table, id));
    const auto replica = replicas == nullptr ? nullptr : replicas->find({table.id, table.incarnation, id});
    const bool follows = replica != nullptr && replica->follows() != NodeId{};
    DL_TRY(follows ? replica->check_readable(epoch) : partition->check_epoch(epoch));
    return ReadablePartition{std::move(partition), follows};
}

Result<FoundPartitions> find_partitions(const TableRegistry& tables, const rpc::TableRef& table,
                                        const std::vector<PartitionId>& ids) {
    FoundPartitions found;
    found.reserve(ids.size());
    for (const auto id : ids) {
        DL_TRY_ASSIGN(auto partition, find_partition(tables, table, id));
        found.emplace_back(id, std::move(partition));
    }
    return found;
}

Error unless_dropped(const TableRegistry& tables, TableId table, const std::string& name, Error error) {
    const auto found = tables.table(table);
    if (!found.has_error() || found.error().code != ErrorCode::table_not_found) return error;
    return make_error(ErrorCode::table_not_found, "table '" + name + "' was dropped meanwhile");
}

Result<void> check_position(const std::string& table, PartitionId id, const Partition& partition,
                            Offset offset) {
    const Offset end = partition.end_offset();
    if (offset <= end) return {};
    return make_error(ErrorCode::offset_out_of_range,
                      "partition " + std::to_string(id.value) + " of table '" + table + "' ends at offset " +
                          std::to_string(end) + ", a position at " + std::to_string(offset) +
                          " is none of it; read on from an offset of this table");
}

Result<void> check_schema(const TableMeta& table, SchemaId schema, std::string_view what) {
    if (schema <= table.schema.id) return {};
    return make_error(ErrorCode::schema_mismatch, std::string(what) + " of table " + table.name +
                                                      " with schema " + std::to_string(schema.value) +
                                                      ", this slave knows " +
                                                      std::to_string(table.schema.id.value));
}

}  // namespace dl::slave
