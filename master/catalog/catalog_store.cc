#include "master/catalog/catalog_store.h"

#include <random>
#include <utility>

#include "master/catalog/catalog_codec.h"
#include "master/catalog/catalog_format.h"

namespace dl::master {
namespace {

// Above all that older releases counted up to.
constexpr std::uint32_t kDrawnNodeMin = 1u << 16, kDrawnNodeMax = (1u << 31) - 1;
constexpr std::uint64_t kTableIdMax = std::uint64_t{1} << 62;  // out of reach for a counter

// Drawn, not counted: a catalog restored from a copy has forgotten the ids it gave since, and slaves that it
// cannot ask at the moment have them.
NodeId new_node_id(const NodeMap& nodes) {
    std::random_device random;
    std::uniform_int_distribution<std::uint32_t> any(kDrawnNodeMin, kDrawnNodeMax);
    for (;;)
        if (const NodeId id{any(random)}; !nodes.contains(id)) return id;
}

}  // namespace

CatalogStore::CatalogStore(DirectoryLock lock, SqliteDatabase database)
    : lock_(std::move(lock)), database_(std::move(database)) {}

Result<std::unique_ptr<CatalogStore>> CatalogStore::open(const std::string& directory, bool begin_anew) {
    DL_TRY_ASSIGN(auto lock, DirectoryLock::acquire(directory));
    DL_TRY(prepare_catalog_file(directory, lock.was_used_before(), begin_anew));
    DL_TRY_ASSIGN(auto database, SqliteDatabase::open(directory + "/catalog.db"));
    std::unique_ptr<CatalogStore> store(new CatalogStore(std::move(lock), std::move(database)));
    DL_TRY(upgrade_catalog(store->database_));
    return store;
}

Result<std::string> CatalogStore::cluster_id() {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto query, database_.prepare("SELECT value FROM cluster WHERE name = 'cluster_id'"));
    DL_TRY_ASSIGN(const bool row, query.step());
    if (!row) return make_error(ErrorCode::corrupt_data, "catalog: the cluster id is missing");
    return query.text(0);
}

Result<std::vector<PartitionPlacement>> CatalogStore::read_placements(TableId table) {
    DL_TRY_ASSIGN(auto query, database_.prepare(std::string("SELECT partition, ") + kCatalogPlacementColumns +
                                                " FROM placements WHERE table_id = ? ORDER BY partition"));
    query.bind(1, catalog_id(table));
    std::vector<PartitionPlacement> placements;
    for (;;) {
        DL_TRY_ASSIGN(const bool more, query.step());
        if (!more || query.integer(0) != static_cast<std::int64_t>(placements.size())) return placements;
        DL_TRY_ASSIGN(auto placement, decode_catalog_placement(query, 1));
        placements.push_back(std::move(placement));
    }
}

Result<TablePlacement> CatalogStore::load_placement(const TableMeta& table) {
    std::lock_guard lock(mutex_);
    TablePlacement placement;
    placement.table = table.id;
    DL_TRY_ASSIGN(placement.partitions, read_placements(table.id));
    if (placement.partitions.size() != table.partition_count)
        return make_error(ErrorCode::corrupt_data, "catalog: table " + table.name + " has " +
                                                       std::to_string(placement.partitions.size()) +
                                                       " placements for " +
                                                       std::to_string(table.partition_count) + " partitions");
    return placement;
}

Result<NodeMap> CatalogStore::load_nodes() {
    std::lock_guard lock(mutex_);
    return read_nodes();
}

Result<NodeMap> CatalogStore::read_nodes() {
    NodeMap nodes;
    DL_TRY_ASSIGN(auto query, database_.prepare("SELECT id, address, incarnation, displaced FROM nodes"));
    for (;;) {
        DL_TRY_ASSIGN(const bool more, query.step());
        if (!more) return nodes;
        const NodeId id{static_cast<std::uint32_t>(query.integer(0))};
        nodes[id] = {id, query.text(1), query.text(2), query.integer(3) != 0};
    }
}

Result<void> CatalogStore::put_node(const Node& node) {
    DL_TRY_ASSIGN(auto put, database_.prepare("INSERT OR REPLACE INTO nodes VALUES(?,?,?,?)"));
    put.bind(1, std::int64_t{node.id.value}).bind(2, node.address).bind(3, node.incarnation);
    put.bind(4, std::int64_t{node.displaced ? 1 : 0});
    return put.run();
}

