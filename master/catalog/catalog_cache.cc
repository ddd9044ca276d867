#include "master/catalog/catalog_cache.h"

#include <mutex>

namespace dl::master {

CatalogTablePtr CatalogCache::find(std::string_view name) const {
    std::shared_lock lock(mutex_);
    const auto found = tables_.find(name);
    return found == tables_.end() ? nullptr : found->second;
}

std::vector<CatalogTablePtr> CatalogCache::list() const {
    std::shared_lock lock(mutex_);
    std::vector<CatalogTablePtr> tables;
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

void CatalogCache::put(CatalogTablePtr table) {
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

ViewPtr CatalogCache::view(std::string_view name) const {
    std::shared_lock lock(mutex_);
    const auto found = views_.find(name);
    return found == views_.end() ? nullptr : found->second;
}

std::vector<ViewPtr> CatalogCache::views() const {
    std::shared_lock lock(mutex_);
    std::vector<ViewPtr> views;
    for (const auto& [name, view] : views_)
        views.push_back(view);
    return views;
}

void CatalogCache::put_view(ViewPtr view) {
    std::unique_lock lock(mutex_);
    views_[view->name] = std::move(view);
    views_count_ = views_.size();
}

void CatalogCache::remove_view(const std::string& name) {
    std::unique_lock lock(mutex_);
    views_.erase(name);
    views_count_ = views_.size();
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
