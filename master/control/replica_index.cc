#include "master/control/replica_index.h"

#include <algorithm>
#include <utility>

#include "master/control/replica_planner.h"

namespace dl::master {
namespace {

rpc::ReplicaRef ref(const TableMeta& table, std::size_t partition) {
    return {table.id, table.incarnation, PartitionId{static_cast<std::uint32_t>(partition)}};
}

// Who has an assignment of it: who is to lose its copy only as long as it is needed.
std::vector<NodeId> assigned_nodes(const PartitionPlacement& placed) {
    auto nodes = placed.replicas;
    for (const auto node : placed.removing)
        if (std::find(placed.in_sync.begin(), placed.in_sync.end(), node) != placed.in_sync.end())
            nodes.push_back(node);
    return nodes;
}

rpc::ReplicaAssignment assignment(const TableMeta& table, std::size_t partition,
                                  const PartitionPlacement& placed) {
    rpc::ReplicaAssignment assigned;
    assigned.replica = ref(table, partition);
    assigned.leader_epoch = placed.leader_epoch;
    assigned.version = placed.version;
    assigned.leader = placed.leader;
    assigned.in_sync = placed.in_sync;
    assigned.replicas = assigned_nodes(placed);
    assigned.min_in_sync = placed.min_in_sync;
    assigned.eligible = placed.eligible;
    return assigned;
}

}  // namespace

void ReplicaIndex::count(const rpc::ReplicaRef& replica, const PartitionPlacement& placed, bool add) {
    const auto digest = rpc::assignment_digest(replica, placed.version);
    for (const auto node : assigned_nodes(placed)) {
        if (add)
            books_[node].digest += digest;
        else
            books_[node].digest -= digest;
    }
}

void ReplicaIndex::drop(const Table& table) {
    const auto& partitions = table.placement->partitions;
    for (std::size_t i = 0; i < partitions.size(); ++i) {
        if (!rpc::is_assigned(partitions[i])) continue;
        count(ref(*table.meta, i), partitions[i], false);
        for (const auto node : nodes_of(partitions[i])) {
            auto& book = books_[node];
            ++book.activity;
            book.pending.erase({table.meta->id, PartitionId{static_cast<std::uint32_t>(i)}});
            book.losing.erase({table.meta->id, PartitionId{static_cast<std::uint32_t>(i)}});
        }
    }
}

void ReplicaIndex::take(const Table* before, const Table& now, bool tell) {
    const auto& partitions = now.placement->partitions;
    for (std::size_t i = 0; i < partitions.size(); ++i) {
        const ReplicaKey key{now.meta->id, PartitionId{static_cast<std::uint32_t>(i)}};
        const auto* old = before == nullptr ? nullptr : &before->placement->partitions[i];
        const bool was = old != nullptr && rpc::is_assigned(*old);
        const bool is = rpc::is_assigned(partitions[i]);
        if (was && is && old->version == partitions[i].version) continue;
        if (was) {
            count(ref(*before->meta, i), *old, false);
            for (const auto node : nodes_of(*old)) {
                auto& book = books_[node];
                ++book.activity;
                book.pending.erase(key);
                book.losing.erase(key);
            }
        }
        if (!is) continue;
        count(ref(*now.meta, i), partitions[i], true);
        for (const auto node : nodes_of(partitions[i])) {
            auto& book = books_[node];
            ++book.activity;
            if (tell) book.pending.insert(key);
        }
        for (const auto& removal : removals(partitions[i]))
            books_[removal.node].losing.insert(key);
    }
}

bool ReplicaIndex::refresh(const CatalogCache& catalog) {
    const auto changes = catalog.changes();
    if (loaded_ && changes == changes_) return false;
    changes_ = changes;
    if (auto nodes = catalog.nodes(); nodes != nodes_) {
        if (*nodes != *nodes_)
            for (auto& [node, book] : books_)
                book.addresses = true;
        nodes_ = std::move(nodes);
    }
    std::set<TableId> seen;
    for (auto& meta : catalog.list()) {
        const auto id = meta->id;
        Table now{std::move(meta), catalog.placement(id)};
        if (now.placement == nullptr) continue;  // dropped meanwhile
        seen.insert(id);
        const auto found = tables_.find(id);
        if (found != tables_.end() && found->second.meta == now.meta &&
            found->second.placement == now.placement)
            continue;
        take(found == tables_.end() ? nullptr : &found->second, now, loaded_);
        tables_[id] = std::move(now);
    }
    for (auto table = tables_.begin(); table != tables_.end();) {
        if (seen.contains(table->first)) {
            ++table;
            continue;
        }
        drop(table->second);
        table = tables_.erase(table);
    }
    loaded_ = true;
    return true;
}

const ReplicaIndex::Table* ReplicaIndex::table(TableId id) const {
    const auto found = tables_.find(id);
    return found == tables_.end() ? nullptr : &found->second;
}

std::uint64_t ReplicaIndex::digest(NodeId node) const {
    const auto found = books_.find(node);
    return found == books_.end() ? 0 : found->second.digest;
}

std::uint64_t ReplicaIndex::activity(NodeId node) const {
    const auto found = books_.find(node);
    return found == books_.end() ? 0 : found->second.activity;
}

std::optional<ReplicaIndex::Telling> ReplicaIndex::next_telling(NodeId node) {
    auto& book = books_[node];
    Telling telling;
    std::map<TableId, rpc::CreateTableRequest> create;
    for (auto key = book.pending.begin();
         key != book.pending.end() && telling.versions.size() < rpc::kAssignmentsMax;) {
        const auto* known = table(key->first);
        if (known == nullptr) {
            key = book.pending.erase(key);
            continue;
        }
        const auto partition = key->second;
        const auto& placed = known->placement->partitions[partition.value];
        telling.request.partitions.push_back(assignment(*known->meta, partition.value, placed));
        telling.versions.emplace(*key, placed.version);
        if (std::find(placed.adding.begin(), placed.adding.end(), node) != placed.adding.end()) {
            auto& made = create[key->first];
            made.table = *known->meta;
            made.replicated = true;
            made.partitions.push_back({partition, placed.leader_epoch});
        }
        ++key;
    }
    if (telling.versions.empty() && !book.addresses) return std::nullopt;
    for (auto& [id, request] : create)
        telling.create.push_back(std::move(request));
    for (const auto& [id, known] : *nodes_)
        if (!known.displaced && !known.address.empty()) telling.request.nodes.push_back({id, known.address});
    book.addresses = false;  // one that fails says so by tell_addresses()
    ++book.activity;
    return telling;
}

void ReplicaIndex::told(NodeId node, const Telling& telling) {
    auto& book = books_[node];
    ++book.activity;
    for (const auto& [key, version] : telling.versions) {
        const auto* known = table(key.first);
        if (known == nullptr || known->placement->partitions[key.second.value].version == version)
            book.pending.erase(key);
    }
}

std::vector<ReplicaIndex::Drop> ReplicaIndex::drops(NodeId node, std::size_t most) const {
    std::vector<Drop> found;
    const auto book = books_.find(node);
    if (book == books_.end()) return found;
    for (const auto& key : book->second.losing) {
        if (found.size() == most) break;
        const auto* known = table(key.first);
        if (known == nullptr || book->second.pending.contains(key)) continue;
        const auto& placed = known->placement->partitions[key.second.value];
        for (auto& removal : removals(placed))
            if (removal.node == node)
                found.push_back(
                    {key, ref(*known->meta, key.second.value), placed.version, std::move(removal.next)});
    }
    return found;
}

bool ReplicaIndex::is_told_all(NodeId node) const {
    const auto found = books_.find(node);
    return found == books_.end() || (found->second.pending.empty() && !found->second.addresses);
}

bool ReplicaIndex::is_told(NodeId node, TableId table) const {
    const auto found = books_.find(node);
    if (found == books_.end()) return true;
    const auto first = found->second.pending.lower_bound({table, PartitionId{0}});
    return first == found->second.pending.end() || first->first != table;
}

void ReplicaIndex::tell_all(NodeId node) {
    auto& book = books_[node];
    ++book.activity;
    book.addresses = true;
    for (const auto& [id, known] : tables_) {
        const auto& partitions = known.placement->partitions;
        for (std::size_t i = 0; i < partitions.size(); ++i) {
            if (!rpc::is_assigned(partitions[i])) continue;
            const auto nodes = nodes_of(partitions[i]);
            if (std::binary_search(nodes.begin(), nodes.end(), node))
                book.pending.emplace(id, PartitionId{static_cast<std::uint32_t>(i)});
        }
    }
}

void ReplicaIndex::tell_addresses(NodeId node) {
    books_[node].addresses = true;
}

}  // namespace dl::master
