// The batch ids of a partition between memory, files and manifest: read when it opens, written when it
// flushes.
#pragma once

#include <vector>

#include "slave/partition/batch_id_spill.h"
#include "slave/partition/partition_core.h"

namespace dl::slave {

// Makes the window of a partition that opens, from the files its manifest names.
Result<void> open_batch_ids(PartitionCore& core, WriterExclusion::Hold& hold, const Manifest& manifest);

// What the flush up to `below` leaves of them; the caller holds a Commit and makes it the manifest's and then
// the window's. New files are synced. After an error of the caller's commit they are the publisher's to
// remove.
Result<SpilledBatchIds> write_batch_ids(PartitionCore& core, Offset below);

// Of a manifest of format version 1: writes the ids that it and the indexes of the log name (`indexed`) to a
// file. They are remembered from now on: when their batches were applied is not known.
Result<void> take_over_batch_ids(PartitionCore& core, const Manifest& manifest,
                                 const std::vector<BatchIdEntry>& indexed);

}  // namespace dl::slave
