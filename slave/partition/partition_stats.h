// Figures of one partition.
#pragma once

#include <cstdint>

#include "common/base/ids.h"

namespace dl::slave {

struct CompressProgress {
    std::uint64_t rows_done = 0, rows_total = 0, bytes_done = 0;
};

struct PartitionStats {
    Offset first_offset = 0, end_offset = 0, flushed_end = 0;
    std::uint64_t segments = 0, log_bytes = 0, files = 0, file_rows = 0, file_dead_rows = 0, file_bytes = 0;
    std::uint64_t tail_rows = 0, tail_bytes = 0;
    // Key tables and replaced marks of the tail, and delete vectors; key indexes of files.
    std::uint64_t index_bytes_resident = 0, index_bytes_mapped = 0;
    // Remembered batches: ids and producers in memory (their bytes count as tail, too) and entries of files,
    // what these take of slave.batch_id.memory.bytes and of the disk.
    std::uint64_t batch_ids = 0, batch_id_tail_bytes = 0, batch_id_bytes_resident = 0,
                  batch_id_file_bytes = 0;
    std::uint64_t appends = 0, appended_rows = 0, syncs = 0, flushes = 0, compactions = 0, joins = 0;
    std::uint64_t scrubbed_bytes = 0, scrub_findings = 0;  // since the start
};

}  // namespace dl::slave
