// The delete vectors a partition must have at one cut, and putting wrong key indexes and vectors right while
// it serves. Blocking; writers are held up for as long as a flush's commit holds them.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "slave/partition/partition_core.h"

namespace dl::slave {

// The files of the state with the vectors that follow from their key indexes and the keys of the tail.
Result<std::shared_ptr<const FileSet>> with_derived_vectors(const PartitionState& state,
                                                            const TableMeta& table);

// Looks at every line of all key indexes, after one was found damaged, and rebuilds those that are, so that
// looking up goes on. Vectors are not derived anew: no wrong answer was ever taken from a damaged line. Holds
// nobody up but who wants the same. An error means that the Parquet file cannot be read either.
Result<void> rebuild_doubted_indexes(PartitionCore& core, const FileSet& files);

// Rebuilds the indexes of these files (by stem; one that a compaction has replaced meanwhile is left alone),
// then all vectors that are not what they must be, and commits them. `wanted` is asked before each index, and
// between deriving the vectors and comparing them with those of now, writers going on; its error ends the
// repair with nothing half done.
Result<void> repair_derived(PartitionCore& core, const std::set<std::string>& indexes,
                            const std::function<Result<void>()>& wanted);

}  // namespace dl::slave
