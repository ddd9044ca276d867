#include "slave/parquet/chunk_guide.h"

#include <memory>

#include "common/base/byte_io.h"
#include "slave/parquet/hybrid_reader.h"
#include "slave/parquet/parquet_page_header.h"

namespace dl::slave {
namespace {

// Numbers as in the Parquet format.
enum PageKind : std::uint8_t { kDataPage = 0, kDictionaryPage = 2 };
enum Encoding : std::uint8_t { kPlain = 0, kPlainDictionary = 2, kRle = 3, kRleDictionary = 8 };

// A chunk of a file we wrote never has so many: a guide would be larger than what it guides through.
constexpr std::size_t kPagesMax = 4096;

Error damaged(const std::string& what) {
    return make_error(ErrorCode::corrupt_data, "Parquet page: " + what);
}
Error foreign(const std::string& what) {
    return make_error(ErrorCode::not_supported, "Parquet page: " + what);
}

// The content of a whole page; points into `stored` or into memory that `keep` holds.
Result<std::string_view> unpack_whole(const PageGuide& page, std::string_view stored,
                                      std::unique_ptr<char[]>& keep) {
    if (page.codec == ParquetCodec::plain) return stored;
    keep.reset(new char[page.plain_bytes + std::size_t{1}]);
    if (!SnappyMarks::unpack(stored, page.snappy.part_around(0, page.plain_bytes), keep.get()))
        return damaged("the content cannot be unpacked");
    return std::string_view(keep.get(), page.plain_bytes);
}

Result<void> survey_levels(PageGuide& page, std::string_view content) {
    if (content.size() < 4) return damaged("ends early");
    const auto length = load_le<std::uint32_t>(content.data());
    if (length > content.size() - 4) return damaged("ends early");
    const auto levels = content.substr(4, length);
    page.values_begin = 4 + length;
    page.values = 0;
    if (!HybridReader(levels, 1).skip(page.rows, &page.values)) return damaged("a level is missing");
    page.has_nulls = page.values != page.rows;
    if (page.has_nulls) page.levels = levels;
    return {};
}

// Where the values of PLAIN byte arrays lie.
Result<void> survey_byte_arrays(PageGuide& page, std::string_view content) {
    std::size_t at = page.values_begin;
    for (std::uint64_t number = 0; number < page.values; ++number) {
        if (page.marks.empty() || number - page.marks.back().number >= PageGuide::kMarkValues ||
            at - page.marks.back().at >= PageGuide::kMarkBytes)
            page.marks.push_back({static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(at)});
        if (content.size() - at < 4) return damaged("a value is missing");
        const auto length = load_le<std::uint32_t>(content.data() + at);
        if (length > content.size() - at - 4) return damaged("a value is longer than its page");
        at += 4 + std::size_t{length};
    }
    page.marks.shrink_to_fit();
    return {};
}

Result<void> survey_content(PageGuide& page, const ParquetPageHeader& header, std::string_view stored,
                            const ParquetColumn& column) {
    const bool is_dictionary = header.kind == kDictionaryPage;
    const bool has_levels = column.optional && !is_dictionary;
    page.values = page.rows;
    if (page.codec == ParquetCodec::snappy) {
        auto marks = SnappyMarks::survey(stored, page.plain_bytes);
        if (marks.has_error()) return marks.error().in("Parquet page");
        page.snappy = std::move(*marks);
    } else if (stored.size() != page.plain_bytes) {
        return damaged("the length of the content does not match");
    }
    const bool byte_arrays = column.type == ParquetType::byte_array && !page.indexed;
    if (!has_levels && !byte_arrays) return {};
    if (has_levels && header.level_encoding != kRle) return foreign("levels are not in runs");
    std::unique_ptr<char[]> keep;
    DL_TRY_ASSIGN(const auto content, unpack_whole(page, stored, keep));
    if (has_levels) DL_TRY(survey_levels(page, content));
    if (byte_arrays) DL_TRY(survey_byte_arrays(page, content));
    return {};
}

std::size_t memory_of(const PageGuide& page) {
    return sizeof page + page.snappy.memory_bytes() + page.levels.capacity() +
           page.marks.capacity() * sizeof(PageGuide::ValueMark);
}

}  // namespace

std::size_t plain_value_bytes(const ParquetColumn& column) {
    switch (column.type) {
        case ParquetType::int32:
        case ParquetType::real32:
            return 4;
        case ParquetType::int64:
        case ParquetType::real64:
            return 8;
        case ParquetType::int96:
            return 12;
        case ParquetType::fixed_bytes:
            return column.fixed_length;
        case ParquetType::boolean:
        case ParquetType::byte_array:
            break;
    }
    return 0;
}

std::size_t ChunkGuide::memory_bytes() const {
    std::size_t bytes = sizeof *this + (dictionary ? memory_of(*dictionary) : 0);
    for (const auto& page : pages)
        bytes += memory_of(page);
    return bytes;
}

Result<PageGuide> survey_page(std::string_view chunk, std::size_t at, std::uint64_t first_row,
                              const PageGuide* dictionary, const ParquetColumn& column, ParquetCodec codec) {
    DL_TRY_ASSIGN(const auto header, read_page_header(chunk.substr(at), chunk.size() - at));
    const bool is_dictionary = header.kind == kDictionaryPage;
    if (!is_dictionary && header.kind != kDataPage) return foreign("of kind " + std::to_string(header.kind));
    PageGuide page;
    page.is_dictionary = is_dictionary;
    page.stored_begin = at + header.header_bytes;
    page.stored_bytes = static_cast<std::size_t>(header.stored_bytes);
    page.plain_bytes = static_cast<std::uint32_t>(header.plain_bytes);
    page.codec = codec;
    page.rows = static_cast<std::uint64_t>(header.values);
    page.first_row = is_dictionary ? 0 : first_row;
    page.indexed =
        !is_dictionary && (header.encoding == kRleDictionary || header.encoding == kPlainDictionary);
    if (!page.indexed && header.encoding != kPlain && !(is_dictionary && header.encoding == kPlainDictionary))
        return foreign("encoding " + std::to_string(header.encoding));
    if (page.indexed && dictionary == nullptr) return damaged("has no dictionary");
    const auto stored = chunk.substr(page.stored_begin, page.stored_bytes);
    if (!page_is_whole(header, stored)) return damaged("the checksum of the content does not match");
    DL_TRY(survey_content(page, header, stored, column));
    return page;
}

Result<ChunkGuide> survey_chunk(std::string_view chunk, const ParquetColumn& column, ParquetCodec codec) {
    ChunkGuide guide;
    std::uint64_t first_row = 0;
    for (std::size_t at = 0; at < chunk.size();) {
        if (guide.pages.size() == kPagesMax) return foreign("one of too many");
        DL_TRY_ASSIGN(auto page, survey_page(chunk, at, first_row, guide.dictionary.get(), column, codec));
        at = page.stored_begin + page.stored_bytes;
        if (page.is_dictionary) {
            if (guide.dictionary) return damaged("has two dictionaries");
            guide.dictionary = std::make_shared<const PageGuide>(std::move(page));
        } else {
            first_row += page.rows;
            guide.pages.push_back(std::move(page));
        }
    }
    guide.pages.shrink_to_fit();
    return guide;
}

}  // namespace dl::slave
