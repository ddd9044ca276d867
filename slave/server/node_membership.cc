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

Result<void> StoredMembership::join(NodeId node) {
    const std::lock_guard one_at_a_time(joining_);
    auto joined = node_;
    if (joined.node == node) return {};
    if (joined.node != NodeId{})
        return make_error(ErrorCode::invalid_request,
                          "the slave is node " + std::to_string(joined.node.value) +
                              " and cannot become node " + std::to_string(node.value));
    joined.node = node;
    for (const auto& directory : directories_)
        DL_TRY(directory->set_node(joined));
    log_info(kComponent, "registered", {{"node", node.value}});
    const std::lock_guard lock(mutex_);
    node_ = std::move(joined);
    return {};
}

}  // namespace dl::slave
