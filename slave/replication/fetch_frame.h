// One partition in the answer to a fetch: FetchedPartition as JSON, then record batches as they lie in the
// log (docs/formats/rpc.md). Pure.
#pragma once

#include <vector>

#include "common/base/shared_bytes.h"
#include "common/rpc/messages/replica_messages.h"
#include "slave/log/partition_log.h"

namespace dl::slave {

struct FetchFrame {
    rpc::FetchedPartition partition;
    std::vector<StoredBatch> batches;
};

// Parts of one data frame; bodies are shared, not copied.
std::vector<SharedBytes> encode_fetch_frame(const FetchFrame& frame);
// CORRUPT_DATA for lengths that do not fit and headers that are damaged; the bodies are checked when they are
// written. They share `bytes`.
Result<FetchFrame> decode_fetch_frame(const SharedBytes& bytes);

}  // namespace dl::slave
