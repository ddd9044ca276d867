#include "slave/snapshot/segment_file.h"

#include <algorithm>
#include <numeric>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/duck/parquet_file.h"
#include "common/record/widened_batch.h"
#include "common/types/wider_type.h"
#include "slave/parquet/parquet_writer.h"

namespace dl::slave {
namespace {

// Rows of one chunk of the segment.
struct Slice {
    const TailChunk* chunk = nullptr;
    std::uint32_t begin = 0;
    std::uint32_t rows = 0;
};

// Of the values in memory, with the columns that every file has.
std::uint64_t plain_bytes(const ColumnBatch& batch, std::uint32_t begin, std::uint32_t rows) {
    std::uint64_t bytes = std::uint64_t{rows} * (sizeof(Offset) + sizeof(std::int64_t));
    for (const auto& column : batch.columns()) {
        const auto width = physical_width(physical_type(column.type));
        bytes += rows * (width != 0 ? width : sizeof(std::uint32_t));
        if (width != 0) continue;
        const auto* const ends = column.data;
        bytes += load_le<std::uint32_t>(ends + (std::size_t{begin} + rows) * 4) -
                 load_le<std::uint32_t>(ends + std::size_t{begin} * 4);
    }
    return bytes;
}

// Divides a segment into row groups.
class RowGroups {
  public:
    explicit RowGroups(const TailSegment& segment) : segment_(segment) {}
    // Empty behind the last row.
    std::vector<Slice> next() {
        std::vector<Slice> slices;
        std::uint32_t rows = 0;
        std::uint64_t bytes = 0;
        for (const auto& chunks = segment_.chunks(); chunk_ < chunks.size();) {
            const auto& chunk = *chunks[chunk_];
            auto count = std::min(chunk.batch.rows() - row_, kParquetRowGroupRows - rows);
            const auto left = kParquetRowGroupBytes - bytes;
            auto more = plain_bytes(chunk.batch, row_, count);
            while (count > 1 && more > left) {
                count /= 2;
                more = plain_bytes(chunk.batch, row_, count);
            }
            if (count == 0 || (more > left && !slices.empty())) break;
            slices.push_back({&chunk, row_, count});
            rows += count;
            bytes = std::min(bytes + more, kParquetRowGroupBytes);
            row_ += count;
            if (row_ == chunk.batch.rows()) {
                ++chunk_;
                row_ = 0;
            }
        }
        return slices;
    }

  private:
    const TailSegment& segment_;
    std::size_t chunk_ = 0;
    std::uint32_t row_ = 0;
};

// A column of one fixed type made here, as a batch would give it.
template <class T>
ColumnView view_of(const std::vector<T>& values) {
    ColumnView view;
    view.data = reinterpret_cast<const char*>(values.data());
    return view;
}

void append_offsets(ParquetColumnEncoder& column, const Slice& slice) {
    std::vector<Offset> offsets(slice.rows);
    std::iota(offsets.begin(), offsets.end(), slice.chunk->base_offset + slice.begin);
    column.append(view_of(offsets), 0, slice.rows);
}

void append_operations(ParquetColumnEncoder& column, const Slice& slice) {
    const auto& batch = slice.chunk->batch;
    std::vector<std::uint8_t> deletes(batch.has_deletes() ? slice.rows : 1);
    if (!batch.has_deletes()) return column.append_repeated(view_of(deletes), 0, slice.rows);
    for (std::uint32_t i = 0; i < slice.rows; ++i)
        deletes[i] = batch.is_delete(slice.begin + i) ? 1 : 0;
    column.append(view_of(deletes), 0, slice.rows);
}

void append_times(ParquetColumnEncoder& column, const Slice& slice) {
    const auto& runs = slice.chunk->times;
    const auto end = slice.begin + slice.rows;
    std::uint32_t timed = 0;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const auto from = std::max(slice.begin, runs[i].first_row);
        const auto to = std::min(end, i + 1 < runs.size() ? runs[i + 1].first_row : end);
        if (from >= to) continue;
        const std::vector<std::int64_t> time{runs[i].append_time_us};
        column.append_repeated(view_of(time), 0, to - from);
        timed += to - from;
    }
    DL_CHECK(timed == slice.rows, "every row has one append time");
}

// `batch` is the chunk's, with the columns as wide as the file has them.
Result<void> append_field(ParquetColumnEncoder& column, const ColumnBatch& batch, const Slice& slice,
                          const Field& field, const ColumnBatch& default_value) {
    const auto* const view = batch.find(field.id);
    if (view != nullptr && view->type != field.type)
        return make_error(ErrorCode::corrupt_data,
                          "the batch at offset " + std::to_string(slice.chunk->base_offset) + " has field " +
                              std::to_string(field.id.value) + " as " + type_name(view->type) +
                              ", the table as " + type_name(field.type));
    if (view != nullptr)
        column.append(*view, slice.begin, slice.rows);
    else if (default_value.rows() != 0)
        column.append_repeated(default_value.columns().front(), 0, slice.rows);
    else
        column.append_nulls(slice.rows);
    return {};
}

}  // namespace

