#include "slave/parquet/parquet_writer.h"

#include "common/base/byte_io.h"
#include "common/base/check.h"
#include "common/duck/parquet_file.h"
#include "slave/parquet/thrift_writer.h"

namespace dl::slave {
namespace {

using Kind = ThriftWriter::Kind;

// Numbers as in the Parquet format.
enum Repetition : std::int32_t { kRequired = 0, kOptional = 1 };
enum ConvertedType : std::int32_t {
    kUtf8 = 0,
    kDecimal = 5,
    kDate = 6,
    kTimestampMicros = 10,
    kInt32 = 17,
    kInt64 = 18
};
constexpr std::string_view kMagic = "PAR1";

// Chunks are written once they are so many bytes; of a longer one the memory is given back.
constexpr std::size_t kWriteBytes = 1u << 20;
constexpr std::size_t kKeptBytesMax = 4u << 20;

void write_logical_type(ThriftWriter& out, const ParquetWriter::Column& column) {
    const auto converted = [&](std::int32_t type) { out.i32(6, type); };
    switch (column.type.kind) {
        case TypeKind::int32:
            return converted(kInt32);
        case TypeKind::int64:
            return converted(kInt64);
        case TypeKind::string:
            return converted(kUtf8);
        case TypeKind::date:
            return converted(kDate);
        case TypeKind::decimal:
            converted(kDecimal);
            out.i32(7, column.type.scale);
            return out.i32(8, column.type.precision);
        case TypeKind::timestamp:
            converted(kTimestampMicros);
            out.begin_structure(10);
            out.begin_structure(8);
            out.boolean(1, false);  // not adjusted to UTC: a plain TIMESTAMP
            out.begin_structure(2);
            out.begin_structure(2);  // microseconds
            out.end_structure();
            out.end_structure();
            out.end_structure();
            return out.end_structure();
        case TypeKind::float32:
        case TypeKind::float64:
        case TypeKind::boolean:
        case TypeKind::binary:
        case TypeKind::json:
            return;
    }
}

void write_schema(ThriftWriter& out, const std::vector<ParquetWriter::Column>& columns) {
    out.begin_list(2, Kind::structure, columns.size() + 1);
    out.begin_element_structure();
    out.i32(3, kRequired);
    out.text(4, "schema");
    out.i32(5, static_cast<std::int32_t>(columns.size()));
    out.end_structure();
    for (const auto& column : columns) {
        const auto storage = parquet_storage(column.type);
        out.begin_element_structure();
        out.i32(1, static_cast<std::int32_t>(storage.type));
        if (storage.fixed_length != 0) out.i32(2, static_cast<std::int32_t>(storage.fixed_length));
        out.i32(3, column.optional ? kOptional : kRequired);
        out.text(4, column.name);
        write_logical_type(out, column);
        out.end_structure();
    }
}

// Every encoding in the chunk: of levels RLE, of a dictionary PLAIN.
void write_encodings(ThriftWriter& out, const ParquetWriter::Column& column, const ParquetChunkInfo& info) {
    std::vector<std::int32_t> encodings{info.encoding};
    if (info.has_dictionary()) encodings.push_back(kPlainEncoding);
    if (column.optional) encodings.push_back(kRleEncoding);
    out.begin_list(2, Kind::i32, encodings.size());
    for (const auto encoding : encodings)
        out.element_i32(encoding);
}

void write_chunk(ThriftWriter& out, const ParquetWriter::Column& column, std::uint64_t begin,
                 const ParquetChunkInfo& info, std::uint64_t index_begin, std::uint64_t index_bytes) {
    out.begin_element_structure();
    out.i64(2, static_cast<std::int64_t>(begin));
    out.begin_structure(3);
    out.i32(1, static_cast<std::int32_t>(parquet_storage(column.type).type));
    write_encodings(out, column, info);
    out.begin_list(3, Kind::binary, 1);
    out.element_text(column.name);
    out.i32(4, static_cast<std::int32_t>(info.codec));
    out.i64(5, static_cast<std::int64_t>(info.values));
    out.i64(6, static_cast<std::int64_t>(info.plain_bytes));
    out.i64(7, static_cast<std::int64_t>(info.stored_bytes));
    out.i64(9, static_cast<std::int64_t>(begin + info.pages.front().begin));
    if (info.has_dictionary()) out.i64(11, static_cast<std::int64_t>(begin));
    out.begin_structure(12);
    out.i64(3, static_cast<std::int64_t>(info.nulls));
    if (info.range) {
        out.text(5, info.range->max);
        out.text(6, info.range->min);
    }
    out.end_structure();
    out.end_structure();
    out.i64(4, static_cast<std::int64_t>(index_begin));
    out.i32(5, static_cast<std::int32_t>(index_bytes));
    out.end_structure();
}

// Where the pages of a chunk lie.
std::string offset_index(std::uint64_t chunk_begin, const ParquetChunkInfo& info) {
    std::string bytes;
    ThriftWriter out(bytes);
    out.begin_list(1, Kind::structure, info.pages.size());
    for (const auto& page : info.pages) {
        out.begin_element_structure();
        out.i64(1, static_cast<std::int64_t>(chunk_begin + page.begin));
        out.i32(2, static_cast<std::int32_t>(page.bytes));
        out.i64(3, static_cast<std::int64_t>(page.first_row));
        out.end_structure();
    }
    out.end_structure();
    return bytes;
}

}  // namespace

ParquetWriter::ParquetWriter(FileSystem& files, const std::string& path, std::vector<Column> columns,
                             std::unique_ptr<WritableFile> file)
    : columns_(std::move(columns)), file_(std::move(file)), write_back_(files, path), buffer_(kMagic) {
    for (const auto& column : columns_)
        encoders_.push_back(column.ascending ? ParquetColumnEncoder::create_delta()
                                             : ParquetColumnEncoder::create(column.type, column.optional));
}

Result<std::unique_ptr<ParquetWriter>> ParquetWriter::create(FileSystem& files, const std::string& path,
                                                             std::vector<Column> columns) {
    DL_TRY_ASSIGN(auto file, files.open_append(path, true));
    return std::unique_ptr<ParquetWriter>(
        new ParquetWriter(files, path, std::move(columns), std::move(file)));
}

Result<void> ParquetWriter::end_row_group() {
    RowGroup group;
    group.rows = encoders_.empty() ? 0 : encoders_.front()->rows();
    if (group.rows == 0) return {};
    const auto written = [this] { return file_->size() + buffer_.size(); };
    group.begin = written();
    for (std::size_t i = 0; i < encoders_.size(); ++i) {
        DL_CHECK(encoders_[i]->rows() == group.rows, "every column has every row");
        group.chunk_begins.push_back(written());
        const auto& info = group.chunks.emplace_back(encoders_[i]->encode(buffer_, pages_));
        DL_CHECK(info.values == group.rows && encoders_[i]->rows() == 0, "a chunk has every row, once");
        DL_CHECK(group.chunk_begins.back() + info.stored_bytes == written(),
                 "a chunk is as long as the footer will say");
        if (info.nulls != 0 && !columns_[i].optional)
            return make_error(ErrorCode::corrupt_data, "column " + columns_[i].name + " has " +
                                                           std::to_string(info.nulls) +
                                                           " NULLs and must not have any");
        if (buffer_.size() >= kWriteBytes) DL_TRY(write_buffer());
    }
    DL_CHECK(group.chunks.size() == columns_.size() && group.chunk_begins.size() == columns_.size(),
             "a row group has a chunk of every column");
    groups_.push_back(std::move(group));
    return write_buffer();
}

Result<void> ParquetWriter::write_buffer() {
    const std::string_view bytes = buffer_;
    DL_TRY(file_->append({&bytes, 1}));
    write_back_.wrote(bytes.size());
    buffer_.clear();
    if (buffer_.capacity() > kKeptBytesMax) buffer_ = {};
    return {};
}

void ParquetWriter::append_offset_indexes() {
    for (auto& group : groups_)
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const auto bytes = offset_index(group.chunk_begins[i], group.chunks[i]);
            group.offset_indexes.push_back({file_->size() + buffer_.size(), bytes.size()});
            buffer_ += bytes;
        }
}

