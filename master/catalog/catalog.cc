#include "master/catalog/catalog.h"

#include <map>
#include <utility>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/base/nearest_name.h"
#include "common/meta/schema_lineage.h"
#include "master/catalog/schema_change.h"

namespace dl::master {
namespace {

constexpr std::string_view kComponent = "master.catalog";

// Around the commit that makes a change of the control plane real.
template <class Commit>
Result<void> commit_change(Commit commit) {
    if (DL_FAILPOINT_ERROR("control.before-catalog-commit"))
        return make_error(ErrorCode::io_error, "injected failure before the catalog commit");
    DL_TRY(commit());
    DL_FAILPOINT("control.after-catalog-commit");
    return {};
}

}  // namespace

Result<std::unique_ptr<Catalog>> Catalog::open(const std::string& directory, bool begin_anew) {
    DL_TRY_ASSIGN(auto store, CatalogStore::open(directory, begin_anew));
    DL_TRY_ASSIGN(const auto unfilled, store->remove_unfilled());
    for (const auto& name : unfilled)
        log_warn(kComponent, "a table was removed: the statement that filled it had not ended",
                 {{"table", name}});
    DL_TRY_ASSIGN(auto tables, store->load_tables());
    std::unique_ptr<Catalog> catalog(new Catalog(std::move(store)));
    DL_TRY_ASSIGN(catalog->cluster_id_, catalog->store_->cluster_id());
    DL_TRY_ASSIGN(auto nodes, catalog->store_->load_nodes());
    catalog->cache_.put_nodes(std::move(nodes));
    for (auto& table : tables) {
        DL_TRY_ASSIGN(auto placement, catalog->store_->load_placement(table));
        catalog->cache_.put_placement(std::make_shared<const TablePlacement>(std::move(placement)));
        catalog->cache_.put(std::make_shared<const CatalogTable>(std::move(table)));
    }
    DL_TRY_ASSIGN(auto views, catalog->store_->load_views());
    for (auto& view : views)
        catalog->cache_.put_view(std::make_shared<const View>(std::move(view)));
    return catalog;
}

Result<CatalogTablePtr> Catalog::find(std::string_view name) const {
    if (auto table = cache_.find(name)) return table;  // already lower-case, the usual case
    DL_TRY_ASSIGN(const auto lower, normalize_name("table", name));
    if (auto table = cache_.find(lower)) return table;
    if (cache_.view(lower) != nullptr)
        return make_error(ErrorCode::table_not_found,
                          "'" + lower + "' is a view, which SELECT reads; no table has that name");
    auto text = "table '" + lower + "' does not exist";
    const auto near = nearest_name(lower, cache_.names());
    text += near.empty() ? "; show_table lists the tables" : "; did you mean '" + near + "'?";
    return make_error(ErrorCode::table_not_found, std::move(text));
}

Result<Node> Catalog::cache_node(Result<Node> changed) {
    if (changed.has_error()) return changed;
    auto nodes = store_->load_nodes();
    if (nodes.has_error()) return std::move(nodes).error();
    cache_.put_nodes(std::move(*nodes));
    return changed;
}

Result<Node> Catalog::node_at_address(const std::string& address) {
    std::lock_guard lock(change_mutex_);
    return cache_node(store_->node_at_address(address));
}

Result<Node> Catalog::register_node(const std::string& address, NodeId known,
                                    const std::string& incarnation) {
    std::lock_guard lock(change_mutex_);
    return cache_node(store_->register_node(address, known, incarnation));
}

Result<void> Catalog::check_no_view(const std::string& name) const {
    if (cache_.view(name) == nullptr) return {};
    return make_error(ErrorCode::table_exists,
                      "there is a view '" + name + "'; drop it first, or choose another name");
}

Result<void> Catalog::add_view(View view, bool or_replace) {
    std::lock_guard lock(change_mutex_);
    if (cache_.find(view.name) != nullptr)
        return make_error(ErrorCode::table_exists,
                          "there is a table '" + view.name + "'; choose another name");
    if (!or_replace && cache_.view(view.name) != nullptr)
        return make_error(ErrorCode::table_exists,
                          "view '" + view.name + "' exists already; create or replace view changes it");
    auto added = std::make_shared<const View>(std::move(view));
    DL_TRY(commit_change([&] { return store_->put_view(*added); }));
    cache_.put_view(std::move(added));
    return {};
}

Result<void> Catalog::remove_view(std::string_view name) {
    std::lock_guard lock(change_mutex_);
    DL_TRY_ASSIGN(const auto lower, normalize_name("view", name));
    if (cache_.view(lower) == nullptr) {
        if (cache_.find(lower) != nullptr)
            return make_error(ErrorCode::table_not_found,
                              "'" + lower + "' is a table; drop table removes it");
        std::vector<std::string> names;
        for (const auto& view : cache_.views())
            names.push_back(view->name);
        const auto near = nearest_name(lower, names);
        return make_error(
            ErrorCode::table_not_found,
            "view '" + lower + "' does not exist" + (near.empty() ? "" : "; did you mean '" + near + "'?"));
    }
    DL_TRY(commit_change([&] { return store_->remove_view(lower); }));
    cache_.remove_view(lower);
    return {};
}

Result<void> Catalog::finish_filling(TableId table) {
    std::lock_guard lock(change_mutex_);
    return commit_change([&] { return store_->finish_filling(table); });
}

Result<CatalogTablePtr> Catalog::add_table(CatalogTable table, TablePlacement placement, bool being_filled) {
    std::lock_guard lock(change_mutex_);
    DL_TRY(check_no_view(table.name));
    auto added = std::make_shared<const CatalogTable>(std::move(table));
    auto placed = std::make_shared<TablePlacement>(std::move(placement));
    placed->table = added->id;
    DL_TRY(commit_change([&] { return store_->add_table(*added, *placed, nullptr, being_filled); }));
    cache_.put_placement(std::move(placed));
    cache_.put(added);
    return CatalogTablePtr(added);
}

Result<CatalogTablePtr> Catalog::replace_table(CatalogTable table, TablePlacement placement,
                                               Removed& removed) {
    std::lock_guard lock(change_mutex_);
    DL_TRY(check_no_view(table.name));
    auto before = cache_.find(table.name);
    auto placement_before = before == nullptr ? nullptr : cache_.placement(before->id);
    auto added = std::make_shared<const CatalogTable>(std::move(table));
    auto placed = std::make_shared<TablePlacement>(std::move(placement));
    placed->table = added->id;
    DL_TRY(commit_change([&] { return store_->add_table(*added, *placed, before.get()); }));
    cache_.put_placement(std::move(placed));
    cache_.put(added);
    if (before != nullptr) cache_.remove(*before);  // its placement: the name is the new one's
    removed = {std::move(before), std::move(placement_before)};
    return CatalogTablePtr(added);
}

Result<PartitionPlacement> Catalog::change_placement(TableId table, PartitionId partition,
                                                     std::uint32_t expected_version,
                                                     PartitionPlacement next) {
    std::vector<PlacementChange> changes;
    changes.push_back({table, partition, expected_version, std::move(next)});
    DL_TRY_ASSIGN(auto results, change_placements(std::move(changes)));
    return std::move(results.front());
}

Result<std::vector<Result<PartitionPlacement>>> Catalog::change_placements(
    std::vector<PlacementChange> changes) {
    std::lock_guard lock(change_mutex_);
    std::vector<std::pair<TableId, PartitionId>> places;
    places.reserve(changes.size());
    for (const auto& change : changes)
        places.emplace_back(change.table, change.partition);
    std::vector<Result<PartitionPlacement>> results;
    const auto commit = [&]() -> Result<void> {
        DL_TRY_ASSIGN(results, store_->change_placements(std::move(changes)));
        return {};
    };
    DL_TRY(commit_change(commit));
    // One new snapshot a table, however many of its partitions have changed.
    std::map<TableId, std::shared_ptr<TablePlacement>> changed;
    for (std::size_t i = 0; i < places.size(); ++i) {
        if (results[i].has_error()) continue;
        auto& placed = changed[places[i].first];
        if (placed == nullptr) {
            const auto known = cache_.placement(places[i].first);
            DL_CHECK(known != nullptr, "a table with stored placements is known");
            placed = std::make_shared<TablePlacement>(*known);
        }
        placed->partitions[places[i].second.value] = *results[i];
    }
    for (auto& [table, placed] : changed)
        cache_.put_placement(std::move(placed));
    return results;
}

Result<CatalogTablePtr> Catalog::set_copies(const TableMeta& table, std::uint32_t copies) {
    std::lock_guard lock(change_mutex_);
    const auto known = cache_.find(table.name);
    if (known == nullptr || known->id != table.id)
        return make_error(ErrorCode::table_not_found, "table '" + table.name + "' was dropped meanwhile");
    auto changed = std::make_shared<CatalogTable>(*known);
    changed->copies = copies;
    DL_TRY(commit_change([&] { return store_->set_copies(table.id, copies); }));
    cache_.put(changed);
    return CatalogTablePtr(std::move(changed));
}

Result<CatalogTablePtr> Catalog::change_schema(CatalogTable table) {
    std::lock_guard lock(change_mutex_);
    const auto known = cache_.find(table.name);
    if (known == nullptr || known->id != table.id)
        return make_error(ErrorCode::table_not_found, "table '" + table.name + "' was dropped meanwhile");
    if (table.schema.id <= known->schema.id || !descends_from(table, *known))
        return make_error(ErrorCode::schema_mismatch, "table '" + table.name + "' was altered meanwhile");
    table.copies = known->copies;  // which set_copies() alone changes
    auto changed = std::make_shared<const CatalogTable>(std::move(table));
    DL_TRY(commit_change([&] { return store_->change_schema(*changed); }));
    cache_.put(changed);
    return CatalogTablePtr(changed);
}

Result<void> Catalog::remove_table(const TableMeta& table) {
    std::lock_guard lock(change_mutex_);
    DL_TRY(commit_change([&] { return store_->remove_table(table); }));
    cache_.remove(table);
    return {};
}

}  // namespace dl::master
