// What is appended to a partition, and the answer.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/hash.h"
#include "common/base/ids.h"
#include "common/base/shared_bytes.h"
#include "common/record/column_batch.h"
#include "common/record/record_batch.h"

namespace dl::slave {

struct AppendRequest {
    SharedBytes body;   // encoded ColumnBatch, already decoded once by the caller's checks
    ColumnBatch batch;  // the decoded view of body
    std::uint32_t body_crc = 0;
    SchemaId schema;
    BatchName name{};  // of a batch that is applied once, however often it comes
    // In which the sender takes this node for the leader: NOT_LEADER if it is in another one by now.
    std::optional<LeaderEpoch> epoch{};  // nullopt: the sender knows of none
};

struct AppendAck {
    Offset first = 0;
    Offset last = 0;
    bool duplicate = false;  // the batch id was applied before; first/last are those of then
};

}  // namespace dl::slave
