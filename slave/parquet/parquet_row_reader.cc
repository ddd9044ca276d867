#include "slave/parquet/parquet_row_reader.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <vector>

#include "common/duck/parquet_file.h"
#include "slave/parquet/parquet_cell.h"
#include "slave/parquet/parquet_page.h"

namespace dl::slave {
namespace {

using Cells = std::vector<std::optional<std::string>>;

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
    return with_whole_bytes([&](std::uint64_t lost) { return read_once(rows, fields, guides, lost); });
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
        if (found == footer_.columns.end() || !parquet_cell_fits(field.type, *found))
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
                append_parquet_cell(builder, column, specs[column].type, *cells[column][row]);
            else
                builder.append_null(column);
        }
        builder.finish_row(false);
    }
    return ColumnBatch::decode(SharedBytes::from_string(builder.encode()),
                               static_cast<std::uint32_t>(rows.size()));
}

}  // namespace dl::slave
