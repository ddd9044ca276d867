// Rows by key out of one published state of a partition.
#pragma once

#include <span>
#include <vector>

#include "common/duck/scan_source.h"
#include "common/types/schema.h"
#include "slave/partition/partition_core.h"

namespace dl::slave {

// As ReadView::find_rows(), for the cut at the state's end. Rows of one chunk or file come in one unit.
// NOT_SUPPORTED while a key index is damaged: the state is to be scanned. `guides` as in
// ParquetRowReader::read().
Result<std::vector<ScanUnit>> find_key_rows(const PartitionState& state, std::span<const Hash128> keys,
                                            std::span<const Field> fields, ChunkGuideCache* guides);

}  // namespace dl::slave
