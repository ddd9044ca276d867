// A DuckDatabase whose limits can be changed between statements, for a process that runs one at a time.
#pragma once

#include <cstdint>
#include <memory>

#include "common/duck/duck_database.h"

namespace dl {

// As DuckDatabase::open(), but that the configuration is not locked: for statements that were checked to be
// SELECTs alone. What cannot be changed back (external access, folders) is closed all the same. It has no
// thread of its own until set_duck_threads(): opening reads files of the system, and a process can close
// itself in afterwards.
Result<std::shared_ptr<DuckDatabase>> adjustable_duck_database(const DuckOptions& options);

Result<void> set_duck_threads(DuckDatabase& database, unsigned threads);
// From the next statement on. `spill_bytes_max` 0: as it is.
Result<void> set_duck_limits(DuckDatabase& database, std::uint64_t memory_bytes_max,
                             std::uint64_t spill_bytes_max);

}  // namespace dl
