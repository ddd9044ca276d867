// The catalog as the rest of the master sees it: fast lookups from memory, changes written through to the
// store before they become visible. Lookups from any thread; changes block (work pool only) and are
// serialised here.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "master/catalog/catalog_cache.h"
#include "master/catalog/catalog_store.h"

namespace dl::master {

class Catalog {
  public:
    static Result<std::unique_ptr<Catalog>> open(const std::string& directory, bool begin_anew = false);

    // `name` as written. TABLE_NOT_FOUND names the nearest table there is, or says that it is a view.
    Result<CatalogTablePtr> find(std::string_view name) const;
    const CatalogCache& tables() const { return cache_; }

    const std::string& cluster_id() const { return cluster_id_; }

    // See CatalogStore. What they change is durable before it is visible.
    Result<Node> node_at_address(const std::string& address);
    Result<Node> register_node(const std::string& address, NodeId known, const std::string& incarnation);
    Result<TableId> reserve_table(const std::vector<NodeId>& nodes, std::uint64_t incarnation) {
        return store_->reserve_table(nodes, incarnation);
    }
    Result<void> skip_table_ids(TableId highest) { return store_->skip_table_ids(highest); }
    Result<CatalogTablePtr> add_table(CatalogTable table, TablePlacement placement,
                                      bool being_filled = false);
    Result<void> finish_filling(TableId table);
    struct Removed {
        CatalogTablePtr table;  // null: there was none
        PlacementPtr placement;
    };
    // In the place of the table of that name, if there is one. `removed` is that one.
    Result<CatalogTablePtr> replace_table(CatalogTable table, TablePlacement placement, Removed& removed);
    Result<PartitionPlacement> change_placement(TableId table, PartitionId partition,
                                                std::uint32_t expected_version, PartitionPlacement next);
    // What became of each, in their order; the error: none was taken.
    Result<std::vector<Result<PartitionPlacement>>> change_placements(std::vector<PlacementChange> changes);
    Result<CatalogTablePtr> set_copies(const TableMeta& table, std::uint32_t copies);
    Result<CatalogTablePtr> change_schema(
        CatalogTable table);  // SCHEMA_MISMATCH: does not descend from the known one
    Result<void> remove_table(const TableMeta& table);
    // TABLE_EXISTS when a table has the name, or a view, unless that is to be replaced.
    Result<void> add_view(View view, bool or_replace);
    Result<void> remove_view(std::string_view name);  // TABLE_NOT_FOUND
    Result<std::vector<PendingDrop>> pending_drops() { return store_->pending_drops(); }
    Result<void> finish_drop(const PendingDrop& drop) { return store_->finish_drop(drop); }

  private:
    explicit Catalog(std::unique_ptr<CatalogStore> store) : store_(std::move(store)) {}
    Result<void> check_no_view(const std::string& name) const;
    Result<Node> cache_node(Result<Node> changed);
    std::unique_ptr<CatalogStore> store_;
    std::string cluster_id_;
    CatalogCache cache_;
    std::mutex change_mutex_;  // store and cache change in the same order
};

}  // namespace dl::master
