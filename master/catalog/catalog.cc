#include "master/catalog/catalog.h"

#include "common/base/failpoint.h"
#include "common/base/nearest_name.h"
#include "common/meta/schema_lineage.h"
#include "master/catalog/schema_change.h"

namespace dl::master {
namespace {

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
    DL_TRY_ASSIGN(auto tables, store->load_tables());
    std::unique_ptr<Catalog> catalog(new Catalog(std::move(store)));
    DL_TRY_ASSIGN(catalog->cluster_id_, catalog->store_->cluster_id());
    DL_TRY_ASSIGN(auto nodes, catalog->store_->load_nodes());
    catalog->cache_.put_nodes(std::move(nodes));
    for (auto& table : tables) {
        DL_TRY_ASSIGN(auto placement, catalog->store_->load_placement(table));
        catalog->cache_.put_placement(std::make_shared<const TablePlacement>(std::move(placement)));
        catalog->cache_.put(std::make_shared<const TableMeta>(std::move(table)));
    }
    return catalog;
}

Result<TablePtr> Catalog::find(std::string_view name) const {
    if (auto table = cache_.find(name)) return table;  // already lower-case, the usual case
    DL_TRY_ASSIGN(const auto lower, normalize_name("table", name));
    if (auto table = cache_.find(lower)) return table;
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

Result<TablePtr> Catalog::add_table(TableMeta table, TablePlacement placement) {
    std::lock_guard lock(change_mutex_);
    auto added = std::make_shared<const TableMeta>(std::move(table));
    auto placed = std::make_shared<TablePlacement>(std::move(placement));
    placed->table = added->id;
    DL_TRY(commit_change([&] { return store_->add_table(*added, *placed); }));
    cache_.put_placement(std::move(placed));
    cache_.put(added);
    return TablePtr(added);
}

Result<PartitionPlacement> Catalog::change_placement(TableId table, PartitionId partition,
                                                     std::uint32_t expected_version,
                                                     PartitionPlacement next) {
    std::lock_guard lock(change_mutex_);
    const auto known = cache_.placement(table);
    if (known == nullptr) return make_error(ErrorCode::table_not_found, "the table was dropped meanwhile");
    PartitionPlacement changed;
    const auto commit = [&]() -> Result<void> {
        DL_TRY_ASSIGN(changed, store_->change_placement(table, partition, expected_version, std::move(next)));
        return {};
    };
    DL_TRY(commit_change(commit));
    auto placed = std::make_shared<TablePlacement>(*known);
    placed->partitions[partition.value] = changed;
    cache_.put_placement(std::move(placed));
    return changed;
}

Result<TablePtr> Catalog::change_schema(TableMeta table) {
    std::lock_guard lock(change_mutex_);
    const auto known = cache_.find(table.name);
    if (known == nullptr || known->id != table.id)
        return make_error(ErrorCode::table_not_found, "table '" + table.name + "' was dropped meanwhile");
    if (table.schema.id <= known->schema.id || !descends_from(table, *known))
        return make_error(ErrorCode::schema_mismatch, "table '" + table.name + "' was altered meanwhile");
    auto changed = std::make_shared<const TableMeta>(std::move(table));
    DL_TRY(commit_change([&] { return store_->change_schema(*changed); }));
    cache_.put(changed);
    return TablePtr(changed);
}

Result<void> Catalog::remove_table(const TableMeta& table) {
    std::lock_guard lock(change_mutex_);
    DL_TRY(commit_change([&] { return store_->remove_table(table); }));
    cache_.remove(table);
    return {};
}

}  // namespace dl::master
