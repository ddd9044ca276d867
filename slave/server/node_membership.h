// Who this slave is, kept in node.json of all its data directories.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "slave/handlers/handler_context.h"
#include "slave/server/data_directory.h"

namespace dl::slave {

class StoredMembership final : public NodeMembership {
  public:
    // Brings the directories to one identity: that of those that have one, a new one when all are new.
    // CORRUPT_DATA when they belong to different slaves or are copies of one, UNAVAILABLE when one of them is
    // missing and an empty one is in its place: a disk that is not mounted.
    static Result<std::unique_ptr<StoredMembership>> open(
        const std::vector<std::shared_ptr<DataDirectory>>& directories);

    const std::string& incarnation() const { return incarnation_; }
    NodeId node_id() const override;
    std::string cluster_id() const override;
    Result<void> check_cluster(std::string_view cluster_id) const override;
    Result<void> join(NodeId node, std::string_view cluster_id, bool take_over) override;

  private:
    StoredMembership(std::vector<std::shared_ptr<DataDirectory>> directories, std::vector<NodeFile> files)
        : directories_(std::move(directories)),
          incarnation_(files.front().incarnation),
          files_(std::move(files)) {}

    const std::vector<std::shared_ptr<DataDirectory>> directories_;
    const std::string incarnation_;
    std::mutex joining_;
    mutable std::mutex mutex_;
    std::vector<NodeFile> files_;  // by directory; of one node
};

}  // namespace dl::slave
