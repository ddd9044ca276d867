// A column chunk of a Parquet file: u8 type, u8 flags (1: optional, 2: snappy), then its pages.
#include <snappy.h>

#include "slave/parquet/parquet_page.h"
#include "tests/fuzz/fuzz_support.h"

namespace dl {
namespace {

using namespace slave;

// A page header as Thrift's compact protocol has it.
class HeaderText {
  public:
    HeaderText& number(unsigned skipped, unsigned value) {
        bytes_ += static_cast<char>(skipped << 4 | 5);
        value <<= 1;
        for (; value >= 128; value >>= 7)
            bytes_ += static_cast<char>(value | 128);
        bytes_ += static_cast<char>(value);
        return *this;
    }
    HeaderText& structure(unsigned skipped) {
        bytes_ += static_cast<char>(skipped << 4 | 12);
        return *this;
    }
    HeaderText& end() {
        bytes_ += '\0';
        return *this;
    }
    const std::string& bytes() const { return bytes_; }

  private:
    std::string bytes_;
};

std::string page(bool dictionary, bool compressed, unsigned values, unsigned encoding,
                 const std::string& plain) {
    std::string stored = plain;
    if (compressed) snappy::Compress(plain.data(), plain.size(), &stored);
    HeaderText header;
    header.number(1, dictionary ? 2 : 0)
        .number(1, static_cast<unsigned>(plain.size()))
        .number(1, static_cast<unsigned>(stored.size()))
        .structure(dictionary ? 4 : 2)
        .number(1, values)
        .number(1, encoding);
    if (!dictionary) header.number(1, 3).number(1, 3);
    header.end().end();
    return header.bytes() + stored;
}

std::string texts(unsigned count) {
    std::string plain;
    for (unsigned i = 0; i < count; ++i) {
        const auto text = "text " + std::to_string(i * 7919 % 1000);
        append_le(plain, static_cast<std::uint32_t>(text.size()));
        plain += text;
    }
    return plain;
}

std::string numbers(unsigned count) {
    std::string plain;
    for (unsigned i = 0; i < count; ++i)
        append_le(plain, i * 7);
    return plain;
}

// 16 rows, every second one NULL: a group of 8 and a group of 8, bit-packed.
const std::string kHalf{3, 0, 0, 0, 5, 0x55, 0x55};

std::string seed(ParquetType type, unsigned flags, const std::string& pages) {
    return std::string{static_cast<char>(type), static_cast<char>(flags)} + pages;
}

std::string read_rows(std::string_view chunk, const ChunkGuide& guide, const ParquetColumn& column,
                      std::span<const std::uint32_t> rows, bool* failed) {
    std::string out;
    const auto done = read_parquet_values(chunk, guide, column, rows,
                                          [&](std::size_t, std::optional<std::string_view> value) {
                                              out += value ? "=" + std::string(*value) : std::string("~");
                                          });
    *failed = done.has_error();
    return out;
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
    const std::string indexes{4, 5, 0x10, 0x32, 0x54, 0x76, 0x10, 0x32, 0x54, 0x76};
    return {seed(ParquetType::int32, 0, page(false, false, 40, 0, numbers(40))),
            seed(ParquetType::int32, 2,
                 page(false, true, 40, 0, numbers(40)) + page(false, true, 9, 0, numbers(9))),
            seed(ParquetType::byte_array, 2, page(false, true, 1500, 0, texts(1500))),
            seed(ParquetType::byte_array, 3, page(false, true, 16, 0, kHalf + texts(8))),
            seed(ParquetType::byte_array, 2,
                 page(true, true, 8, 0, texts(8)) + page(false, true, 16, 8, indexes)),
            seed(ParquetType::boolean, 0, page(false, false, 16, 0, "\x5a\xa5"))};
}

}  // namespace dl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace dl;
    if (size < 2) return 0;
    ParquetColumn column;
    column.type = static_cast<ParquetType>(data[0] % 8);
    column.fixed_length = 5;
    column.optional = (data[1] & 1) != 0;
    const auto codec = (data[1] & 2) != 0 ? ParquetCodec::snappy : ParquetCodec::plain;
    const auto chunk = fuzz_text(data + 2, size - 2);
    const auto guide = survey_chunk(chunk, column, codec);
    if (guide.has_error()) return 0;
    DL_CHECK(guide->memory_bytes() < 4096 + 100 * size, "what is remembered is bounded by what is there");
    std::vector<std::uint32_t> rows;
    for (const auto& page : guide->pages) {
        if (page.first_row > 1u << 30) break;
        const auto step = std::max<std::uint64_t>(1, page.rows / 40);
        for (std::uint64_t row = 0; row < page.rows && rows.size() < 200; row += step)
            rows.push_back(static_cast<std::uint32_t>(page.first_row + row));
    }
    bool failed = false;
    const auto together = read_rows(chunk, *guide, column, rows, &failed);
    std::string one_by_one;
    bool one_failed = false;
    for (const auto row : rows) {
        bool now = false;
        one_by_one += read_rows(chunk, *guide, column, {&row, 1}, &now);
        one_failed = one_failed || now;
    }
    DL_CHECK(failed == one_failed && (failed || together == one_by_one),
             "a part is what the whole has there");
    return 0;
}
