#include "slave/columnar/parquet_page.h"

#include <snappy.h>

#include <array>
#include <bit>
#include <memory>
#include <vector>

#include "common/base/byte_io.h"
#include "slave/columnar/thrift_reader.h"

namespace dl::slave {
namespace {

using Kind = ThriftReader::Kind;

// Numbers as in the Parquet format.
enum PageKind : std::uint8_t { kDataPage = 0, kDictionaryPage = 2 };
enum Encoding : std::uint8_t { kPlain = 0, kPlainDictionary = 2, kRle = 3, kRleDictionary = 8 };

// A page of a file we wrote is never larger; keeps a damaged size from taking memory.
constexpr std::uint32_t kPageBytesMax = 1u << 30;

Error damaged(const std::string& what) {
    return make_error(ErrorCode::corrupt_data, "Parquet page: " + what);
}
Error foreign(const std::string& what) {
    return make_error(ErrorCode::not_supported, "Parquet page: " + what);
}

struct PageHeader {
    std::int64_t kind = -1;
    std::int64_t plain_bytes = -1;
    std::int64_t stored_bytes = -1;
    std::int64_t values = -1;
    std::int64_t encoding = -1;
    std::int64_t level_encoding = kRle;
    std::size_t header_bytes = 0;
};

Result<PageHeader> read_header(std::string_view bytes) {
    PageHeader header;
    ThriftReader reader(bytes);
    reader.structure_fields([&](std::int16_t id, Kind kind) {
        if (id == 1 && kind == Kind::i32) {
            header.kind = reader.integer();
        } else if (id == 2 && kind == Kind::i32) {
            header.plain_bytes = reader.integer();
        } else if (id == 3 && kind == Kind::i32) {
            header.stored_bytes = reader.integer();
        } else if ((id == 5 || id == 7) && kind == Kind::structure) {  // data page, dictionary page
            reader.structure_fields([&](std::int16_t member, Kind member_kind) {
                if (member == 1 && member_kind == Kind::i32)
                    header.values = reader.integer();
                else if (member == 2 && member_kind == Kind::i32)
                    header.encoding = reader.integer();
                else if (id == 5 && member == 3 && member_kind == Kind::i32)
                    header.level_encoding = reader.integer();
                else
                    reader.skip(member_kind);
            });
        } else {
            reader.skip(kind);
        }
    });
    header.header_bytes = reader.position();
    if (reader.failed() || header.stored_bytes < 0 || header.plain_bytes < 0 || header.values < 0 ||
        header.plain_bytes > kPageBytesMax ||
        static_cast<std::uint64_t>(header.stored_bytes) > bytes.size() - header.header_bytes) {
        if (!reader.failed() && header.kind == 3) return foreign("version 2");
        return damaged("the header cannot be read");
    }
    return header;
}

// The content of a page; points into `chunk` or into memory that `keep` holds.
Result<std::string_view> page_content(std::string_view stored, const PageHeader& header, ParquetCodec codec,
                                      std::unique_ptr<char[]>& keep) {
    if (codec == ParquetCodec::plain) return stored;
    std::size_t length = 0;
    if (!snappy::GetUncompressedLength(stored.data(), stored.size(), &length) ||
        length != static_cast<std::size_t>(header.plain_bytes))
        return damaged("the length of the content does not match");
    keep.reset(new char[length + 1]);
    if (!snappy::RawUncompress(stored.data(), stored.size(), keep.get()))
        return damaged("the content cannot be unpacked");
    return std::string_view(keep.get(), length);
}

// The hybrid of runs and bit-packed groups that levels and dictionary indexes are in. Walks forward only.
class HybridReader {
  public:
    HybridReader(std::string_view bytes, unsigned width) : bytes_(bytes), width_(width) {}

    // Skips `count` values and adds up those that are not 0; false at damage.
    bool skip(std::uint64_t count, std::uint64_t* not_zero) {
        while (count != 0) {
            if (left_ == 0 && !next_run()) return false;
            const auto step = std::min<std::uint64_t>(count, left_);
            if (!packed_) {
                if (not_zero != nullptr && value_ != 0) *not_zero += step;
            } else if (not_zero != nullptr) {
                for (std::uint64_t i = 0; i < step; ++i)
                    *not_zero += packed_value(packed_at_ + i) != 0 ? 1 : 0;
            }
            packed_at_ += step;
            left_ -= step;
            count -= step;
        }
        return true;
    }
    // The next value, which stays the next one.
    bool peek(std::uint32_t* value) {
        if (left_ == 0 && !next_run()) return false;
        *value = packed_ ? packed_value(packed_at_) : value_;
        return true;
    }

