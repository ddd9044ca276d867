#include "slave/parquet/parquet_check.h"

#include <algorithm>
#include <string>

#include "common/base/crc32c.h"
#include "slave/parquet/parquet_footer.h"
#include "slave/parquet/parquet_page_header.h"

namespace dl::slave {
namespace {

// Headers of ours take about 30 bytes, those of DuckDB up to some hundred.
constexpr std::size_t kHeaderBytesMax = 4096;

// The bytes of one chunk, asked for in ascending order, read in large parts.
class ChunkBytes {
  public:
    ChunkBytes(const ReadableFile& file, const ParquetChunk& chunk) : file_(file), chunk_(chunk) {}

    // What begins at `at`: `least` bytes, fewer at the end of the chunk, or more. Valid until the next call.
    Result<std::string_view> from(std::uint64_t at, std::uint64_t least) {
        least = std::min(least, chunk_.bytes - at);
        if (at < begin_ || at + least > begin_ + part_.size()) {
            const auto wanted = std::min<std::uint64_t>(kCheckReadBytes, chunk_.bytes - at);
            DL_TRY_ASSIGN(part_, file_.read(chunk_.begin + at, wanted));
            if (part_.size() < wanted)
                return make_error(ErrorCode::corrupt_data, "the file has become shorter");
            begin_ = at;
        }
        return part_.view().substr(at - begin_);
    }

  private:
    const ReadableFile& file_;
    const ParquetChunk& chunk_;
    std::uint64_t begin_ = 0;
    SharedBytes part_;
};

// What is wrong with the page at `at`, in words that follow "the page at byte n"; `at` moves to the next one.
Result<void> check_page(ChunkBytes& chunk, std::uint64_t chunk_bytes, std::uint32_t version,
                        std::uint64_t* at) {
    DL_TRY_ASSIGN(const auto head, chunk.from(*at, kHeaderBytesMax));
    auto header = read_page_header(head, chunk_bytes - *at);
    if (header.has_error()) {
        // Pages of another kind have headers we do not read; there is nothing to compare.
        if (header.error().code != ErrorCode::not_supported || version != 0) return header.error();
        *at = chunk_bytes;
        return {};
    }
    if (!header->crc && version >= 2) return make_error(ErrorCode::corrupt_data, "it has no checksum");
    auto next = *at + header->header_bytes;
    const auto end = next + static_cast<std::uint64_t>(header->stored_bytes);
    std::uint32_t crc = 0;
    while (header->crc && next < end) {
        DL_TRY_ASSIGN(auto part, chunk.from(next, 1));
        part = part.substr(0, end - next);
        crc = crc32_gzip(crc, part.data(), part.size());
        next += part.size();
    }
    if (header->crc && *header->crc != crc)
        return make_error(ErrorCode::corrupt_data, "its checksum does not match its content");
    *at = end;
    return {};
}

}  // namespace

Result<void> check_parquet_pages(const ReadableFile& file) {
    DL_TRY_ASSIGN(const auto footer, read_parquet_footer(file));
    for (std::size_t i = 0; i < footer.chunks.size(); ++i) {
        const auto& chunk = footer.chunks[i];
        ChunkBytes bytes(file, chunk);
        for (std::uint64_t at = 0; at < chunk.bytes;) {
            const auto page = chunk.begin + at;
            const auto done = check_page(bytes, chunk.bytes, footer.version, &at);
            if (done.has_error())
                return done.error().in("column " + footer.columns[i % footer.columns.size()].name +
                                       " of row group " + std::to_string(i / footer.columns.size()) +
                                       ", the page at byte " + std::to_string(page));
        }
    }
    return {};
}

}  // namespace dl::slave
