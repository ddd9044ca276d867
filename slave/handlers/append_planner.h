// Checks one append request as a whole, before anything of it is written: JSON, lengths, CRCs, the batches
// themselves and their columns against the table. Pure but for the look into the registry.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "common/base/shared_bytes.h"
#include "slave/handlers/table_registry.h"

namespace dl::slave {

struct AppendPart {
    PartitionId id;
    std::shared_ptr<Partition> partition;
    AppendRequest request;
};

struct AppendPlan {
    std::shared_ptr<const TableMeta> table;
    std::vector<AppendPart> parts;
};

// SCHEMA_MISMATCH when the sender's schema is newer than the one known here, NOT_LEADER when a partition is
// in another epoch; INVALID_REQUEST and CORRUPT_DATA name partition and cause. `attachment` holds the bodies
// one after the other; the plan refers to them.
Result<AppendPlan> plan_append(const TableRegistry& tables, std::string_view json,
                               const SharedBytes& attachment);

}  // namespace dl::slave
