#include "slave/parquet/parquet_page.h"

#include <algorithm>
#include <memory>

#include "common/base/byte_io.h"
#include "slave/parquet/hybrid_reader.h"

namespace dl::slave {
namespace {

// Of a page with more rows asked for, everything is unpacked at once.
constexpr std::size_t kRowsInPartsMax = 4;

Error damaged(const std::string& what) {
    return make_error(ErrorCode::corrupt_data, "Parquet page: " + what);
}

// The plain bytes of a page, unpacked as far as they are asked for.
class PageContent {
  public:
    PageContent(std::string_view chunk, const PageGuide& page, std::size_t asked)
        : page_(page),
          stored_(chunk.substr(page.stored_begin, page.stored_bytes)),
          whole_(asked > kRowsInPartsMax) {}

    // Valid until the next call.
    Result<std::string_view> range(std::uint64_t begin, std::uint64_t end) {
        if (begin > end || end > page_.plain_bytes) return damaged("a value is missing");
        if (page_.codec == ParquetCodec::plain) return stored_.substr(begin, end - begin);
        if (begin < part_.begin || end > part_.end) DL_TRY(unpack(begin, end));
        return std::string_view(bytes_.get() + (begin - part_.begin), end - begin);
    }

  private:
    Result<void> unpack(std::uint64_t begin, std::uint64_t end) {
        const auto part =
            page_.snappy.part_around(whole_ ? 0 : static_cast<std::uint32_t>(begin),
                                     whole_ ? page_.plain_bytes : static_cast<std::uint32_t>(end));
        part_ = {};
        bytes_.reset(new char[part.end - part.begin + std::size_t{1}]);
        if (!SnappyMarks::unpack(stored_, part, bytes_.get()))
            return damaged("the content cannot be unpacked");
        part_ = part;
        return {};
    }

    const PageGuide& page_;
    std::string_view stored_;
    bool whole_;
    SnappyMarks::Part part_;
    std::unique_ptr<char[]> bytes_;
};

// PLAIN values by number.
class PlainReader {
  public:
    PlainReader(std::string_view chunk, const PageGuide& page, const ParquetColumn& column, std::size_t asked)
        : page_(page), content_(chunk, page, asked), type_(column.type), width_(plain_value_bytes(column)) {}

    // Valid until the next call.
    Result<std::string_view> value(std::uint64_t number) {
        if (number >= page_.values) return damaged("a value is missing");
        if (type_ == ParquetType::boolean) {
            const auto at = page_.values_begin + number / 8;
            DL_TRY_ASSIGN(const auto bits, content_.range(at, at + 1));
            boolean_ = static_cast<char>((static_cast<std::uint8_t>(bits.front()) >> (number % 8)) & 1);
            return std::string_view(&boolean_, 1);
        }
        if (type_ != ParquetType::byte_array) {
            const auto at = page_.values_begin + number * width_;
            return content_.range(at, at + width_);
        }
        return byte_array(number);
    }

  private:
    Result<std::string_view> byte_array(std::uint64_t number) {
        const auto after = std::upper_bound(
            page_.marks.begin(), page_.marks.end(), number,
            [](std::uint64_t wanted, const PageGuide::ValueMark& mark) { return wanted < mark.number; });
        if (after == page_.marks.begin()) return damaged("a value is missing");
        const auto& mark = *(after - 1);
        const auto end = after == page_.marks.end() ? page_.plain_bytes : after->at;
        DL_TRY_ASSIGN(auto bytes, content_.range(mark.at, end));
        for (std::uint64_t at = mark.number;; ++at) {
            if (bytes.size() < 4) return damaged("a value is missing");
            const auto length = load_le<std::uint32_t>(bytes.data());
            if (length > bytes.size() - 4) return damaged("a value is longer than its page");
            if (at == number) return bytes.substr(4, length);
            bytes.remove_prefix(4 + std::size_t{length});
        }
    }

    const PageGuide& page_;
    PageContent content_;
    ParquetType type_;
    std::size_t width_;
    char boolean_ = 0;
};

// Which value of a page belongs to a row; rows are asked for in ascending order.
class RowNumbers {
  public:
    explicit RowNumbers(const PageGuide& page) : page_(page), levels_(page.levels, 1) {}

    // nullopt: the row is NULL.
    Result<std::optional<std::uint64_t>> number_of(std::uint64_t row) {
        if (!page_.has_nulls) return std::optional<std::uint64_t>(row);
        std::uint32_t level = 0;
        if (!levels_.skip(row - row_, &before_) || !levels_.peek(&level))
            return damaged("a level is missing");
        row_ = row;
        return level == 0 ? std::nullopt : std::optional<std::uint64_t>(before_);
    }

  private:
    const PageGuide& page_;
    HybridReader levels_;
    std::uint64_t row_ = 0;
    std::uint64_t before_ = 0;  // values before row_
};

// Indexes into the dictionary, in ascending order of their numbers.
class IndexReader {
  public:
    static Result<IndexReader> open(std::string_view content) {
        const unsigned width = content.empty() ? 0 : static_cast<std::uint8_t>(content.front());
        if (width > 32) return damaged("indexes of " + std::to_string(width) + " bits");
        if (!content.empty()) content.remove_prefix(1);
        return IndexReader(HybridReader(content, width));
    }
    Result<std::uint32_t> index(std::uint64_t number) {
        std::uint32_t entry = 0;
        if (!values_.skip(number - at_, nullptr) || !values_.peek(&entry))
            return damaged("an index is missing");
        at_ = number;
        return entry;
    }

  private:
    explicit IndexReader(HybridReader values) : values_(values) {}
    HybridReader values_;
    std::uint64_t at_ = 0;
};

Result<void> read_page(std::string_view chunk, const ChunkGuide& guide, const PageGuide& page,
                       const ParquetColumn& column, std::span<const std::uint32_t> rows,
                       std::size_t first_index, const ParquetValueSink& sink) {
    RowNumbers numbers(page);
    PlainReader values(chunk, page.indexed ? *guide.dictionary : page, column, rows.size());
    PageContent packed(chunk, page, rows.size());
    std::optional<IndexReader> indexes;
    if (page.indexed) {
        DL_TRY_ASSIGN(const auto bytes, packed.range(page.values_begin, page.plain_bytes));
        DL_TRY_ASSIGN(indexes, IndexReader::open(bytes));
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
        DL_TRY_ASSIGN(auto number, numbers.number_of(rows[i] - page.first_row));
        if (!number) {
            sink(first_index + i, std::nullopt);
            continue;
        }
        if (indexes) {
            DL_TRY_ASSIGN(number, indexes->index(*number));
        }
        DL_TRY_ASSIGN(const auto value, values.value(*number));
        sink(first_index + i, value);
    }
    return {};
}

}  // namespace

Result<void> read_parquet_values(std::string_view chunk, const ChunkGuide& guide, const ParquetColumn& column,
                                 std::span<const std::uint32_t> rows, const ParquetValueSink& sink) {
    std::size_t done = 0;
    for (const auto& page : guide.pages) {
        if (done == rows.size()) break;
        std::size_t count = 0;
        while (done + count < rows.size() && rows[done + count] < page.first_row + page.rows)
            ++count;
        if (count == 0) continue;
        DL_TRY(read_page(chunk, guide, page, column, rows.subspan(done, count), done, sink));
        done += count;
    }
    if (done < rows.size()) return damaged("row " + std::to_string(rows[done]) + " is in none");
    return {};
}

}  // namespace dl::slave
