#include "slave/partition/record_reader.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/duck/parquet_file.h"
#include "slave/parquet/parquet_run.h"

namespace dl::slave {
namespace {

constexpr std::uint64_t kFileRowsMin = 1024;
constexpr std::uint64_t kFileRowsMax = 1u << 20;

struct Budget {
    std::uint64_t rows;
    std::uint64_t bytes;
    void use(std::uint64_t r, std::uint64_t b) {
        rows -= std::min(rows, r);
        bytes -= std::min(bytes, b);
    }
    bool left() const { return rows > 0 && bytes > 0; }
};

Result<ColumnBatch> decode_body(const StoredBatch& stored) {
    // The log has checked the checksum.
    if (stored.header.codec == BodyCodec::none) return ColumnBatch::decode(stored.body, stored.header.count);
    return decode_record_batch_body(stored.header, stored.body);
}

// NOT_FOUND when compaction has just removed the segment.
Result<void> read_log(const PartitionCore& core, Offset end, Offset* from, Budget* budget,
                      std::vector<ReadSlice>* slices) {
    // No more than the rows: the rest would be read, unpacked and checked for nothing.
    const auto rows = std::min(budget->rows, static_cast<std::uint64_t>(end - *from));
    DL_TRY_ASSIGN(auto batches, core.log().read(*from, *from + static_cast<Offset>(rows), budget->bytes));
    if (batches.empty())
        return make_error(ErrorCode::internal, core.label() + ": the log has no record at offset " +
                                                   std::to_string(*from) + ", which is below its end");
    for (auto& stored : batches) {
        if (!budget->left()) break;
        ReadSlice slice;
        DL_TRY_ASSIGN(slice.batch, decode_body(stored));
        slice.header = stored.header;
        slice.stored_body = std::move(stored.body);
        slice.first_row = static_cast<std::uint32_t>(std::max<Offset>(0, *from - slice.header.base_offset));
        const auto wanted = std::min<std::uint64_t>(slice.header.count, slice.first_row + budget->rows);
        slice.end_row = static_cast<std::uint32_t>(
            std::min<Offset>(static_cast<Offset>(wanted), end - slice.header.base_offset));
        DL_CHECK(slice.end_row > slice.first_row, "a read comes forward");
        DL_CHECK(slice.header.base_offset + slice.end_row <= end, "INV-9 readers see what is committed");
        *from = slice.header.base_offset + slice.end_row;
        budget->use(slice.end_row - slice.first_row, slice.stored_body.size());
        slices->push_back(std::move(slice));
    }
    return {};
}

// Rows below `until`, where the log begins.
Result<void> read_file(const PartitionCore& core, const SnapshotFile& file, Offset until, Offset* from,
                       Budget* budget, std::vector<ReadSlice>* slices) {
    const auto& info = file.info();
    DL_TRY(file.prove());
    const std::uint64_t row_bytes = std::max<std::uint64_t>(1, info.plain_bytes / info.rows);
    const auto rows =
        std::min(std::clamp(budget->bytes / row_bytes + 1, kFileRowsMin, kFileRowsMax), budget->rows);
    DL_TRY_ASSIGN(auto read, read_file_rows(core, file, *from, static_cast<std::uint32_t>(rows)));
    if (read.offsets.empty() || read.offsets.size() != read.batch.rows())
        return make_error(ErrorCode::corrupt_data, "snapshot file " + file.parquet_path() +
                                                       " has no record from offset " + std::to_string(*from) +
                                                       " on; the manifest says it has");
    ReadSlice slice;
    auto& header = slice.header;
    header.table = core.table()->id;
    header.partition = core.id;
    header.epoch = info.epoch;
    header.base_offset = read.offsets.front();
    header.count = read.batch.rows();
    header.schema = core.table()->schema.id;
    header.append_time_us = read.append_times_us.empty() ? 0 : read.append_times_us.front();
    header.body_bytes = header.body_plain_bytes = static_cast<std::uint32_t>(read.batch.body().size());
    header.body_crc = crc32c(0, read.batch.body().data(), read.batch.body().size());
    slice.stored_body = read.batch.body();
    slice.batch = std::move(read.batch);
    slice.offsets = std::move(read.offsets);
    slice.append_times_us = std::move(read.append_times_us);
    const auto behind = std::lower_bound(slice.offsets.begin(), slice.offsets.end(), until);
    slice.end_row = static_cast<std::uint32_t>(behind - slice.offsets.begin());
    *from = behind == slice.offsets.end() ? slice.offsets.back() + 1 : until;
    if (slice.end_row == 0) return {};
    budget->use(slice.end_row, slice.stored_body.size());
    slices->push_back(std::move(slice));
    return {};
}

const SnapshotFile* file_with_record_from(const FileSet& files, Offset from) {
    for (const auto& entry : files.entries())
        if (entry.file->info().last_row_offset >= from) return entry.file.get();
    return nullptr;
}

}  // namespace

// From the file as it is open, where we can; what only DuckDB can read, from the beginning.
Result<ParquetRows> read_file_rows(const PartitionCore& core, const SnapshotFile& file, Offset from,
                                   std::uint32_t rows_max) {
    const auto& fields = file.info().fields;
    auto rows = [&]() -> Result<ParquetRows> {
        DL_TRY_ASSIGN(const auto reader, file.row_reader());
        return read_parquet_run(*reader, from, rows_max, fields);
    }();
    if (rows.has_value() || rows.error().code != ErrorCode::not_supported) return rows;
    DL_TRY_ASSIGN(const auto group_bytes, file.widest_group_bytes());
    DL_TRY_ASSIGN(const auto database, file_database_for(core.context.file_database, group_bytes,
                                                         WideFileUse::read, give_up_after(kWideReadWaitMax)));
    return read_parquet_rows(*database, file.parquet_path(), from, rows_max, fields);
}

Result<std::vector<ReadSlice>> read_records(const PartitionCore& core, Offset from, std::uint64_t max_rows,
                                            std::uint64_t max_bytes) {
    std::vector<ReadSlice> slices;
    auto state = core.state();
    const Offset end = state->end_offset;
    from = std::max<Offset>(from, 0);
    Budget budget{max_rows, std::max<std::uint64_t>(max_bytes, 1)};
    while (from < end && budget.left()) {
        const Offset log_start = core.log().first_offset();
        if (from < log_start) {
            // The state was published before the segments went, or is renewed below: its files hold what the
            // log does not.
            state = core.state();
            const auto* file = file_with_record_from(*state->files, from);
            if (file == nullptr || file->info().first_row_offset >= log_start) {
                from = log_start;
                continue;
            }
            from = std::max(from, file->info().first_row_offset);
            DL_TRY(read_file(core, *file, log_start, &from, &budget, &slices));
            continue;
        }
        const auto read = read_log(core, end, &from, &budget, &slices);
        if (read.has_error() &&
            !(read.error().code == ErrorCode::not_found && from < core.log().first_offset()))
            return read.error();
    }
    return slices;
}

Offset first_stored_offset(const PartitionCore& core) {
    const auto state = core.state();
    const Offset log_start = core.log().first_offset();
    for (const auto& entry : state->files->entries())
        if (entry.file->info().first_row_offset < log_start) return entry.file->info().first_row_offset;
    return std::min(log_start, state->end_offset);
}

}  // namespace dl::slave