std::string ParquetWriter::footer() const {
    std::string bytes;
    ThriftWriter out(bytes);
    std::uint64_t rows = 0;
    for (const auto& group : groups_)
        rows += group.rows;
    out.i32(1, 1);  // version
    write_schema(out, columns_);
    out.i64(3, static_cast<std::int64_t>(rows));
    out.begin_list(4, Kind::structure, groups_.size());
    for (const auto& group : groups_) {
        std::uint64_t plain_bytes = 0, stored_bytes = 0;
        out.begin_element_structure();
        out.begin_list(1, Kind::structure, columns_.size());
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            write_chunk(out, columns_[i], group.chunk_begins[i], group.chunks[i],
                        group.offset_indexes[i].begin, group.offset_indexes[i].bytes);
            plain_bytes += group.chunks[i].plain_bytes;
            stored_bytes += group.chunks[i].stored_bytes;
        }
        out.i64(2, static_cast<std::int64_t>(plain_bytes));
        out.i64(3, static_cast<std::int64_t>(group.rows));
        out.i64(5, static_cast<std::int64_t>(group.begin));
        out.i64(6, static_cast<std::int64_t>(stored_bytes));
        out.end_structure();
    }
    out.text(6, kParquetCreatedBy);
    // Minima and maxima are in the order of the column's type.
    out.begin_list(7, Kind::structure, columns_.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        out.begin_element_structure();
        out.begin_structure(1);
        out.end_structure();
        out.end_structure();
    }
    out.end_structure();
    return bytes;
}

Result<void> ParquetWriter::finish() {
    DL_TRY(end_row_group());
    DL_CHECK(groups_.empty() ? buffer_.size() == kMagic.size() : buffer_.empty(),
             "the footer comes behind the row groups");
    append_offset_indexes();
    const auto metadata = footer();
    buffer_ += metadata;
    append_le(buffer_, static_cast<std::uint32_t>(metadata.size()));
    buffer_ += kMagic;
    const std::string_view bytes = buffer_;
    DL_TRY(file_->append({&bytes, 1}));
    return file_->sync();
}

std::vector<ParquetWriter::Column> snapshot_file_columns(const std::vector<Field>& fields) {
    std::vector<ParquetWriter::Column> columns{{"_offset", {TypeKind::int64}, false, true},
                                               {"_delete", {TypeKind::boolean}, false},
                                               {"_time", {TypeKind::timestamp}, false}};
    for (const auto& field : fields)
        columns.push_back({parquet_field_name(field.id), field.type});
    return columns;
}

}  // namespace dl::slave
