#include "slave/server/node_membership.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/base/log.h"
#include "common/base/random_id.h"

namespace dl::slave {
namespace {

constexpr auto kComponent = "slave.node";

using Directories = std::vector<std::shared_ptr<DataDirectory>>;
using NodeFiles = std::vector<std::optional<NodeFile>>;

// An empty directory beside one that knows a directory which is not there: a disk that is not mounted.
Result<void> check_complete(const Directories& directories, const NodeFiles& found) {
    std::map<std::string, std::string> present;
    std::set<std::string> missing;
    for (std::size_t i = 0; i < directories.size(); ++i) {
        if (!found[i] || found[i]->directory.empty()) continue;
        const auto [at, fresh] = present.emplace(found[i]->directory, directories[i]->path());
        if (!fresh)
            return make_error(ErrorCode::corrupt_data, "data directories " + at->second + " and " +
                                                           directories[i]->path() +
                                                           " are copies of one; correct slave.data");
    }
    for (const auto& file : found)
        if (file) missing.insert(file->directories.begin(), file->directories.end());
    for (const auto& [id, path] : present)
        missing.erase(id);
    if (missing.empty()) return {};
    for (std::size_t i = 0; i < directories.size(); ++i) {
        if (found[i]) continue;
        DL_TRY_ASSIGN(const auto highest, directories[i]->highest_table());
        if (highest != TableId{}) continue;
        return make_error(ErrorCode::unavailable, "data directory " + directories[i]->path() +
                                                      " (slave.data) is empty, and " +
                                                      std::to_string(missing.size()) +
                                                      " that this slave has written to is missing: is its "
                                                      "disk mounted? Put it back; or, when it is "
                                                      "lost for good, take this one out of slave.data for "
                                                      "one start, after which it may be added again");
    }
    log_warn(kComponent, "directories of slave.data are gone for good, and the partitions in them",
             {{"missing", missing.size()}});
    return {};
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
                                     (node.node != NodeId{} && agreed.node != NodeId{} &&
                                      (node.node != agreed.node || node.cluster_id != agreed.cluster_id)));
        if (other)
            return make_error(ErrorCode::corrupt_data, "data directories " + agreed_path + " and " +
                                                           directory->path() +
                                                           " belong to different slaves; correct slave.data");
        if (agreed_path.empty() || agreed.node == NodeId{}) agreed = node;
        agreed_path = directory->path();
    }
    DL_TRY(check_complete(directories, found));
    if (agreed.incarnation.empty()) agreed.incarnation = random_hex(32);
    // No list names a directory that does not know its own name yet: a crash in between is not a missing
    // disk.
    std::vector<NodeFile> files(directories.size(), agreed);
    std::vector<std::string> all;
    for (std::size_t i = 0; i < directories.size(); ++i) {
        const bool named = found[i] && !found[i]->directory.empty();
        files[i].directory = named ? found[i]->directory : random_hex(16);
        files[i].directories = named ? found[i]->directories : std::vector<std::string>();
        all.push_back(files[i].directory);
        if (!named) DL_TRY(directories[i]->set_node(files[i]));
    }
    std::sort(all.begin(), all.end());
    for (std::size_t i = 0; i < directories.size(); ++i) {
        files[i].directories = all;
        if (!found[i] || *found[i] != files[i]) DL_TRY(directories[i]->set_node(files[i]));
    }
    return std::unique_ptr<StoredMembership>(new StoredMembership(directories, std::move(files)));
}

NodeId StoredMembership::node_id() const {
    const std::lock_guard lock(mutex_);
    return files_.front().node;
}

std::string StoredMembership::cluster_id() const {
    const std::lock_guard lock(mutex_);
    return files_.front().cluster_id;
}

Result<void> StoredMembership::check_cluster(std::string_view cluster_id) const {
    const std::lock_guard lock(mutex_);
    const auto& own = files_.front().cluster_id;
    if (own == cluster_id && !cluster_id.empty()) return {};
    if (own.empty())
        return make_error(ErrorCode::unavailable, "the slave has not joined the master's cluster yet");
    return make_error(
        ErrorCode::unavailable,
        "the slave's data belong to cluster " + own + ", the master is of cluster " +
            std::string(cluster_id) +
            "; start the master on the catalog of that cluster (master.data.path), or the slave on "
            "another directory (slave.data), or take the slave over with master --begin-anew");
}

Result<void> StoredMembership::join(NodeId node, std::string_view cluster_id, bool take_over) {
    const std::lock_guard one_at_a_time(joining_);
    auto files = files_;
    const auto& joined = files.front();
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
    for (std::size_t i = 0; i < directories_.size(); ++i) {
        files[i].node = node;
        files[i].cluster_id = cluster_id;
        DL_TRY(directories_[i]->set_node(files[i]));
    }
    log_info(kComponent, "registered", {{"node", node.value}, {"cluster", std::string(cluster_id)}});
    const std::lock_guard lock(mutex_);
    files_ = std::move(files);
    return {};
}

}  // namespace dl::slave
