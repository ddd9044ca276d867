// One pass of a check over all records of a pinned cut: those of one part of the hash range are counted, in
// the first pass the files and the log are compared as well. Blocking.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "slave/partition/partition_core.h"
#include "slave/partition/record_census.h"
#include "slave/snapshot/parquet_keys.h"

namespace dl::slave {

struct CheckPass {
    PartitionCore* core = nullptr;
    std::shared_ptr<const PartitionState> state;
    std::shared_ptr<const TableMeta> table;
    Offset flushed_end = 0;
    std::uint64_t part = 0;
    std::uint64_t parts = 1;
    std::uint64_t records_held_max = RecordCensus::kRecordsHeldMax;
    const CheckOptions* options = nullptr;
};

struct CheckFindings {
    RowSum truth;          // newest record of each key
    RowSum seen;           // what a query on the cut sees
    bool complete = true;  // false: something could not be read, the sums say nothing
    bool moved = false;    // a compaction removed log that was still to be read: do it again
    std::uint64_t records = 0;
    std::vector<std::string> problems;
    std::set<std::string> wrong_indexes;  // stems
};

// TIMEOUT or CANCELLED as the options say.
Result<void> check_still_wanted(const CheckOptions& options, const PartitionCore& core);
Result<CheckFindings> run_check_pass(const CheckPass& pass);

}  // namespace dl::slave