  private:
    bool next_run() {
        std::uint64_t head = 0;
        for (unsigned shift = 0;; shift += 7) {
            if (shift > 35 || at_ >= bytes_.size()) return false;
            const auto b = static_cast<std::uint8_t>(bytes_[at_++]);
            head |= std::uint64_t{b & 127u} << shift;
            if ((b & 128) == 0) break;
        }
        packed_ = (head & 1) != 0;
        left_ = head >> 1;
        if (packed_) {
            const std::uint64_t length = left_ * width_;
            left_ *= 8;
            // The last group may be cut off where no values are left.
            packed_bytes_ = bytes_.substr(at_, length);
            at_ += packed_bytes_.size();
            packed_at_ = 0;
        } else {
            const std::size_t length = (width_ + 7) / 8;
            if (length > bytes_.size() - at_) return false;
            value_ = 0;
            for (std::size_t i = 0; i < length; ++i)
                value_ |= std::uint32_t{static_cast<std::uint8_t>(bytes_[at_ + i])} << (8 * i);
            at_ += length;
        }
        return left_ != 0;
    }
    std::uint32_t packed_value(std::uint64_t index) const {
        const std::uint64_t bit = index * width_;
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < 5; ++i) {
            const auto at = static_cast<std::size_t>(bit / 8) + i;
            if (at < packed_bytes_.size())
                bits |= std::uint64_t{static_cast<std::uint8_t>(packed_bytes_[at])} << (8 * i);
        }
        return static_cast<std::uint32_t>((bits >> (bit % 8)) & ((std::uint64_t{1} << width_) - 1));
    }

