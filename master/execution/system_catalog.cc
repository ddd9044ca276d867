#include "master/execution/system_catalog.h"

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/duck/parquet_file.h"
#include "master/execution/create_statement.h"
#include "master/sql/view_expansion.h"

namespace dl::master {
namespace {

using Json = nlohmann::ordered_json;
using Columns = std::vector<std::pair<std::string, std::string>>;

SystemTable made_of(Columns columns, const Json& rows) {
    return {std::move(columns), rows.dump()};
}

Json text_or_null(const std::optional<std::string>& text) {
    return text ? Json(*text) : Json();
}

// Of varchar(n) and char(n).
Json length_of(const CatalogTable& table, const Field& field) {
    const auto found = table.declared.find(field.id);
    const bool counts =
        found != table.declared.end() && found->second.check.kind == ColumnCheck::Kind::characters;
    return counts ? Json(found->second.check.most) : Json();
}

SystemTable information_tables(const CatalogCache& catalog) {
    Json rows = Json::array();
    for (const auto& table : catalog.list())
        rows.push_back({{"table_catalog", "datalake"},
                        {"table_schema", "main"},
                        {"table_name", table->name},
                        {"table_type", "BASE TABLE"}});
    for (const auto& view : catalog.views())
        rows.push_back({{"table_catalog", "datalake"},
                        {"table_schema", "main"},
                        {"table_name", view->name},
                        {"table_type", "VIEW"}});
    return made_of({{"table_catalog", "VARCHAR"},
                    {"table_schema", "VARCHAR"},
                    {"table_name", "VARCHAR"},
                    {"table_type", "VARCHAR"}},
                   rows);
}

SystemTable information_columns(const CatalogCache& catalog) {
    Json rows = Json::array();
    for (const auto& table : catalog.list()) {
        std::uint32_t position = 0;
        for (const auto& field : table->schema.fields) {
            const bool is_decimal = field.type.kind == TypeKind::decimal;
            const bool required = field.not_null || field.id == table->schema.key().id;
            rows.push_back({{"table_catalog", "datalake"},
                            {"table_schema", "main"},
                            {"table_name", table->name},
                            {"column_name", field.name},
                            {"ordinal_position", ++position},
                            {"column_default", text_or_null(table->default_of(field))},
                            {"is_nullable", required ? "NO" : "YES"},
                            {"data_type", type_name(field.type)},
                            {"character_maximum_length", length_of(*table, field)},
                            {"numeric_precision", is_decimal ? Json(field.type.precision) : Json()},
                            {"numeric_scale", is_decimal ? Json(field.type.scale) : Json()}});
        }
    }
    return made_of({{"table_catalog", "VARCHAR"},
                    {"table_schema", "VARCHAR"},
                    {"table_name", "VARCHAR"},
                    {"column_name", "VARCHAR"},
                    {"ordinal_position", "INTEGER"},
                    {"column_default", "VARCHAR"},
                    {"is_nullable", "VARCHAR"},
                    {"data_type", "VARCHAR"},
                    {"character_maximum_length", "BIGINT"},
                    {"numeric_precision", "INTEGER"},
                    {"numeric_scale", "INTEGER"}},
                   rows);
}

SystemTable information_views(const CatalogCache& catalog) {
    Json rows = Json::array();
    for (const auto& view : catalog.views())
        rows.push_back({{"table_catalog", "datalake"},
                        {"table_schema", "main"},
                        {"table_name", view->name},
                        {"view_definition", view->sql},
                        {"create_statement", create_statement(*view)}});
    return made_of({{"table_catalog", "VARCHAR"},
                    {"table_schema", "VARCHAR"},
                    {"table_name", "VARCHAR"},
                    {"view_definition", "VARCHAR"},
                    {"create_statement", "VARCHAR"}},
                   rows);
}

Json view_row(const View& view) {
    return {{"name", view.name}, {"columns", Json(view.columns).dump()}, {"sql", view.sql}};
}

SystemTable system_views(const CatalogCache& catalog) {
    Json rows = Json::array();
    for (const auto& view : catalog.views())
        rows.push_back(view_row(*view));
    return made_of({{"name", "VARCHAR"}, {"columns", "VARCHAR"}, {"sql", "VARCHAR"}}, rows);
}

SystemTable information_schemata(const CatalogCache&) {
    Json rows = Json::array();
    for (const char* name : {"main", "information_schema", "system"})
        rows.push_back({{"catalog_name", "datalake"}, {"schema_name", name}});
    return made_of({{"catalog_name", "VARCHAR"}, {"schema_name", "VARCHAR"}}, rows);
}

SystemTable tables(const RouteTable& routes) {
    Json rows = Json::array();
    for (const auto& table : routes.catalog().list())
        rows.push_back(
            {{"name", table->name},
             {"id", table->id.value},
             {"major_key", table->schema.key().name},
             {"columns", table->schema.fields.size()},
             {"partitions", table->partition_count},
             {"copies", table->copies},
             {"create_statement", create_statement(*table, routes.catalog().placement(table->id).get())}});
    return made_of({{"name", "VARCHAR"},
                    {"id", "BIGINT"},
                    {"major_key", "VARCHAR"},
                    {"columns", "INTEGER"},
                    {"partitions", "INTEGER"},
                    {"copies", "INTEGER"},
                    {"create_statement", "VARCHAR"}},
                   rows);
}

SystemTable columns(const RouteTable& routes) {
    Json rows = Json::array();
    for (const auto& table : routes.catalog().list()) {
        std::uint32_t position = 0;
        for (const auto& field : table->schema.fields)
            rows.push_back({{"table", table->name},
                            {"position", ++position},
                            {"name", field.name},
                            {"type", type_name(field.type)},
                            {"declared_type", table->type_text(field)},
                            {"is_major_key", field.id == table->schema.key().id},
                            {"not_null", field.not_null},
                            {"default", text_or_null(table->default_of(field))}});
    }
    return made_of({{"table", "VARCHAR"},
                    {"position", "INTEGER"},
                    {"name", "VARCHAR"},
                    {"type", "VARCHAR"},
                    {"declared_type", "VARCHAR"},
                    {"is_major_key", "BOOLEAN"},
                    {"not_null", "BOOLEAN"},
                    {"default", "VARCHAR"}},
                   rows);
}

// Addresses, with commas between; a slave that is not known any more by its number.
std::string addresses_of(const std::vector<NodeId>& ids, const NodeMap& nodes) {
    std::string list;
    for (const auto id : ids) {
        const auto node = nodes.find(id);
        list += (list.empty() ? "" : ", ") +
                (node == nodes.end() ? "node " + std::to_string(id.value) : node->second.address);
    }
    return list;
}

bool is_reachable(const RouteTable& routes, const std::string& address) {
    const auto slave = routes.slaves().client(address);
    return slave.has_value() && (*slave)->reachable();
}

SystemTable partitions(const RouteTable& routes) {
    Json rows = Json::array();
    const auto nodes = routes.catalog().nodes();
    for (const auto& table : routes.catalog().list()) {
        const auto placement = routes.catalog().placement(table->id);
        if (placement == nullptr) continue;  // dropped meanwhile
        for (std::size_t i = 0; i < placement->partitions.size(); ++i) {
            const auto& one = placement->partitions[i];
            const auto leader = nodes->find(one.leader);
            rows.push_back({{"table", table->name},
                            {"partition", i},
                            {"leader", leader == nodes->end() ? Json() : Json(leader->second.address)},
                            {"leader_epoch", one.leader_epoch.value},
                            {"copies", one.replicas.size()},
                            {"in_sync", one.in_sync.size()},
                            {"min_in_sync", one.min_in_sync},
                            {"copies_at", addresses_of(one.replicas, *nodes)},
                            {"in_sync_at", addresses_of(one.in_sync, *nodes)}});
        }
    }
    return made_of({{"table", "VARCHAR"},
                    {"partition", "INTEGER"},
                    {"leader", "VARCHAR"},
                    {"leader_epoch", "BIGINT"},
                    {"copies", "INTEGER"},
                    {"in_sync", "INTEGER"},
                    {"min_in_sync", "INTEGER"},
                    {"copies_at", "VARCHAR"},
                    {"in_sync_at", "VARCHAR"}},
                   rows);
}

SystemTable nodes(const RouteTable& routes) {
    Json rows = Json::array();
    std::map<NodeId, std::uint64_t> led;
    std::set<NodeId> holding;
    for (const auto& table : routes.catalog().list()) {
        const auto placement = routes.catalog().placement(table->id);
        if (placement == nullptr) continue;
        for (const auto& one : placement->partitions) {
            ++led[one.leader];
            holding.insert(one.replicas.begin(), one.replicas.end());
            holding.insert(one.removing.begin(), one.removing.end());
            holding.insert(one.leader);
        }
    }
    const auto known = routes.catalog().nodes();
    for (const auto& [id, node] : *known) {
        // One that was taken out.
        if (!holding.contains(id) && routes.slaves().client(node.address).has_error()) continue;
        rows.push_back({{"node", id.value},
                        {"address", node.address},
                        {"reachable", !node.displaced && is_reachable(routes, node.address)},
                        {"partitions_led", led[id]}});
    }
    return made_of(
        {{"node", "BIGINT"}, {"address", "VARCHAR"}, {"reachable", "BOOLEAN"}, {"partitions_led", "BIGINT"}},
        rows);
}

SystemTable queries(const QueryList& list) {
    Json rows = Json::array();
    const auto now = std::chrono::system_clock::now();
    for (const auto& query : list.running()) {
        const auto us =
            std::chrono::duration_cast<std::chrono::microseconds>(query.started.time_since_epoch());
        std::string started;
        append_timestamp(started, us.count());
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - query.started);
        rows.push_back({{"query", query.id},
                        {"client", query.client},
                        {"started", started},
                        {"ms", ms.count()},
                        {"state", query.killed ? "killed"
                                  : query.runs ? "running"
                                               : "waiting"},
                        {"memory_bytes", query.memory_bytes ? Json(*query.memory_bytes) : Json()},
                        {"sql", query.sql}});
    }
    return made_of({{"query", "BIGINT"},
                    {"client", "VARCHAR"},
                    {"started", "TIMESTAMP"},
                    {"ms", "BIGINT"},
                    {"state", "VARCHAR"},
                    {"memory_bytes", "BIGINT"},
                    {"sql", "VARCHAR"}},
                   rows);
}

SystemTable settings(const std::vector<SystemCatalog::Setting>& all) {
    Json rows = Json::array();
    for (const auto& one : all)
        rows.push_back(
            {{"name", one.name}, {"value", one.value}, {"source", one.source}, {"description", one.help}});
    return made_of(
        {{"name", "VARCHAR"}, {"value", "VARCHAR"}, {"source", "VARCHAR"}, {"description", "VARCHAR"}}, rows);
}

}  // namespace

