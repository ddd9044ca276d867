// epochs.json: the newest leader epoch this node was told of, by partition of a table, and which of them have
// copies elsewhere (docs/formats/slave-data.md). Pure.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/meta/placement.h"

namespace dl::slave {

struct StoredEpochs {
    LeaderEpochs epochs;
    // They have, or had, copies on other nodes: opened anew they lead nothing before they are told to.
    std::set<PartitionId> replicated;
    friend bool operator==(const StoredEpochs&, const StoredEpochs&) = default;
};

std::string encode_epochs_file(TableId table, const StoredEpochs& stored);
// CORRUPT_DATA names `file`; also when it is of another table.
Result<StoredEpochs> decode_epochs_file(std::string_view text, TableId table, const std::string& file);

// Adds what is newer; tells whether anything was.
bool merge_epochs(StoredEpochs& into, const LeaderEpochs& from);
bool merge_epochs(StoredEpochs& into, const StoredEpochs& from);
// The first epoch for a partition that none was told of.
LeaderEpoch epoch_of(const StoredEpochs& stored, PartitionId id);

}  // namespace dl::slave
