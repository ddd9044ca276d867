// What the controller knows of the partitions of all tables: their placements as the
// catalog has them, and for each node what it is yet to be told of them. Follows the catalog by comparing
// snapshots, so that nothing has to be told to it and what did not change costs one comparison a table. Not
// thread-safe. No io.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/rpc/messages/replica_messages.h"
#include "master/catalog/catalog_cache.h"

namespace dl::master {

using ReplicaKey = std::pair<TableId, PartitionId>;

class ReplicaIndex {
  public:
    struct Table {
        TablePtr meta;
        PlacementPtr placement;
    };
    // Takes what has changed in the catalog; nodes are to be told of each partition that has a new version.
    // Of the first time nothing is told: the digests say what a node lacks. True: something has changed.
    bool refresh(const CatalogCache& catalog);

    // Of all tables: which have copies, and which are to get some.
    const std::map<TableId, Table>& tables() const { return tables_; }
    // nullptr: not there (any more).
    const Table* table(TableId id) const;
    const NodeMapPtr& nodes() const { return nodes_; }

    // The sum of assignment_digest() over what `node` should have: assignments that name it among their
    // replicas. Who has been left out is told so once and has none from then on.
    std::uint64_t digest(NodeId node) const;
    // Another number whenever what `node` should have, or has been told, has changed.
    std::uint64_t activity(NodeId node) const;

    // What `node` is to be told next, at most kAssignmentsMax: `versions` of the partitions of `request`.
    // `create`: tables of which it may not have the partitions yet, since it is to get copies of them.
    struct Telling {
        rpc::AssignReplicasRequest request;  // without cluster and controller
        std::vector<rpc::CreateTableRequest> create;
        std::map<ReplicaKey, std::uint32_t> versions;
    };
    // nullopt: nothing. Until told() or the next call the partitions stay to be told.
    std::optional<Telling> next_telling(NodeId node);
    void told(NodeId node, const Telling& telling);
    // Copies that `node` holds and is to lose, of which it has been told that they are none any more.
    struct Drop {
        ReplicaKey key;
        rpc::ReplicaRef replica;
        std::uint32_t version = 0;
        PartitionPlacement next;  // once it has lost it
    };
    std::vector<Drop> drops(NodeId node, std::size_t most) const;
    bool is_told_all(NodeId node) const;
    bool is_told(NodeId node, TableId table) const;
    // Everything, once more: it has something else.
    void tell_all(NodeId node);
    void tell_addresses(NodeId node);

  private:
    struct Book {
        std::uint64_t digest = 0;
        std::uint64_t activity = 0;
        std::set<ReplicaKey> pending;
        std::set<ReplicaKey> losing;  // it is among those that may lose their copies now
        bool addresses = true;        // are to be told
    };
    void count(const rpc::ReplicaRef& replica, const PartitionPlacement& placed, bool add);
    void drop(const Table& table);
    void take(const Table* before, const Table& now, bool tell);

    std::uint64_t changes_ = 0;
    bool loaded_ = false;
    std::map<TableId, Table> tables_;
    NodeMapPtr nodes_ = std::make_shared<const NodeMap>();
    std::map<NodeId, Book> books_;
};

}  // namespace dl::master