    std::string_view bytes_;
    unsigned width_;
    std::size_t at_ = 0;
    bool packed_ = false;
    std::uint64_t left_ = 0;
    std::uint32_t value_ = 0;
    std::string_view packed_bytes_;
    std::uint64_t packed_at_ = 0;
};

std::size_t plain_width(const ParquetColumn& column) {
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

// PLAIN values by number; asked for in ascending order, repeats allowed.
class PlainReader {
  public:
    PlainReader(std::string_view bytes, const ParquetColumn& column)
        : bytes_(bytes), type_(column.type), width_(plain_width(column)) {}

    Result<std::string_view> value(std::uint64_t number) {
        if (type_ == ParquetType::boolean) {
            if (number / 8 >= bytes_.size()) return damaged("a value is missing");
            boolean_ = static_cast<char>((static_cast<std::uint8_t>(bytes_[number / 8]) >> (number % 8)) & 1);
            return std::string_view(&boolean_, 1);
        }
        if (width_ != 0) {
            if ((number + 1) * width_ > bytes_.size()) return damaged("a value is missing");
            return bytes_.substr(number * width_, width_);
        }
        for (;;) {
            if (bytes_.size() - at_ < 4) return damaged("a value is missing");
            const auto length = load_le<std::uint32_t>(bytes_.data() + at_);
            if (length > bytes_.size() - at_ - 4) return damaged("a value is longer than its page");
            if (next_ == number) return bytes_.substr(at_ + 4, length);
            at_ += 4 + std::size_t{length};
            ++next_;
        }
    }

  private:
    std::string_view bytes_;
    ParquetType type_;
    std::size_t width_;
    char boolean_ = 0;
    std::size_t at_ = 0;  // byte arrays: where value next_ lies
    std::uint64_t next_ = 0;
};

struct Dictionary {
    std::unique_ptr<char[]> keep;
    std::string_view bytes;
    std::uint64_t values = 0;
};

// The rows of one data page.
class PageRows {
  public:
    PageRows(const ParquetColumn& column, const Dictionary* dictionary)
        : column_(column), dictionary_(dictionary) {}

    Result<void> read(std::string_view content, const PageHeader& header, std::span<const std::uint32_t> rows,
                      std::uint64_t first_row, std::size_t first_index, const ParquetValueSink& sink) {
        std::optional<HybridReader> levels;
        if (column_.optional) {
            if (header.level_encoding != kRle) return foreign("levels are not in runs");
            if (content.size() < 4) return damaged("ends early");
            const auto length = load_le<std::uint32_t>(content.data());
            if (length > content.size() - 4) return damaged("ends early");
            levels.emplace(content.substr(4, length), 1);
            content.remove_prefix(4 + std::size_t{length});
        }
        const bool indexed = header.encoding == kRleDictionary || header.encoding == kPlainDictionary;
        if (!indexed && header.encoding != kPlain)
            return foreign("encoding " + std::to_string(header.encoding));
        std::optional<HybridReader> indexes;
        if (indexed) {
            if (dictionary_ == nullptr) return damaged("has no dictionary");
            const unsigned width = content.empty() ? 0 : static_cast<std::uint8_t>(content.front());
            if (width > 32) return damaged("indexes of " + std::to_string(width) + " bits");
            if (!content.empty()) content.remove_prefix(1);
            indexes.emplace(content, width);
        }
        PlainReader plain(content, column_);
        std::uint64_t level_at = 0;  // rows whose level has been passed
        std::uint64_t value_at = 0;  // values before the row level_at
        std::uint64_t index_at = 0;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const std::uint64_t row = rows[i] - first_row;
            std::uint64_t number = row;
            if (levels) {
                std::uint32_t level = 0;
                if (!levels->skip(row - level_at, &value_at) || !levels->peek(&level))
                    return damaged("a level is missing");
                level_at = row;
                number = value_at;
                if (level == 0) {
                    sink(first_index + i, std::nullopt);
                    continue;
                }
            }
            if (!indexes) {
                DL_TRY_ASSIGN(const auto value, plain.value(number));
                sink(first_index + i, value);
                continue;
            }
            std::uint32_t entry = 0;
            if (!indexes->skip(number - index_at, nullptr) || !indexes->peek(&entry))
                return damaged("an index is missing");
            index_at = number;
            if (entry >= dictionary_->values) return damaged("an index beyond the dictionary");
            PlainReader words(dictionary_->bytes, column_);
            DL_TRY_ASSIGN(const auto value, words.value(entry));
            sink(first_index + i, value);
        }
        return {};
    }

  private:
    const ParquetColumn& column_;
    const Dictionary* dictionary_;
};

}  // namespace

Result<void> read_parquet_values(std::string_view chunk, const ParquetColumn& column, ParquetCodec codec,
                                 std::span<const std::uint32_t> rows, const ParquetValueSink& sink) {
    std::optional<Dictionary> dictionary;
    std::uint64_t first_row = 0;
    std::size_t done = 0;
    while (done < rows.size()) {
        if (chunk.empty()) return damaged("row " + std::to_string(rows[done]) + " is in none");
        DL_TRY_ASSIGN(const auto header, read_header(chunk));
        const auto stored = chunk.substr(header.header_bytes, static_cast<std::size_t>(header.stored_bytes));
        chunk.remove_prefix(header.header_bytes + stored.size());
        if (header.kind == kDictionaryPage) {
            if (header.encoding != kPlain && header.encoding != kPlainDictionary)
                return foreign("dictionary in encoding " + std::to_string(header.encoding));
            dictionary.emplace();
            DL_TRY_ASSIGN(dictionary->bytes, page_content(stored, header, codec, dictionary->keep));
            dictionary->values = static_cast<std::uint64_t>(header.values);
            continue;
        }
        if (header.kind != kDataPage) return foreign("of kind " + std::to_string(header.kind));
        const auto end_row = first_row + static_cast<std::uint64_t>(header.values);
        std::size_t count = 0;
        while (done + count < rows.size() && rows[done + count] < end_row)
            ++count;
        if (count != 0) {
            std::unique_ptr<char[]> keep;
            DL_TRY_ASSIGN(const auto content, page_content(stored, header, codec, keep));
            PageRows page(column, dictionary ? &*dictionary : nullptr);
            DL_TRY(page.read(content, header, rows.subspan(done, count), first_row, done, sink));
            done += count;
        }
        first_row = end_row;
    }
    return {};
}

}  // namespace dl::slave
