#include "master/catalog/catalog_cache.h"

#include <mutex>

namespace dl::master {

TablePtr CatalogCache::find(std::string_view name) const {
    std::shared_lock lock(mutex_);
    const auto found = tables_.find(name);
    return found == tables_.end() ? nullptr : found->second;
}

std::vector<TablePtr> CatalogCache::list() const {
    std::shared_lock lock(mutex_);
    std::vector<TablePtr> tables;
    tables.reserve(tables_.size());
    for (const auto& [name, table] : tables_)
        tables.push_back(table);
    return tables;
}

std::vector<std::string> CatalogCache::names() const {
    std::shared_lock lock(mutex_);
    std::vector<std::string> names;
    names.reserve(tables_.size());
    for (const auto& [name, table] : tables_)
        names.push_back(name);
    return names;
}

std::size_t CatalogCache::size() const {
    std::shared_lock lock(mutex_);
    return tables_.size();
}

void CatalogCache::put(TablePtr table) {
    std::unique_lock lock(mutex_);
    tables_[table->name] = std::move(table);
    changes_.fetch_add(1, std::memory_order_release);
}

void CatalogCache::remove(const TableMeta& table) {
    std::unique_lock lock(mutex_);
    placements_.erase(table.id);
    changes_.fetch_add(1, std::memory_order_release);
    const auto found = tables_.find(table.name);
    if (found != tables_.end() && found->second->id == table.id) tables_.erase(found);
}

PlacementPtr CatalogCache::placement(TableId table) const {
    std::shared_lock lock(mutex_);
    const auto found = placements_.find(table);
    return found == placements_.end() ? nullptr : found->second;
}

void CatalogCache::put_placement(PlacementPtr placement) {
    std::unique_lock lock(mutex_);
    if (!any_copies())
        for (const auto& placed : placement->partitions)
            if (placed.replicas.size() > 1) any_copies_ = true;
    auto& place = placements_[placement->table];
    place = std::move(placement);
    changes_.fetch_add(1, std::memory_order_release);
}

NodeMapPtr CatalogCache::nodes() const {
    std::shared_lock lock(mutex_);
    return nodes_;
}

void CatalogCache::put_nodes(NodeMap nodes) {
    auto fresh = std::make_shared<const NodeMap>(std::move(nodes));
    std::unique_lock lock(mutex_);
    if (*nodes_ != *fresh) changes_.fetch_add(1, std::memory_order_release);
    nodes_ = std::move(fresh);
}

}  // namespace dl::master
