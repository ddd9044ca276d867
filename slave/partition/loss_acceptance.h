// Records that had been acknowledged and are provably gone from the log: saying which, and going on without
// them when somebody has said so. Blocking.
#pragma once

#include <vector>

#include "slave/log/log_salvage.h"
#include "slave/partition/partition_core.h"

namespace dl::slave {

// What the log of a partition that does not open has lost, and nothing is changed. INVALID_REQUEST when
// nothing is provably gone.
Result<std::vector<LostRange>> find_lost_records(const PartitionCore& core);

// Makes the partition one that opens without them: what of the log is not in files yet goes to files, the
// manifest says what is lost (the commit point) and where a new log begins. Offsets are not given twice.
// Nothing is removed: the old log is set aside, as `log.lost-<offset>`. Errors as above, and of a column file
// that only the log could replace.
Result<std::vector<LostRange>> accept_lost_records(PartitionCore& core);

// Of a start: sets the log aside that an acceptance was committed for. Nothing else in the partition changes.
Result<void> set_accepted_log_aside(const PartitionCore& core, const Manifest& manifest);

// The error of a log that does not open, with what is lost and the way out when it is known.
Error with_lost_records(const PartitionCore& core, const Manifest& manifest, Error error);

}  // namespace dl::slave