Result<SystemTable> SystemCatalog::read(const std::string& schema, const std::string& table) const {
    if (schema == "information_schema") {
        if (table == "tables") return information_tables(routes_.catalog());
        if (table == "columns") return information_columns(routes_.catalog());
        if (table == "views") return information_views(routes_.catalog());
        if (table == "schemata") return information_schemata(routes_.catalog());
        return make_error(ErrorCode::table_not_found,
                          "there is no information_schema." + table +
                              "; there are information_schema.tables, .columns, .views and .schemata");
    }
    if (table == "tables") return tables(routes_);
    if (table == "columns") return columns(routes_);
    if (table == "partitions") return partitions(routes_);
    if (table == "nodes") return nodes(routes_);
    if (table == "views") return system_views(routes_.catalog());
    if (table == "queries") return queries(queries_);
    if (table == "settings") return settings(settings_);
    return make_error(
        ErrorCode::table_not_found,
        "there is no system." + table +
            "; there are system.tables, .columns, .partitions, .nodes, .views, .queries and .settings");
}

std::string view_rows(const std::string& rows, const View& view) {
    auto list = Json::parse(rows, nullptr, false);
    if (!list.is_array()) list = Json::array();
    std::erase_if(list.get_ref<Json::array_t&>(), [&](const Json& row) { return row["name"] == view.name; });
    list.push_back(view_row(view));
    return list.dump();
}

}  // namespace dl::master
