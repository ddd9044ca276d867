#include "slave/parquet/parquet_page_writer.h"

#include <snappy.h>

#include <bit>
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

// Of a longer chunk the memory is given back: there will not be many like it.
constexpr std::size_t kKeptBytesMax = 4u << 20;

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

void DefinitionLevels::append_to(std::string& page, std::uint64_t begin, std::uint64_t end) const {
    DL_CHECK(nulls_ <= rows_ && (nulls_ == 0 || bits_.size() == (rows_ + 7) / 8),
             "every row has its definition level");
    const auto at = page.size();
    append_le(page, std::uint32_t{0});
    if (values_in(begin, end) == end - begin)
        append_hybrid_run(page, true, end - begin);
    else
        append_hybrid_bits(page, std::span(bits_).subspan(begin / 8), end - begin);
    store_le(page.data() + at, static_cast<std::uint32_t>(page.size() - at - 4));
}

std::uint64_t DefinitionLevels::values_in(std::uint64_t begin, std::uint64_t end) const {
    if (nulls_ == 0) return end - begin;
    std::uint64_t values = 0;
    for (; begin < end && begin % 8 == 0 && end - begin >= 8; begin += 8)
        values += static_cast<std::uint64_t>(std::popcount(bits_[begin / 8]));
    for (; begin < end; ++begin)
        values += (bits_[begin / 8] >> (begin % 8)) & 1u;
    return values;
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

ParquetPageDraft& ParquetPageDrafts::add(ParquetPageKind kind, ParquetEncoding encoding) {
    if (used_ == pages_.size()) pages_.emplace_back();
    auto& page = pages_[used_++];
    page.kind = kind;
    page.encoding = encoding;
    page.values = 0;
    page.first_row = 0;
    page.content.clear();
    return page;
}

void ParquetPageDrafts::append_to(std::string& out, ParquetChunkInfo& info) {
    const std::span<const ParquetPageDraft> pages(pages_.data(), used_);
    DL_CHECK(!pages.empty() && pages.back().kind == ParquetPageKind::data, "a chunk ends with its data page");
    const auto begin = out.size();
    const auto append = [&](const ParquetPageDraft& page, std::string_view stored) {
        const auto at = out.size() - begin;
        const auto header = page_header(page.kind, page.content.size(), stored, page.values, page.encoding);
        out += header;
        out += stored;
        info.plain_bytes += header.size() + page.content.size();
        if (page.kind == ParquetPageKind::data)
            info.pages.push_back({at, header.size() + stored.size(), page.first_row});
    };
    std::size_t plain_bytes = 0, packed_bytes = 0;
    for (const auto& page : pages) {
        DL_CHECK(page.content.size() <= std::size_t{std::numeric_limits<std::int32_t>::max()},
                 "row groups end long before a page has 2 GiB");
        snappy::Compress(page.content.data(), page.content.size(), &packed_);
        plain_bytes += page.content.size();
        packed_bytes += packed_.size();
        append(page, packed_);
    }
    const bool compressed =
        static_cast<double>(packed_bytes) < kCompressedMax * static_cast<double>(plain_bytes);
    info.codec = compressed ? ParquetCodec::snappy : ParquetCodec::plain;
    if (!compressed) {
        out.resize(begin);
        info.plain_bytes = 0;
        info.pages.clear();
        for (const auto& page : pages)
            append(page, page.content);
    }
    info.stored_bytes = out.size() - begin;
    DL_CHECK(!info.pages.empty(), "a chunk has a data page");
    DL_CHECK(compressed || info.stored_bytes == info.plain_bytes, "what is not compressed keeps its size");
    used_ = 0;
    if (plain_bytes <= kKeptBytesMax) return;
    pages_ = {};
    packed_ = {};
}

}  // namespace dl::slave
