// How far copies are that are not up to date, as slaves say it when they are asked, in words. Pure; not
// thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "common/rpc/messages/copy_messages.h"

namespace dl::master {

class CopyProgress {
  public:
    // What `node` has said.
    void add(NodeId node, const rpc::CopyProgressReply& said);
    // "has 40 % of its leader's files, about 2 min to go", "lacks 1200 records, 3.2 s behind", why it does
    // not come forward; "": nothing is known.
    std::string text_of(TableId table, PartitionId partition, NodeId node) const;
    // Of all copies that get files: "40 % of 2.1 GB copied, about 2 min"; "": none does.
    std::string files_text() const;
    // It says why it does not serve, or does not come forward.
    bool is_stuck(TableId table, PartitionId partition, NodeId node) const;

    // Reads of partitions that it does not lead; 0: none, or it has not said.
    std::uint64_t follower_reads(NodeId node) const;
    std::string error_of(TableId table, PartitionId partition, NodeId node) const;

  private:
    using Copy = std::pair<std::pair<TableId, PartitionId>, NodeId>;
    struct Known {
        std::optional<rpc::FollowerLag> lag;
        std::optional<rpc::CopyTrouble> trouble;
    };
    const Known* find(TableId table, PartitionId partition, NodeId node) const;
    std::map<Copy, Known> copies_;
    std::map<NodeId, std::uint64_t> follower_reads_;
};

}  // namespace dl::master
