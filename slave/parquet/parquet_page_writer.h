// The pages of a Parquet column chunk as they are written (docs/formats/snapshot-file.md): their headers,
// definition levels and compression. chunk_guide.h and parquet_page.h are the other direction. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "slave/parquet/parquet_footer.h"

namespace dl::slave {

// Numbers as in the Parquet format.
enum ParquetEncoding : std::int32_t {
    kPlainEncoding = 0,
    kRleEncoding = 3,
    kDeltaBinaryPackedEncoding = 5,
    kRleDictionaryEncoding = 8
};
enum class ParquetPageKind : std::int32_t { data = 0, dictionary = 2 };

// Of one column of one row group, for the footer.
struct ParquetChunkInfo {
    ParquetCodec codec = ParquetCodec::plain;
    std::uint64_t values = 0;  // with NULLs
    std::uint64_t nulls = 0;
    std::uint64_t plain_bytes = 0;  // of all pages, with their headers
    std::uint64_t stored_bytes = 0;
    ParquetEncoding encoding = kPlainEncoding;  // of the data pages
    struct Page {
        std::uint64_t begin = 0;  // from the chunk's begin
        std::uint64_t bytes = 0;  // with the header
        std::uint64_t first_row = 0;
    };
    std::vector<Page> pages;  // of data; a dictionary page lies before the first
    // Smallest and largest value in PLAIN encoding, without the length of texts. Not there without values,
    // with NaN among them, for binary and for long texts.
    struct Range {
        std::string min, max;
    };
    std::optional<Range> range;

    bool has_dictionary() const { return encoding == kRleDictionaryEncoding; }
};

// Which rows of the row group are there: nothing is kept as long as all are.
class DefinitionLevels {
  public:
    std::uint64_t rows() const { return rows_; }
    std::uint64_t nulls() const { return nulls_; }
    void add_values(std::uint32_t count) {
        if (nulls_ != 0) set_bits(count);
        rows_ += count;
    }
    void add_nulls(std::uint32_t count);
    // Of rows [begin, end), `begin` a multiple of 8: u32 length, then runs or groups of bits.
    void append_to(std::string& page, std::uint64_t begin, std::uint64_t end) const;
    std::uint64_t values_in(std::uint64_t begin, std::uint64_t end) const;
    void clear() {
        rows_ = nulls_ = 0;
        bits_.clear();
    }

  private:
    void set_bits(std::uint32_t count);
    std::uint64_t rows_ = 0;
    std::uint64_t nulls_ = 0;
    std::vector<std::uint8_t> bits_;
};

// A page before it is written.
struct ParquetPageDraft {
    ParquetPageKind kind = ParquetPageKind::data;
    ParquetEncoding encoding = kPlainEncoding;
    std::size_t values = 0;  // with NULLs
    std::uint64_t first_row = 0;
    std::string content;
};

// The pages of one chunk on their way: one for all columns of a file, kept from one chunk to the next for its
// memory.
class ParquetPageDrafts {
  public:
    // Of the next chunk: no page yet.
    void begin() { used_ = 0; }
    // Empty, and the last one so far. Valid until the next call.
    ParquetPageDraft& add(ParquetPageKind kind, ParquetEncoding encoding);
    // Appends the pages to `out`, all compressed or none, and says in `info` how.
    void append_to(std::string& out, ParquetChunkInfo& info);

  private:
    std::vector<ParquetPageDraft> pages_;
    std::size_t used_ = 0;
    std::string packed_;  // one page, compressed
};

}  // namespace dl::slave
