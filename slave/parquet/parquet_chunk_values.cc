#include "slave/parquet/parquet_chunk_values.h"

#include <snappy.h>

#include <algorithm>

#include "common/base/byte_io.h"
#include "common/base/check.h"
#include "slave/parquet/chunk_guide.h"
#include "slave/parquet/delta_reader.h"
#include "slave/parquet/hybrid_reader.h"
#include "slave/parquet/parquet_page_header.h"

namespace dl::slave {
namespace {

// Numbers as in the Parquet format.
enum PageKind : std::uint8_t { kDataPage = 0, kDictionaryPage = 2 };
enum Encoding : std::uint8_t { kPlain = 0, kPlainDictionary = 2, kRle = 3, kDelta = 5, kRleDictionary = 8 };

// A tag of Snappy makes at most 64 bytes of three.
constexpr std::uint64_t kSnappyGrowthMax = 22;

Error damaged(const std::string& what) {
    return make_error(ErrorCode::corrupt_data, "Parquet page: " + what);
}
Error foreign(const std::string& what) {
    return make_error(ErrorCode::not_supported, "Parquet page: " + what);
}

// Appends PLAIN values [first, first + count) of `content`.
Result<void> append_plain(std::string_view content, const ParquetColumn& column, std::uint64_t first,
                          std::uint64_t count, std::vector<std::string_view>& out) {
    if (column.type == ParquetType::boolean) {
        static constexpr char kBits[2] = {0, 1};
        if (first + count > content.size() * 8) return damaged("a value is missing");
        for (auto i = first; i < first + count; ++i)
            out.emplace_back(&kBits[(static_cast<std::uint8_t>(content[i / 8]) >> (i % 8)) & 1], 1);
        return {};
    }
    if (const auto width = plain_value_bytes(column); width != 0) {
        if (first + count > content.size() / width) return damaged("a value is missing");
        for (auto i = first; i < first + count; ++i)
            out.push_back(content.substr(i * width, width));
        return {};
    }
    for (std::uint64_t i = 0; i < first + count; ++i) {
        if (content.size() < 4) return damaged("a value is missing");
        const auto length = load_le<std::uint32_t>(content.data());
        if (length > content.size() - 4) return damaged("a value is longer than its page");
        if (i >= first) out.push_back(content.substr(4, length));
        content.remove_prefix(4 + std::size_t{length});
    }
    return {};
}

}  // namespace

Result<std::string_view> ParquetChunkValues::unpack(const ParquetPageHeader& header, std::string_view stored,
                                                    ParquetCodec codec, std::uint64_t* bytes_left) {
    const auto plain_bytes = static_cast<std::uint64_t>(header.plain_bytes);
    if (plain_bytes > *bytes_left) return foreign("larger than is read at once");
    *bytes_left -= plain_bytes;
    if (codec == ParquetCodec::plain) {
        if (stored.size() != plain_bytes) return damaged("the length of the content does not match");
        return stored;
    }
    std::size_t found = 0;
    if (!snappy::GetUncompressedLength(stored.data(), stored.size(), &found) || found != plain_bytes ||
        plain_bytes / kSnappyGrowthMax > stored.size())
        return damaged("the length of the content does not match");
    memory_.emplace_back(new char[plain_bytes + 1]);
    if (!snappy::RawUncompress(stored.data(), stored.size(), memory_.back().get()))
        return damaged("the content cannot be unpacked");
    return std::string_view(memory_.back().get(), plain_bytes);
}

Result<void> ParquetChunkValues::take_dictionary(const ParquetPageHeader& header, std::string_view content,
                                                 const ParquetColumn& column) {
    if (!dictionary_.empty()) return damaged("has two dictionaries");
    if (header.encoding != kPlain && header.encoding != kPlainDictionary)
        return foreign("a dictionary in encoding " + std::to_string(header.encoding));
    return append_plain(content, column, 0, static_cast<std::uint64_t>(header.values), dictionary_);
}

// Values [first, first + count) of the page, to decoded_.
Result<void> ParquetChunkValues::decode(const ParquetPageHeader& header, std::string_view content,
                                        const ParquetColumn& column, std::uint64_t first,
                                        std::uint64_t count) {
    decoded_.clear();
    if (count == 0) return {};
    if (header.encoding == kPlain) return append_plain(content, column, first, count, decoded_);
    if (header.encoding == kDelta && column.type == ParquetType::int64) {
        auto numbers = std::make_unique<std::vector<std::int64_t>>();
        numbers->reserve(first + count);
        if (!read_delta_numbers(content, first + count, *numbers)) return damaged("a difference is missing");
        const std::string_view plain(reinterpret_cast<const char*>(numbers->data()),
                                     numbers->size() * sizeof(std::int64_t));
        numbers_.push_back(std::move(numbers));
        return append_plain(plain, column, first, count, decoded_);
    }
    if (header.encoding != kRleDictionary && header.encoding != kPlainDictionary)
        return foreign("encoding " + std::to_string(header.encoding));
    const unsigned width = content.empty() ? 0 : static_cast<std::uint8_t>(content.front());
    if (width > 32) return damaged("indexes of " + std::to_string(width) + " bits");
    if (!content.empty()) content.remove_prefix(1);
    HybridReader indexes(content, width);
    std::vector<std::uint32_t> entries(count);
    if (!indexes.skip(first, nullptr) || !indexes.read(count, entries.data()))
        return damaged("an index is missing");
    for (const auto entry : entries) {
        if (entry >= dictionary_.size()) return damaged("an index beyond the dictionary");
        decoded_.push_back(dictionary_[entry]);
    }
    return {};
}

// Rows [first, first + count) of the page.
Result<void> ParquetChunkValues::take_rows(const ParquetPageHeader& header, std::string_view content,
                                           const ParquetColumn& column, std::uint64_t first,
                                           std::uint32_t count) {
    if (!column.optional) {
        DL_TRY(decode(header, content, column, first, count));
        values_.insert(values_.end(), decoded_.begin(), decoded_.end());
        return {};
    }
    if (header.level_encoding != kRle) return foreign("levels are not in runs");
    if (content.size() < 4) return damaged("ends early");
    const auto length = load_le<std::uint32_t>(content.data());
    if (length > content.size() - 4) return damaged("ends early");
    HybridReader levels(content.substr(4, length), 1);
    std::uint64_t values_before = 0;
    std::vector<std::uint32_t> present(count);
    if (!levels.skip(first, &values_before) || !levels.read(count, present.data()))
        return damaged("a level is missing");
    const auto values = static_cast<std::uint64_t>(std::count(present.begin(), present.end(), 1u));
    DL_TRY(decode(header, content.substr(4 + std::size_t{length}), column, values_before, values));
    std::size_t next = 0;
    for (const auto level : present)
        values_.push_back(level != 0 ? decoded_[next++] : std::string_view());
    DL_CHECK(next == decoded_.size(), "every value that is not NULL is given");
    return {};
}

Result<ParquetChunkValues::Rows> ParquetChunkValues::page_with(std::string_view chunk,
                                                               const ParquetColumn& column,
                                                               ParquetCodec codec, std::int64_t at_most,
                                                               std::uint64_t* bytes_left) {
    if (column.type != ParquetType::int64 || column.optional) return foreign("of a column with NULLs");
    ParquetChunkValues read;
    std::uint64_t row = 0;
    Rows found;
    for (std::size_t at = 0; at < chunk.size();) {
        DL_TRY_ASSIGN(const auto header, read_page_header(chunk.substr(at), chunk.size() - at));
        const auto stored =
            chunk.substr(at + header.header_bytes, static_cast<std::size_t>(header.stored_bytes));
        at += header.header_bytes + stored.size();
        if (!page_is_whole(header, stored)) return damaged("the checksum of the content does not match");
        DL_TRY_ASSIGN(const auto content, read.unpack(header, stored, codec, bytes_left));
        if (header.is_dictionary()) {
            DL_TRY(read.take_dictionary(header, content, column));
            continue;
        }
        if (header.values == 0) continue;
        DL_TRY(read.decode(header, content, column, 0, 1));
        if (load_le<std::int64_t>(read.decoded_.front().data()) > at_most) break;
        found = {row, static_cast<std::uint64_t>(header.values)};
        row += found.count;
    }
    return found;
}

Result<ParquetChunkValues> ParquetChunkValues::read(std::string_view chunk, const ParquetColumn& column,
                                                    ParquetCodec codec, std::uint64_t first,
                                                    std::uint32_t count, std::uint64_t* bytes_left) {
    ParquetChunkValues read;
    read.values_.reserve(count);
    const auto end = first + count;
    std::uint64_t row = 0;
    for (std::size_t at = 0; at < chunk.size() && row < end;) {
        DL_TRY_ASSIGN(const auto header, read_page_header(chunk.substr(at), chunk.size() - at));
        const auto stored =
            chunk.substr(at + header.header_bytes, static_cast<std::size_t>(header.stored_bytes));
        at += header.header_bytes + stored.size();
        if (header.kind != kDataPage && header.kind != kDictionaryPage)
            return foreign("of kind " + std::to_string(header.kind));
        const auto rows = header.is_dictionary() ? 0 : static_cast<std::uint64_t>(header.values);
        const auto page_first = row;
        row += rows;
        if (!header.is_dictionary() && row <= first) continue;
        if (!page_is_whole(header, stored)) return damaged("the checksum of the content does not match");
        DL_TRY_ASSIGN(const auto content, read.unpack(header, stored, codec, bytes_left));
        if (header.is_dictionary()) {
            DL_TRY(read.take_dictionary(header, content, column));
            continue;
        }
        const auto from = std::max(first, page_first);
        DL_TRY(read.take_rows(header, content, column, from - page_first,
                              static_cast<std::uint32_t>(std::min(end, row) - from)));
    }
    if (read.values_.size() != count) return damaged("a row is in none");
    return read;
}

}  // namespace dl::slave
