#include "common/rpc/messages/replica_messages.h"

#include "common/base/byte_io.h"
#include "common/base/hash.h"

namespace dl::rpc {

std::uint64_t assignment_digest(const ReplicaRef& replica, std::uint32_t version) {
    char bytes[24];
    store_le(bytes, replica.table.value);
    store_le(bytes + 8, replica.incarnation);
    store_le(bytes + 16, replica.partition.value);
    store_le(bytes + 20, version);
    return partition_hash({bytes, sizeof bytes});
}

}  // namespace dl::rpc
