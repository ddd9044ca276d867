// Where a segment is cut, and what is known of the rest. Reads only.
#pragma once

#include "slave/log/log_recovery.h"

namespace dl::slave {

// The index of the segment without the batches that reach beyond `end` and those of epochs above `epoch`,
// read from the batches that stay. CORRUPT_DATA when one of them cannot be read.
Result<SegmentIndex> plan_log_cut(std::shared_ptr<ReadableFile> file, const LogIdentity& identity,
                                  const LogSegment& segment, Offset end, LeaderEpoch epoch);

}  // namespace dl::slave
