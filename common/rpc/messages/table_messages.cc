#include "common/rpc/messages/table_messages.h"

namespace dl::rpc {

std::vector<PartitionEpoch> partition_epochs(const LeaderEpochs& epochs) {
    std::vector<PartitionEpoch> list;
    list.reserve(epochs.size());
    for (const auto& [partition, epoch] : epochs)
        list.push_back({partition, epoch});
    return list;
}

LeaderEpochs leader_epochs(const std::vector<PartitionEpoch>& epochs) {
    LeaderEpochs map;
    for (const auto& [partition, epoch] : epochs)
        map[partition] = epoch;
    return map;
}

}  // namespace dl::rpc
