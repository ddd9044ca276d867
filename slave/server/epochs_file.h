// epochs.json: the newest leader epoch this node was told of, by partition of a table
// (docs/formats/slave-data.md). Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/meta/placement.h"

namespace dl::slave {

std::string encode_epochs_file(TableId table, const LeaderEpochs& epochs);
// CORRUPT_DATA names `file`; also when it is of another table.
Result<LeaderEpochs> decode_epochs_file(std::string_view text, TableId table, const std::string& file);

// Adds what is newer; tells whether anything was.
bool merge_epochs(LeaderEpochs& into, const LeaderEpochs& from);
// The first epoch for a partition that none was told of.
LeaderEpoch epoch_of(const LeaderEpochs& epochs, PartitionId id);

}  // namespace dl::slave