Result<Node> CatalogStore::node_at_address(const std::string& address) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(const auto nodes, read_nodes());
    if (const auto* known = node_at(nodes, address); known != nullptr) return *known;
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    Node node;
    node.id = new_node_id(nodes);
    node.address = address;
    DL_TRY(put_node(node));
    DL_TRY(transaction.commit());
    return node;
}

Result<Node> CatalogStore::register_node(const std::string& address, NodeId known,
                                         const std::string& incarnation) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    DL_TRY_ASSIGN(auto nodes, read_nodes());
    Node node{known, address, incarnation, false};
    const auto* there = node_at(nodes, address);
    if (known == NodeId{} && there != nullptr &&
        (there->incarnation.empty() || there->incarnation == incarnation))
        node.id = there->id;
    if (node.id == NodeId{}) {
        node.id = new_node_id(nodes);
    }
    if (const auto found = nodes.find(node.id); found != nodes.end()) {
        if (found->second == node) return node;
        const auto& registered = found->second.incarnation;
        if (!registered.empty() && registered != incarnation)
            return make_error(
                ErrorCode::unavailable,
                "slave " + address + " and the slave last seen at " + found->second.address +
                    " were given the same number by masters on two copies of a catalog, and this catalog "
                    "means the latter; start the master on the catalog that knows slave " +
                    address +
                    " (master.data.path), or that slave on an empty directory (slave.data), after "
                    "which the tables it holds are not served");
    }
    for (auto& [id, other] : nodes) {
        if (id == node.id || other.address != address || other.displaced) continue;
        other.displaced = true;
        DL_TRY(put_node(other));
    }
    DL_TRY(put_node(node));
    DL_TRY(transaction.commit());
    return node;
}

Result<void> CatalogStore::queue_drops(TableId table, const std::vector<NodeId>& nodes,
                                       std::uint64_t incarnation) {
    DL_TRY_ASSIGN(auto insert, database_.prepare("INSERT OR IGNORE INTO pending_drops VALUES(?, ?, ?)"));
    for (const auto node : nodes) {
        insert.bind(1, catalog_id(table)).bind(2, std::int64_t{node.value});
        insert.bind(3, static_cast<std::int64_t>(incarnation));
        DL_TRY(insert.run());
    }
    return {};
}

Result<void> CatalogStore::skip_table_ids(TableId highest) {
    if (highest.value >= kTableIdMax)
        return make_error(ErrorCode::corrupt_data,
                          "a slave says it holds a table with a number that no catalog "
                          "gives; look at the names in its tables folder");
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto raise, database_.prepare("UPDATE counters SET value = ? "
                                                "WHERE name = 'next_table_id' AND value <= ?"));
    raise.bind(1, catalog_id(highest) + 1).bind(2, catalog_id(highest));
    return raise.run();
}

Result<TableId> CatalogStore::reserve_table(const std::vector<NodeId>& nodes, std::uint64_t incarnation) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    DL_TRY_ASSIGN(auto next,
                  database_.prepare("UPDATE counters SET value = value + 1 WHERE name = 'next_table_id' "
                                    "RETURNING value - 1"));
    DL_TRY_ASSIGN(const bool row, next.step());
    if (!row) return make_error(ErrorCode::corrupt_data, "catalog: the counter next_table_id is missing");
    const TableId id{static_cast<std::uint64_t>(next.integer(0))};
    next = SqliteStatement();
    DL_TRY(queue_drops(id, nodes, incarnation));
    DL_TRY(transaction.commit());
    return id;
}

Result<std::vector<PendingDrop>> CatalogStore::pending_drops() {
    std::lock_guard lock(mutex_);
    std::vector<PendingDrop> drops;
    DL_TRY_ASSIGN(
        auto query,
        database_.prepare("SELECT table_id, node, incarnation FROM pending_drops ORDER BY node, table_id"));
    for (;;) {
        DL_TRY_ASSIGN(const bool more, query.step());
        if (!more) break;
        drops.push_back({TableId{static_cast<std::uint64_t>(query.integer(0))},
                         NodeId{static_cast<std::uint32_t>(query.integer(1))},
                         static_cast<std::uint64_t>(query.integer(2))});
    }
    return drops;
}

Result<void> CatalogStore::finish_drop(const PendingDrop& drop) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto remove,
                  database_.prepare("DELETE FROM pending_drops WHERE table_id = ? AND node = ?"));
    remove.bind(1, static_cast<std::int64_t>(drop.table.value)).bind(2, std::int64_t{drop.node.value});
    return remove.run();
}

}  // namespace dl::master