Result<ColumnBatch> default_row(const Field& field) {
    if (!field.default_text) return ColumnBatch{};
    ColumnBatchBuilder builder({{field.id, field.type}});
    DL_TRY(append_parsed_text(builder, 0, field.type, *field.default_text));
    builder.finish_row(false);
    return ColumnBatch::decode(SharedBytes::from_string(builder.encode()), 1);
}

std::vector<Field> segment_fields(const TailSegment& segment, const Schema& schema, FieldId next_field) {
    std::vector<Field> fields;
    const ColumnBatch* before = nullptr;
    for (const auto& chunk : segment.chunks()) {
        if (before != nullptr && before->columns().size() == chunk->batch.columns().size() &&
            std::equal(before->columns().begin(), before->columns().end(), chunk->batch.columns().begin(),
                       [](const ColumnView& a, const ColumnView& b) {
                           return a.field == b.field && a.type == b.type;
                       }))
            continue;
        before = &chunk->batch;
        for (const auto& column : chunk->batch.columns()) {
            const auto there = std::find_if(fields.begin(), fields.end(),
                                            [&](const Field& f) { return f.id == column.field; });
            if (there != fields.end()) {
                there->type = wider_type_of(there->type, column.type);
                continue;
            }
            const auto known = schema.find(column.field);
            if (!known && column.field < next_field) continue;  // dropped
            Field field;
            if (known) field = schema.fields[*known];
            field.id = column.field;
            field.type = known ? wider_type_of(field.type, column.type) : column.type;
            field.name = parquet_field_name(column.field);
            fields.push_back(std::move(field));
        }
    }
    std::sort(fields.begin(), fields.end(), [](const Field& a, const Field& b) { return a.id < b.id; });
    return fields;
}

Result<void> write_segment_file(FileSystem& files, const std::string& path, const TailSegment& segment,
                                const std::vector<Field>& fields) {
    auto columns = snapshot_file_columns(fields);
    const auto first_field = columns.size() - fields.size();
    std::vector<ColumnBatch> default_values;
    for (const auto& field : fields) {
        DL_TRY_ASSIGN(auto value, default_row(field));
        default_values.push_back(std::move(value));
    }
    DL_TRY_ASSIGN(const auto writer, ParquetWriter::create(files, path, std::move(columns)));
    DL_CHECK(default_values.size() == fields.size(), "every field has its default");
    RowGroups groups(segment);
    std::vector<ColumnBatch> widened;  // the writer needs their texts until the end of the row group
    const TailChunk* widened_of = nullptr;
    std::uint64_t rows = 0;
    for (auto slices = groups.next(); !slices.empty(); slices = groups.next()) {
        for (const auto& slice : slices) {
            if (widened_of != slice.chunk) {
                DL_TRY_ASSIGN(const auto batch, widened_batch(slice.chunk->batch, fields));
                widened_of = slice.chunk;
                widened.push_back(batch);
            }
            append_offsets(writer->column(0), slice);
            append_operations(writer->column(1), slice);
            append_times(writer->column(2), slice);
            for (std::size_t i = 0; i < fields.size(); ++i)
                DL_TRY(append_field(writer->column(first_field + i), widened.back(), slice, fields[i],
                                    default_values[i]));
            rows += slice.rows;
        }
        DL_TRY(writer->end_row_group());
        if (widened.size() > 1) widened.erase(widened.begin(), widened.end() - 1);
        if (rows >= segment.rows() / 2) DL_FAILPOINT("flush.mid");
    }
    DL_CHECK(rows == segment.rows(), "INV-5 a flush writes every row of its segment");
    DL_FAILPOINT("flush.before-footer");
    return writer->finish();
}

}  // namespace dl::slave
