// ReadView over one published state as it was when the log ended at an earlier offset.
//
// Everything from the end of the last compaction on is stored record by record, so each cut from there on can
// be answered; cuts before it for as long as the files of before it are kept (earlier_states.h). Live rows
// are the keys whose newest record below the cut is an insert: in the tail the marks of replaced records say
// so directly. In files the rows that are live now are; a row that died since is live when a record at or
// above the cut killed it, so the keys of those records are looked up below the cut. Costs memory and lookups
// per record since the cut, and when the cut lies within a file one pass over that file's keys.
#pragma once

#include <memory>

#include "slave/partition/partition_core.h"

namespace dl::slave {

// The oldest cut that can be answered: where the history that holds every record begins.
Offset oldest_cut(const PartitionState& state);

// Blocking. INVALID_REQUEST for a cut beyond the end, NOT_FOUND for one below oldest_cut(); both name the
// bound.
Result<std::shared_ptr<const ReadView>> make_past_view(const PartitionCore& core,
                                                       std::shared_ptr<const PartitionState> state,
                                                       Offset cut);

}  // namespace dl::slave
