// The tables that come along with a query: their names and columns are in its JSON, their rows are the bytes
// attached to it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/shared_bytes.h"
#include "common/record/broadcast_table.h"
#include "slave/handlers/request_json.h"

namespace dl::slave {

// The member "broadcasts"; none when it is absent. `names` are those of the query, which no broadcast table
// may have. INVALID_REQUEST for a name, column or type that cannot be, and for bytes that nothing names;
// LIMIT_EXCEEDED beyond limits::broadcast_*; CORRUPT_DATA for batches that are malformed or have other
// columns. Batches are slices of `attachment`: nothing is sized by a number of the request.
Result<std::vector<BroadcastTable>> parse_broadcasts(const RequestJson& request,
                                                     const std::map<std::string, TableId>& names,
                                                     const SharedBytes& attachment);

}  // namespace dl::slave
