#include "slave/server/node_membership.h"

#include <random>

#include "common/base/log.h"

namespace dl::slave {
namespace {

constexpr auto kComponent = "slave.node";

std::string new_incarnation() {
    std::random_device random;
    constexpr char digits[] = "0123456789abcdef";
    std::string incarnation;
    for (int i = 0; i < 32; ++i)
        incarnation += digits[random() & 15];
    return incarnation;
}

}  // namespace

Result<std::unique_ptr<StoredMembership>> StoredMembership::open(
    const std::vector<std::shared_ptr<DataDirectory>>& directories) {
    NodeFile agreed;
    std::string agreed_path;
    std::vector<std::optional<NodeFile>> found;
    for (const auto& directory : directories) {
        DL_TRY_ASSIGN(auto one, directory->node());
        found.push_back(std::move(one));
        if (!found.back()) continue;
        const auto& node = *found.back();
        // A crash while joining leaves some directories without the id that others have already.
        const bool other =
            !agreed_path.empty() && (node.incarnation != agreed.incarnation ||
                                     (node.node != NodeId{} && agreed.node != NodeId{} && node != agreed));
        if (other)
            return make_error(ErrorCode::corrupt_data, "data directories " + agreed_path + " and " +
                                                           directory->path() +
                                                           " belong to different slaves; correct slave.data");
        if (agreed_path.empty() || agreed.node == NodeId{}) agreed = node;
        agreed_path = directory->path();
    }
    if (agreed.incarnation.empty()) agreed.incarnation = new_incarnation();
    for (std::size_t i = 0; i < directories.size(); ++i)
        if (!found[i] || *found[i] != agreed) DL_TRY(directories[i]->set_node(agreed));
    return std::unique_ptr<StoredMembership>(new StoredMembership(directories, std::move(agreed)));
}

NodeId StoredMembership::node_id() const {
    const std::lock_guard lock(mutex_);
    return node_.node;
}

std::string StoredMembership::cluster_id() const {
    const std::lock_guard lock(mutex_);
    return node_.cluster_id;
}

Result<void> StoredMembership::check_cluster(std::string_view cluster_id) const {
    const std::lock_guard lock(mutex_);
    if (node_.cluster_id == cluster_id && !cluster_id.empty()) return {};
    if (node_.cluster_id.empty())
        return make_error(ErrorCode::unavailable, "the slave has not joined the master's cluster yet");
    return make_error(
        ErrorCode::unavailable,
        "the slave's data belong to cluster " + node_.cluster_id + ", the master is of cluster " +
            std::string(cluster_id) +
            "; start the master on the catalog of that cluster (master.data.path), or the slave on "
            "another directory (slave.data), or take the slave over with master --begin-anew");
}

Result<void> StoredMembership::join(NodeId node, std::string_view cluster_id, bool take_over) {
    const std::lock_guard one_at_a_time(joining_);
    auto joined = node_;
    const bool member = joined.cluster_id == cluster_id;
    if (!member && !joined.cluster_id.empty() && !take_over) return check_cluster(cluster_id);
    if (member && joined.node == node) return {};
    if (member && joined.node != NodeId{})
        return make_error(ErrorCode::invalid_request,
                          "the slave is node " + std::to_string(joined.node.value) +
                              " and cannot become node " + std::to_string(node.value));
    if (!member && !joined.cluster_id.empty())
        log_warn(kComponent, "taken over from another cluster",
                 {{"from", joined.cluster_id}, {"to", std::string(cluster_id)}});
    joined.node = node;
    joined.cluster_id = cluster_id;
    for (const auto& directory : directories_)
        DL_TRY(directory->set_node(joined));
    log_info(kComponent, "registered", {{"node", node.value}, {"cluster", joined.cluster_id}});
    const std::lock_guard lock(mutex_);
    node_ = std::move(joined);
    return {};
}

}  // namespace dl::slave
