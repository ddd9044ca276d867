#include "slave/partition/time_lookup.h"

#include <algorithm>

#include "slave/partition/record_reader.h"

namespace dl::slave {
namespace {

constexpr int kTriesMax = 10;  // each after a removal of log files that was just under way

struct TimedRow {
    Offset offset;
    std::int64_t time_us;
};

// The first row of a file at or behind `from`, which there is.
Result<TimedRow> row_from(const PartitionCore& core, const SnapshotFile& file, Offset from) {
    DL_TRY_ASSIGN(const auto rows, read_file_rows(core, file, from, 1));
    if (rows.offsets.empty() || rows.append_times_us.empty())
        return make_error(ErrorCode::corrupt_data, "snapshot file " + file.parquet_path() +
                                                       " has no record from offset " + std::to_string(from) +
                                                       " on; the manifest says it has");
    return TimedRow{rows.offsets.front(), rows.append_times_us.front()};
}

// In a file whose last row was appended at or after the time.
Result<Offset> search(const PartitionCore& core, const SnapshotFile& file, std::int64_t time_us) {
    Offset found = file.info().last_row_offset;
    Offset low = file.info().first_row_offset;
    Offset high = found;  // rows from here on are late enough
    while (low < high) {
        const Offset middle = low + (high - low) / 2;
        DL_TRY_ASSIGN(const auto row, row_from(core, file, middle));
        if (row.time_us >= time_us) {
            found = row.offset;
            high = middle;
        } else {
            low = row.offset + 1;
        }
    }
    return found;
}

// Below the log: nullopt when no row there is late enough.
Result<std::optional<Offset>> search_files(const PartitionCore& core, Offset log_start,
                                           std::int64_t time_us) {
    const auto state = core.state();
    for (const auto& entry : state->files->entries()) {
        const auto& info = entry.file->info();
        if (info.first_row_offset >= log_start) break;
        DL_TRY_ASSIGN(const auto last, row_from(core, *entry.file, info.last_row_offset));
        if (last.time_us < time_us) continue;
        DL_TRY_ASSIGN(const Offset found, search(core, *entry.file, time_us));
        if (found >= log_start) break;
        return std::optional<Offset>(found);
    }
    return std::optional<Offset>();
}

}  // namespace

Result<Offset> find_offset_for_time(const PartitionCore& core, std::int64_t time_us) {
    for (int tries = 1;; ++tries) {
        const Offset end = core.state()->end_offset;
        const Offset log_start = core.log().first_offset();
        const auto in_log = core.log().offset_for_time(time_us);
        if (in_log.has_error()) {
            const bool removed = core.log().first_offset() != log_start;
            if (removed && tries < kTriesMax) continue;
            return in_log.error();
        }
        // The oldest record of the log being late enough, older ones may be too.
        if (*in_log <= log_start) {
            DL_TRY_ASSIGN(const auto in_files, search_files(core, log_start, time_us));
            if (in_files) return std::min(*in_files, end);
        }
        return std::min(*in_log, end);
    }
}

}  // namespace dl::slave
