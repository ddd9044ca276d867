// The files of partitions that followers read here at the moment. Thread-safe; reads block.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <random>

#include "common/rpc/messages/replica_messages.h"
#include "slave/partition/partition_copy.h"

namespace dl::slave {

class FileExports {
  public:
    static constexpr std::size_t kExportsMax = 64;
    static constexpr std::chrono::seconds kIdleMax{60};

    // In place of one of the same follower and partition. OVERLOADED beyond kExportsMax.
    Result<rpc::ExportCopyReply> add(NodeId follower, const rpc::ReplicaRef& replica,
                                     PartitionCopy::Export made);
    Result<SharedBytes> read(const rpc::ReadExportRequest& request);
    // Lets go of those that nobody has read from for kIdleMax.
    void expire();

  private:
    struct Held {
        NodeId follower;
        rpc::ReplicaRef replica;
        PartitionCopy::Export files;
        std::chrono::steady_clock::time_point used;
    };
    std::mutex mutex_;
    // From a random number on: a follower may name one of an earlier life of this process. Below 2^53.
    std::uint64_t next_id_ = std::uint64_t{std::random_device{}()} << 20;
    std::map<std::uint64_t, std::shared_ptr<Held>> held_;
};

}  // namespace dl::slave
