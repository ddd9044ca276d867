// Where a new table goes: on slaves that are there, as far as enough of them are.
#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "master/catalog/catalog_format.h"
#include "master/control/live_slaves.h"
#include "master/control/replica_planner.h"
#include "master/control/table_manager.h"

namespace dl::master {
namespace {

constexpr std::string_view kComponent = "master.tables";

}  // namespace

Result<std::vector<NodeId>> TableManager::usable_nodes(const std::string& table) const {
    const auto states = copies_ == nullptr ? NodeStates() : copies_->states();
    std::vector<NodeId> all, there;
    std::string away;
    for (const auto& address : routes_.slaves().nodes()) {
        DL_TRY_ASSIGN(const auto node, catalog_.node_at_address(address));
        all.push_back(node.id);
        if (nodes_.is_present(address) && !states.dead.contains(node.id) &&
            !states.stopping.contains(node.id))
            there.push_back(node.id);
        else
            away += (away.empty() ? "" : ", ") + address;
    }
    // When none is there the statement waits for them, and its error names one.
    if (there.empty()) return all;
    if (!away.empty())
        log_warn(kComponent, "a new table gets no partition on slaves that are away",
                 {{"table", table}, {"away", away}});
    return there;
}

// One of its nodes has gone, and others are there.
bool TableManager::is_on_lost(const TablePlacement& placement) const {
    if (copies_ == nullptr) return false;
    const auto dead = copies_->states().dead;
    const auto known = catalog_.tables().nodes();
    const auto on = nodes_of(placement);
    const bool lost = std::any_of(on.begin(), on.end(), [&](NodeId node) { return dead.contains(node); });
    return lost && std::any_of(known->begin(), known->end(), [&](const auto& node) {
               return !dead.contains(node.first) && nodes_.is_present(node.second.address);
           });
}

Result<TableManager::Planned> TableManager::plan(const TableDefinition& definition, bool replace) const {
    Planned planned;
    DL_TRY_ASSIGN(planned.table, build_table(definition, new_incarnation()));
    planned.table.incarnation = new_incarnation();
    // Before anything is made on the slaves; the catalog looks once more.
    if (catalog_.tables().view(planned.table.name) != nullptr)
        return make_error(ErrorCode::table_exists, "there is a view '" + planned.table.name + "'");
    if (!replace && catalog_.tables().find(planned.table.name))
        return make_error(ErrorCode::table_exists, "table '" + planned.table.name + "' exists already");
    DL_TRY_ASSIGN(auto nodes, usable_nodes(planned.table.name));
    CopiesWanted wanted;
    if (copies_ != nullptr && definition.copies > 1) {
        if (auto left = leave_out_dead(nodes, copies_->states()); left.has_error())
            return left.error().in("table '" + planned.table.name + "' was not created");
        // Those that slaves which are away can have are made later.
        wanted.copies = definition.copies;
        if (!definition.min_in_sync)
            wanted.copies = std::min(wanted.copies, std::max(1u, static_cast<std::uint32_t>(nodes.size())));
        wanted.min_in_sync = definition.min_in_sync.value_or(default_min_in_sync(wanted.copies));
    }
    std::map<NodeId, std::uint64_t> led, held;
    for (const auto& other : catalog_.tables().list())
        if (const auto placement = catalog_.tables().placement(other->id))
            for (const auto& partition : placement->partitions) {
                ++led[partition.leader];
                for (const auto node : partition.replicas)
                    ++held[node];
            }
    auto placed = plan_copies(nodes, std::move(led), std::move(held), planned.table.partition_count, wanted);
    if (placed.has_error()) return placed.error().in("table '" + planned.table.name + "' was not created");
    planned.placement.partitions = std::move(*placed);
    return planned;
}

}  // namespace dl::master
