// The one look-up from (table, partition) to the slave that leads it: the catalog's placement, the node's
// address of today and its client. Thread-safe; nothing blocks.
#pragma once

#include <memory>
#include <string>

#include "common/base/error.h"
#include "common/meta/placement.h"
#include "common/meta/table_meta.h"
#include "common/rpc/rpc_client.h"
#include "master/catalog/catalog_cache.h"
#include "master/routing/slave_directory.h"

namespace dl::master {

struct Route {
    NodeId node;
    LeaderEpoch epoch;
    std::string address;
    std::shared_ptr<rpc::RpcClient> slave;
};

// The routes of one table as they were at one instant.
class TableRoutes {
  public:
    TableRoutes(std::string table, PlacementPtr placement, NodeMapPtr nodes, const SlaveDirectory& slaves)
        : table_(std::move(table)),
          placement_(std::move(placement)),
          nodes_(std::move(nodes)),
          slaves_(&slaves) {}

    // UNAVAILABLE names a partition without a leader, a leader that is not configured and one whose address
    // another node has taken; TABLE_NOT_FOUND when the table was dropped meanwhile.
    Result<Route> find(PartitionId partition) const;
    // The same without its client.
    Result<std::string> leader_address(PartitionId partition) const;
    // Where the copies of a partition were seen last, for people to read: the leader (empty without one),
    // then the others.
    std::vector<std::string> copy_addresses(PartitionId partition) const;

  private:
    struct Leader {
        const Node* node;
        LeaderEpoch epoch;
    };
    Result<Leader> leader(PartitionId partition) const;
    // One of which leads the partition again when it is there.
    std::string needed_slaves(const PartitionPlacement& placed) const;

    std::string table_;
    PlacementPtr placement_;
    NodeMapPtr nodes_;
    const SlaveDirectory* slaves_;
};

// The epochs of the partitions a node has a copy of and that nobody assigns: those it may be told with the
// schema of their table. Of the others it learns by assign_replicas only.
LeaderEpochs unassigned_epochs(const TablePlacement& placement, NodeId node);
// Whether a partition has, or had, more than one copy.
bool has_copies(const TablePlacement& placement);

class RouteTable {
  public:
    // Both outlive it.
    RouteTable(const CatalogCache& catalog, const SlaveDirectory& slaves)
        : catalog_(catalog), slaves_(slaves) {}

    TableRoutes of(const TableMeta& table) const {
        return {table.name, catalog_.placement(table.id), catalog_.nodes(), slaves_};
    }
    // The client of one node, wherever it is now. UNAVAILABLE as above.
    Result<Route> node(NodeId id) const;
    // The same by the address it was planned by.
    Result<Route> at_address(const std::string& address) const;
    const SlaveDirectory& slaves() const { return slaves_; }
    const CatalogCache& catalog() const { return catalog_; }

  private:
    const CatalogCache& catalog_;
    const SlaveDirectory& slaves_;
};

}  // namespace dl::master
