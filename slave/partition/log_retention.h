// What of a partition's log may go, and its going. Any thread.
#pragma once

#include <functional>

#include "slave/partition/partition_core.h"

namespace dl::slave {

// Where the history of the table begins by its limits and the clock of now.
Offset wanted_log_start(const PartitionCore& core);
// How far the log can go, up to `below`: by whole segments, all of them visible and needed by nobody else.
Offset removable_log(const PartitionCore& core, Offset below);
// The history has records that may go, and compacted files hold what is left of them; or log files to pack.
bool history_is_due(const PartitionCore& core);
// Removes log files that end at or below `below` and the end of the compacted files, as far as nobody needs
// them; the manifest says so first. Blocks.
Result<void> remove_log(PartitionCore& core, Offset below);
// Packs closed log files of the history, a few at a time, within the budget of compactions. `still_wanted` is
// asked in between; its error ends it. Blocks.
Result<void> pack_log(PartitionCore& core, const std::function<Result<void>()>& still_wanted);

}  // namespace dl::slave
