// Writes the batch ids of flushed segments to a file, together with those of the newest files that are not
// much larger, and leaves out what may be forgotten. Runs on the background pool, beside lookups in what it
// reads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "slave/partition/batch_id_file.h"

namespace dl::slave {

// A file of batch ids is not merged beyond so many entries (48 bytes each).
inline constexpr std::uint64_t kBatchIdEntriesMax = 1u << 20;

struct BatchIdSpill {
    FileSystem* files = nullptr;
    std::string directory;
    std::uint64_t edition = 0;  // of the file that is written
    BatchIdFileOwner owner;
    std::vector<std::shared_ptr<const BatchIdTable>> tables;  // sealed, oldest first
    std::vector<std::shared_ptr<const BatchIdFile>> kept;     // oldest first, older than the tables
    std::int64_t forget_before_us = 0;                        // batches applied before this may be forgotten
};

struct SpilledBatchIds {
    std::vector<std::shared_ptr<const BatchIdFile>> kept;  // oldest first
    std::vector<std::uint64_t> editions() const;
};

// Of an id in several inputs the newest one's entries count: those of a producer are complete. A file that
// cannot be read is kept as it is. After an error nothing is left behind.
Result<SpilledBatchIds> spill_batch_ids(const BatchIdSpill& spill);

}  // namespace dl::slave
