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

namespace {

constexpr std::uint64_t kWholeChunk = 0xffffff;  // instead of a page; 0xfffffe: its dictionary
constexpr std::uint64_t kDictionary = kWholeChunk - 1;

// Of chunk and page; guides of before a page was lost are found no more.
ChunkGuideCache::Key guide_key(std::uint64_t reader, std::size_t chunk, std::uint64_t page,
                               std::uint64_t pages_lost) {
    return {reader, (page & kWholeChunk) | static_cast<std::uint64_t>(chunk) << 24 | pages_lost << 52};
}

template <class Make>
Result<std::shared_ptr<const ChunkGuide>> kept_or_made(ChunkGuideCache* guides,
                                                       const ChunkGuideCache::Key& key, Make make) {
    if (guides != nullptr)
        if (auto kept = guides->find(key)) return kept;
    DL_TRY_ASSIGN(auto made, make());
    auto guide = std::make_shared<const ChunkGuide>(std::move(made));
    if (guides != nullptr) guides->keep(key, guide);
    return guide;
}

}  // namespace

Result<std::shared_ptr<const PageGuide>> ParquetRowReader::dictionary_of(std::size_t group,
                                                                         std::size_t column,
                                                                         ChunkGuideCache* guides,
                                                                         std::uint64_t pages_lost) const {
    const auto& chunk = footer_.chunk(group, column);
    DL_TRY_ASSIGN(
        const auto guide,
        kept_or_made(guides, guide_key(id_, group * footer_.columns.size() + column, kDictionary, pages_lost),
                     [&]() -> Result<ChunkGuide> {
                         ChunkGuide made;
                         DL_TRY_ASSIGN(auto page, survey_page(chunk_bytes(chunk), 0, 0, nullptr,
                                                              footer_.columns[column], chunk.codec));
                         if (!page.is_dictionary)
                             return make_error(ErrorCode::corrupt_data,
                                               "Parquet page: a dictionary is missing");
                         made.dictionary = std::make_shared<const PageGuide>(std::move(page));
                         return made;
                     }));
    return guide->dictionary;
}

Result<std::shared_ptr<const ChunkGuide>> ParquetRowReader::guide_to(std::size_t group, std::size_t column,
                                                                     std::uint64_t row,
                                                                     ChunkGuideCache* guides,
                                                                     std::uint64_t pages_lost) const {
    const auto number = group * footer_.columns.size() + column;
    const auto& chunk = footer_.chunk(group, column);
    const auto& type = footer_.columns[column];
    if (chunk.index_bytes == 0)
        return kept_or_made(guides, guide_key(id_, number, kWholeChunk, pages_lost),
                            [&] { return survey_chunk(chunk_bytes(chunk), type, chunk.codec); });
    DL_TRY_ASSIGN(const auto pages,
                  read_offset_index(bytes_.view().substr(chunk.index_begin, chunk.index_bytes), chunk));
    const auto after = std::upper_bound(
        pages.begin(), pages.end(), row,
        [](std::uint64_t wanted, const ParquetPagePlace& place) { return wanted < place.first_row; });
    const auto& place = *(after - 1);  // the first begins with row 0
    const auto end =
        after == pages.end() ? footer_.first_rows[group + 1] - footer_.first_rows[group] : after->first_row;
    const bool has_dictionary = pages.front().begin != chunk.begin;
    return kept_or_made(
        guides, guide_key(id_, number, static_cast<std::uint64_t>(after - pages.begin()) - 1, pages_lost),
        [&]() -> Result<ChunkGuide> {
            ChunkGuide made;
            if (has_dictionary) {
                DL_TRY_ASSIGN(made.dictionary, dictionary_of(group, column, guides, pages_lost));
            }
            DL_TRY_ASSIGN(auto page, survey_page(chunk_bytes(chunk), place.begin - chunk.begin,
                                                 place.first_row, made.dictionary.get(), type, chunk.codec));
            if (page.is_dictionary || page.rows != end - place.first_row)
                return make_error(ErrorCode::corrupt_data,
                                  "Parquet page: its rows are not those of the offset index");
            made.pages.push_back(std::move(page));
            return made;
        });
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
            const auto first_row = footer_.first_rows[group];
            auto guide = guide_to(group, column, rows[begin] - first_row, guides, pages_lost);
            if (guide.has_error()) return guide.error().in(path_ + ", column " + name);
            const auto end = std::min(*after, first_row + (*guide)->end_row());
            std::vector<std::uint32_t> within;
            for (auto i = begin; i < rows.size() && rows[i] < end; ++i)
                within.push_back(rows[i] - static_cast<std::uint32_t>(first_row));
            if (within.empty())
                return make_error(
                    ErrorCode::corrupt_data,
                    path_ + ", column " + name + ": row " + std::to_string(rows[begin]) + " is in no page");
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
