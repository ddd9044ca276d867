// Who a node is and what it holds: ping, registration in a cluster, inventory.
#pragma once

#include <string>
#include <vector>

#include "common/rpc/messages/table_messages.h"

namespace dl::rpc {

struct PingRequest {
    static constexpr Method kMethod = Method::ping;
    template <class Self, class Visitor>
    static void fields(Self&, Visitor&) {}
};

struct PingReply {
    static constexpr Method kMethod = Method::ping;
    std::string node;         // address as configured
    std::string version;      // of the program
    std::string incarnation;  // new with every empty data directory
    NodeId node_id;           // 0: not registered yet
    std::string cluster_id;   // empty: not registered yet
    std::uint64_t tables = 0;
    TableId highest_table;  // of all it holds, served or not
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("node", m.node);
        v("version", m.version);
        v("incarnation", m.incarnation);
        v.maybe("node_id", m.node_id);
        v.maybe("cluster_id", m.cluster_id, at_most(kClusterIdBytes));
        v("tables", m.tables);
        v("highest_table", m.highest_table);
    }
};

struct TableIncarnation {
    TableId table;
    std::uint64_t incarnation = 0;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("table_id", m.table);
        v("incarnation", m.incarnation, from_to(1, std::numeric_limits<std::uint64_t>::max()));
    }
};

inline constexpr std::size_t kRegisteredTablesMax = 1u << 20;

// The node is this one of that cluster from now on, and its tables that had none have these incarnations;
// idempotent. UNAVAILABLE when it is of another cluster and not to be taken over, INVALID_REQUEST when it is
// another node.
struct RegisterNodeRequest {
    static constexpr Method kMethod = Method::register_node;
    NodeId node;
    std::string cluster_id;
    bool take_over = false;
    std::vector<TableIncarnation> tables;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("node_id", m.node, from_to(1, std::numeric_limits<std::uint32_t>::max()));
        v("cluster_id", m.cluster_id, at_most(kClusterIdBytes));
        v("take_over", m.take_over);
        v.maybe("tables", m.tables, at_most(kRegisteredTablesMax));
    }
    std::string complaint() const { return cluster_id.size() == kClusterIdBytes ? "" : "names no cluster"; }
};
using RegisterNodeReply = Done<Method::register_node>;

// -> data frames InventoryPart: all tables the node holds.
struct InventoryRequest {
    static constexpr Method kMethod = Method::inventory;
    template <class Self, class Visitor>
    static void fields(Self&, Visitor&) {}
};
using InventoryReply = Done<Method::inventory>;

struct InventoryTable {
    TableId id;
    std::uint64_t incarnation = 0;  // 0: of a release that had none
    std::string name, key;
    std::uint64_t hash_seed = 0;
    std::uint32_t partitions = 0;          // on this node
    std::uint64_t records = 0, bytes = 0;  // stored
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("table_id", m.id);
        v("incarnation", m.incarnation);
        v("name", m.name, at_most(limits::name_bytes_max));
        v("key", m.key, at_most(limits::name_bytes_max));
        v("hash_seed", m.hash_seed);
        v("partitions", m.partitions);
        v("records", m.records);
        v("bytes", m.bytes);
    }
};

struct InventoryPart {
    static constexpr Method kMethod = Method::inventory;
    std::vector<InventoryTable> tables;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("tables", m.tables);
    }
};

}  // namespace dl::rpc
