// Views in the catalog's file.
#include <nlohmann/json.hpp>
#include <utility>

#include "master/catalog/catalog_store.h"

namespace dl::master {
namespace {

Result<std::vector<std::string>> columns_from(const std::string& view, const std::string& text) {
    const auto list = nlohmann::json::parse(text, nullptr, false);
    std::vector<std::string> columns;
    bool good = list.is_array();
    if (good)
        for (const auto& column : list) {
            good = good && column.is_string();
            if (good) columns.push_back(column.get<std::string>());
        }
    if (!good) return make_error(ErrorCode::corrupt_data, "catalog: the columns of view " + view);
    return columns;
}

}  // namespace

Result<std::vector<View>> CatalogStore::load_views() {
    std::lock_guard lock(mutex_);
    std::vector<View> views;
    DL_TRY_ASSIGN(auto query, database_.prepare("SELECT name, columns, sql FROM views ORDER BY name"));
    for (;;) {
        DL_TRY_ASSIGN(const bool more, query.step());
        if (!more) return views;
        View view{query.text(0), {}, query.text(2)};
        DL_TRY_ASSIGN(view.columns, columns_from(view.name, query.text(1)));
        views.push_back(std::move(view));
    }
}

Result<void> CatalogStore::put_view(const View& view) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto put, database_.prepare("INSERT OR REPLACE INTO views VALUES(?,?,?)"));
    put.bind(1, view.name).bind(2, nlohmann::json(view.columns).dump()).bind(3, view.sql);
    return put.run();
}

Result<void> CatalogStore::remove_view(const std::string& name) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto remove, database_.prepare("DELETE FROM views WHERE name = ?"));
    remove.bind(1, name);
    return remove.run();
}

}  // namespace dl::master
