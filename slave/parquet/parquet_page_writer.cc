#include "slave/parquet/parquet_page_writer.h"

#include <snappy.h>

#include <limits>

#include "common/base/byte_io.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "slave/parquet/hybrid_writer.h"
#include "slave/parquet/thrift_writer.h"

namespace dl::slave {
namespace {

// A chunk is stored compressed when that takes away a tenth at least.
constexpr double kCompressedMax = 0.9;

std::string page_header(ParquetPageKind kind, std::size_t plain_bytes, std::string_view stored,
                        std::size_t values, ParquetEncoding encoding) {
    std::string bytes;
    ThriftWriter header(bytes);
    header.i32(1, static_cast<std::int32_t>(kind));
    header.i32(2, static_cast<std::int32_t>(plain_bytes));
    header.i32(3, static_cast<std::int32_t>(stored.size()));
    header.i32(4, static_cast<std::int32_t>(crc32_gzip(0, stored.data(), stored.size())));
    header.begin_structure(kind == ParquetPageKind::data ? 5 : 7);
    header.i32(1, static_cast<std::int32_t>(values));
    header.i32(2, encoding);
    if (kind == ParquetPageKind::data) {
        header.i32(3, kRleEncoding);  // definition levels
        header.i32(4, kRleEncoding);  // repetition levels, which flat columns do not have
    }
    header.end_structure();
    header.end_structure();
    return bytes;
}

}  // namespace

void DefinitionLevels::add_nulls(std::uint32_t count) {
    if (nulls_ == 0) {
        const auto before = static_cast<std::uint32_t>(rows_);
        rows_ = 0;
        set_bits(before);
        rows_ = before;
    }
    nulls_ += count;
    rows_ += count;
    bits_.resize((rows_ + 7) / 8);
}

void DefinitionLevels::append_to(std::string& page) const {
    DL_CHECK(nulls_ <= rows_ && (nulls_ == 0 || bits_.size() == (rows_ + 7) / 8),
             "every row has its definition level");
    const auto begin = page.size();
    append_le(page, std::uint32_t{0});
    if (nulls_ == 0)
        append_hybrid_run(page, true, rows_);
    else
        append_hybrid_bits(page, bits_, rows_);
    store_le(page.data() + begin, static_cast<std::uint32_t>(page.size() - begin - 4));
}

void DefinitionLevels::set_bits(std::uint32_t count) {
    bits_.resize((rows_ + count + 7) / 8);
    for (std::uint64_t row = rows_; row < rows_ + count;) {
        if (row % 8 == 0 && rows_ + count - row >= 8) {
            bits_[row / 8] = 0xff;
            row += 8;
        } else {
            bits_[row / 8] = static_cast<std::uint8_t>(bits_[row / 8] | 1u << (row % 8));
            ++row;
        }
    }
}

void append_pages(std::string& out, std::span<ParquetPageDraft> pages, ParquetChunkInfo& info) {
    const auto begin = out.size();
    std::size_t plain_bytes = 0, packed_bytes = 0;
    for (auto& page : pages) {
        DL_CHECK(page.content.size() <= std::size_t{std::numeric_limits<std::int32_t>::max()},
                 "row groups end long before a page has 2 GiB");
        snappy::Compress(page.content.data(), page.content.size(), &page.packed);
        plain_bytes += page.content.size();
        packed_bytes += page.packed.size();
    }
    DL_CHECK(!pages.empty() && pages.back().kind == ParquetPageKind::data, "a chunk ends with its data page");
    const bool compressed =
        static_cast<double>(packed_bytes) < kCompressedMax * static_cast<double>(plain_bytes);
    info.codec = compressed ? ParquetCodec::snappy : ParquetCodec::plain;
    for (const auto& page : pages) {
        const auto& stored = compressed ? page.packed : page.content;
        if (page.kind == ParquetPageKind::data) info.data_page = out.size() - begin;
        const auto header = page_header(page.kind, page.content.size(), stored, page.values, page.encoding);
        out += header;
        out += stored;
        info.plain_bytes += header.size() + page.content.size();
    }
    info.stored_bytes = out.size() - begin;
    DL_CHECK(info.data_page < info.stored_bytes, "the data page lies within its chunk");
    DL_CHECK(compressed || info.stored_bytes == info.plain_bytes, "what is not compressed keeps its size");
}

}  // namespace dl::slave
