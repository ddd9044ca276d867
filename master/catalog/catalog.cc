#include "master/catalog/catalog.h"

#include "common/base/failpoint.h"
#include "common/base/nearest_name.h"
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

Result<std::unique_ptr<Catalog>> Catalog::open(const std::string& directory) {
    DL_TRY_ASSIGN(auto store, CatalogStore::open(directory));
    DL_TRY_ASSIGN(auto tables, store->load_tables());
    std::unique_ptr<Catalog> catalog(new Catalog(std::move(store)));
    for (auto& table : tables)
        catalog->cache_.put(std::make_shared<const TableMeta>(std::move(table)));
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

Result<TableId> Catalog::reserve_table(const std::vector<std::string>& nodes) {
    return store_->reserve_table(nodes);
}

Result<TablePtr> Catalog::add_table(TableMeta table) {
    std::lock_guard lock(change_mutex_);
    auto added = std::make_shared<const TableMeta>(std::move(table));
    DL_TRY(commit_change([&] { return store_->add_table(*added); }));
    cache_.put(added);
    return TablePtr(added);
}

Result<TablePtr> Catalog::change_schema(TableMeta table) {
    std::lock_guard lock(change_mutex_);
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
