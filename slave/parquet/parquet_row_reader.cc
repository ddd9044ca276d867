#include "slave/parquet/parquet_row_reader.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <vector>

#include "common/duck/parquet_file.h"
#include "common/io/mapped_guard.h"
#include "slave/parquet/parquet_page.h"

namespace dl::slave {
namespace {

using Cells = std::vector<std::optional<std::string>>;

// Does our reader know how a value of `type` lies in a column like this?
bool fits(DataType type, const ParquetColumn& column) {
    switch (type.kind) {
        case TypeKind::int32:
        case TypeKind::date:
            return column.type == ParquetType::int32;
        case TypeKind::int64:
        case TypeKind::timestamp:
            return column.type == ParquetType::int64;
        case TypeKind::float32:
            return column.type == ParquetType::real32;
        case TypeKind::float64:
            return column.type == ParquetType::real64;
        case TypeKind::boolean:
            return column.type == ParquetType::boolean;
        case TypeKind::string:
        case TypeKind::binary:
            return column.type == ParquetType::byte_array;
        case TypeKind::decimal:
            if (physical_type(type) == PhysicalType::int64)
                return column.type == ParquetType::int32 || column.type == ParquetType::int64;
            return column.type == ParquetType::fixed_bytes && column.fixed_length <= 16 &&
                   column.fixed_length > 0;
        case TypeKind::json:
            break;
    }
    return false;
}

Int128 big_endian(const std::string& bytes) {
    __extension__ using Bits = unsigned __int128;
    Bits value = (static_cast<unsigned char>(bytes.front()) & 0x80) != 0 ? ~Bits{0} : Bits{0};
    for (const char c : bytes)
        value = value << 8 | static_cast<unsigned char>(c);
    return static_cast<Int128>(value);
}

void append_cell(ColumnBatchBuilder& builder, std::size_t column, DataType type, const std::string& bytes) {
    switch (physical_type(type)) {
        case PhysicalType::bool8:
            return builder.append_fixed<std::uint8_t>(column, bytes.front() != 0 ? 1 : 0);
        case PhysicalType::int32:
        case PhysicalType::float32:
            return builder.append_fixed(column, load_le<std::uint32_t>(bytes.data()));
        case PhysicalType::float64:
            return builder.append_fixed(column, load_le<std::uint64_t>(bytes.data()));
        case PhysicalType::int64:
            if (bytes.size() == 4)
                return builder.append_fixed(column, std::int64_t{load_le<std::int32_t>(bytes.data())});
            return builder.append_fixed(column, load_le<std::int64_t>(bytes.data()));
        case PhysicalType::int128:
            return builder.append_fixed(column, big_endian(bytes));
        case PhysicalType::bytes:
            return builder.append_bytes(column, bytes);
    }
}

}  // namespace

Result<std::shared_ptr<const ParquetRowReader>> ParquetRowReader::open(FileSystem& files,
                                                                       const std::string& path) {
    DL_TRY_ASSIGN(const auto file, files.open_read(path));
    static std::atomic<std::uint64_t> readers{0};
    auto reader = std::make_shared<ParquetRowReader>();
    reader->id_ = readers.fetch_add(1);
    DL_TRY_ASSIGN(reader->bytes_, file->map());
    auto footer = read_parquet_footer(reader->bytes_.view());
    if (footer.has_error()) return footer.error().in(path);
    reader->footer_ = std::move(*footer);
    reader->path_ = path;
    return std::shared_ptr<const ParquetRowReader>(std::move(reader));
}

Result<std::shared_ptr<const ChunkGuide>> ParquetRowReader::guide_of(std::size_t group, std::size_t column,
                                                                     ChunkGuideCache* guides,
                                                                     std::uint64_t pages_lost) const {
    constexpr unsigned kChunkBits = 40;  // guides of before a page was lost are found no more
    const ChunkGuideCache::Key key{id_, group * footer_.columns.size() + column + (pages_lost << kChunkBits)};
    if (guides != nullptr)
        if (auto kept = guides->find(key)) return kept;
    const auto& chunk = footer_.chunk(group, column);
    DL_TRY_ASSIGN(auto made, survey_chunk(chunk_bytes(chunk), footer_.columns[column], chunk.codec));
    auto guide = std::make_shared<const ChunkGuide>(std::move(made));
    if (guides != nullptr) guides->keep(key, guide);
    return guide;
}

Result<ColumnBatch> ParquetRowReader::read(std::span<const std::uint32_t> rows, std::span<const Field> fields,
                                           ChunkGuideCache* guides) const {
    constexpr int kTriesMax = 10;
    for (int tries = 1;; ++tries) {
        const auto lost = mapped_pages_lost();
        auto batch = read_once(rows, fields, guides, lost);
        if (mapped_pages_lost() == lost) return batch;
        // Somewhere zeros took the place of bytes, and maybe in what was just read.
        if (tries == kTriesMax)
            return make_error(ErrorCode::io_error, path_ + ": the disk cannot be read; see its errors");
    }
}

Result<ColumnBatch> ParquetRowReader::read_once(std::span<const std::uint32_t> rows,
                                                std::span<const Field> fields, ChunkGuideCache* guides,
                                                std::uint64_t pages_lost) const {
    std::vector<ColumnBatchBuilder::ColumnSpec> specs;
    std::vector<Cells> cells;
    for (const auto& field : fields) {
        const auto name = parquet_field_name(field.id);
        const auto found = std::find_if(footer_.columns.begin(), footer_.columns.end(),
                                        [&](const ParquetColumn& column) { return column.name == name; });
        if (found == footer_.columns.end() || !fits(field.type, *found))
            return make_error(ErrorCode::not_supported, path_ + ": column " + name);
        specs.push_back({field.id, field.type});
        cells.emplace_back(rows.size());
        const auto column = static_cast<std::size_t>(found - footer_.columns.begin());
        for (std::size_t begin = 0; begin < rows.size();) {
            const auto after = std::upper_bound(footer_.first_rows.begin(), footer_.first_rows.end(),
                                                std::uint64_t{rows[begin]});
            if (after == footer_.first_rows.begin() || after == footer_.first_rows.end())
                return make_error(ErrorCode::corrupt_data,
                                  path_ + ": has no row " + std::to_string(rows[begin]));
            const auto group = static_cast<std::size_t>(after - footer_.first_rows.begin()) - 1;
            std::vector<std::uint32_t> within;
            for (auto i = begin; i < rows.size() && rows[i] < *after; ++i)
                within.push_back(rows[i] - static_cast<std::uint32_t>(footer_.first_rows[group]));
            auto guide = guide_of(group, column, guides, pages_lost);
            if (guide.has_error()) return guide.error().in(path_ + ", column " + name);
            const auto done =
                read_parquet_values(chunk_bytes(footer_.chunk(group, column)), **guide, *found, within,
                                    [&](std::size_t index, std::optional<std::string_view> value) {
                                        if (value) cells.back()[begin + index] = std::string(*value);
                                    });
            if (done.has_error()) return done.error().in(path_ + ", column " + name);
            begin += within.size();
        }
    }
    ColumnBatchBuilder builder(specs);
    for (std::size_t row = 0; row < rows.size(); ++row) {
        for (std::size_t column = 0; column < specs.size(); ++column) {
            if (cells[column][row])
                append_cell(builder, column, specs[column].type, *cells[column][row]);
            else
                builder.append_null(column);
        }
        builder.finish_row(false);
    }
    return ColumnBatch::decode(SharedBytes::from_string(builder.encode()),
                               static_cast<std::uint32_t>(rows.size()));
}

}  // namespace dl::slave
