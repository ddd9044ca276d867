// Tables as requests name them; tables that come, change and go.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/meta/schema_lineage.h"
#include "common/rpc/messages/message_codec.h"

namespace dl::rpc {

inline constexpr std::size_t kClusterIdBytes = 32;  // hex digits

// Id and incarnation decide: a table that has only its number in common is never answered for. The name is
// for the words of errors. A drop of a table whose name nobody knows any more has none.
struct TableRef {
    TableId id;
    std::string name;
    std::uint64_t incarnation = 0;  // 0, or absent: of a table that was never given one
    // What the sender takes its schema to be (schema_digest()), so that a number never stands for two of
    // them. 0: it does not say; a drop does not.
    SchemaId schema;
    std::uint64_t schema_digest = 0;
    // Members of the request itself.
    template <class Self, class Visitor>
    static void members(Self& m, Visitor& v) {
        v("table_id", m.id);
        v.maybe("incarnation", m.incarnation);
        v.maybe("table", m.name, at_most(limits::name_bytes_max));
        v.maybe("table_schema", m.schema);
        v.maybe("table_digest", m.schema_digest);
    }
};
inline TableRef table_ref(const TableMeta& table) {
    return {table.id, table.name, table.incarnation, table.schema.id, schema_digest(table)};
}

// An empty reply.
template <Method M>
struct Done {
    static constexpr Method kMethod = M;
    template <class Self, class Visitor>
    static void fields(Self&, Visitor&) {}
};

struct PartitionEpoch {
    PartitionId partition;
    LeaderEpoch leader_epoch;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("partition", m.partition);
        v("leader_epoch", m.leader_epoch);
    }
};
std::vector<PartitionEpoch> partition_epochs(const LeaderEpochs& epochs);
LeaderEpochs leader_epochs(const std::vector<PartitionEpoch>& epochs);

// Creates the partitions on this node, with their leader epochs. Idempotent. UNAVAILABLE when the node is of
// another cluster, or of none yet.
struct CreateTableRequest {
    static constexpr Method kMethod = Method::create_table;
    std::string cluster_id;
    TableMeta table;
    std::vector<PartitionEpoch> partitions;  // each once, below table.partition_count
    bool replicated = false;  // they have other copies: nobody leads here before an assignment says so
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("cluster_id", m.cluster_id, at_most(kClusterIdBytes));
        v("table", m.table);
        v("partitions", m.partitions);
        v.maybe("replicated", m.replicated);
    }
    std::string complaint() const {
        for (const auto& part : partitions)
            if (part.partition.value >= table.partition_count)
                return "names partition " + std::to_string(part.partition.value) + " of table " + table.name +
                       ", which has " + std::to_string(table.partition_count);
        return names_each_once(partitions) ? "" : "names a partition twice";
    }
};
using CreateTableReply = Done<Method::create_table>;

// A newer schema of a table and newer leader epochs of partitions here, durable before the answer.
// Idempotent; older ones and those of partitions that are not here are ignored.
struct UpdateTableRequest {
    static constexpr Method kMethod = Method::update_table;
    TableMeta table;
    std::vector<PartitionEpoch> epochs;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("table", m.table);
        v.maybe("epochs", m.epochs);
    }
    std::string complaint() const { return names_each_once(epochs) ? "" : "names a partition twice"; }
};
// `newer`: the table as it is here, when the schema here is newer than the one sent: the sender's catalog has
// forgotten it.
struct UpdateTableReply {
    static constexpr Method kMethod = Method::update_table;
    std::optional<TableMeta> newer;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v.maybe("newer", m.newer);
    }
};

// Removes all partitions of the table. Idempotent; who waits for its records is told.
struct DropTableRequest {
    static constexpr Method kMethod = Method::drop_table;
    TableRef table;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        TableRef::members(m.table, v);
    }
};
using DropTableReply = Done<Method::drop_table>;

}  // namespace dl::rpc
