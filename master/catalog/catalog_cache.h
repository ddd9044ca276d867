// Tables by name, their placements by id and the nodes, in memory. Readers take a shared snapshot of one
// entry; changes replace it, so a statement keeps what it began with. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/meta/placement.h"
#include "master/catalog/catalog_table.h"
#include "master/catalog/node_map.h"
#include "master/catalog/view.h"

namespace dl::master {

class CatalogCache {
  public:
    // nullptr when there is none. `name` in lower case.
    CatalogTablePtr find(std::string_view name) const;
    // Sorted by name.
    std::vector<CatalogTablePtr> list() const;
    std::vector<std::string> names() const;
    std::size_t size() const;
    void put(CatalogTablePtr table);
    // Only when it is still this table (a new one of the same name stays).
    void remove(const TableMeta& table);

    // nullptr when there is none. `name` in lower case.
    ViewPtr view(std::string_view name) const;
    std::vector<ViewPtr> views() const;  // sorted by name
    bool has_views() const { return views_count_.load(std::memory_order_relaxed) != 0; }
    void put_view(ViewPtr view);
    void remove_view(const std::string& name);

    // nullptr for a table that is not there (any more).
    PlacementPtr placement(TableId table) const;
    void put_placement(PlacementPtr placement);
    // Whether a partition has, or had, several copies since this program started.
    bool any_copies() const { return any_copies_.load(std::memory_order_relaxed); }
    // Another number whenever a table, a placement or the nodes have changed.
    std::uint64_t changes() const { return changes_.load(std::memory_order_acquire); }
    NodeMapPtr nodes() const;
    void put_nodes(NodeMap nodes);

  private:
    mutable std::shared_mutex mutex_;
    std::map<std::string, CatalogTablePtr, std::less<>> tables_;
    std::map<std::string, ViewPtr, std::less<>> views_;
    std::atomic<std::size_t> views_count_{0};
    std::map<TableId, PlacementPtr> placements_;
    std::atomic<std::uint64_t> changes_{0};
    std::atomic<bool> any_copies_{false};
    NodeMapPtr nodes_ = std::make_shared<const NodeMap>();
};

}  // namespace dl::master
