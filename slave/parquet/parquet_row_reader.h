// Single rows of a snapshot file by row number, for lookups of keys: reads only the pages they lie in, from
// the mapped file, without DuckDB, and of those only the parts that are needed. Opened once a file;
// thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "common/base/shared_bytes.h"
#include "common/io/file_system.h"
#include "common/io/mapped_guard.h"
#include "common/record/column_batch.h"
#include "common/types/schema.h"
#include "slave/parquet/chunk_guide_cache.h"
#include "slave/parquet/parquet_footer.h"

namespace dl::slave {

class ParquetRowReader {
  public:
    // Maps the file and reads its footer. NOT_SUPPORTED when it holds what this reader does not know.
    static Result<std::shared_ptr<const ParquetRowReader>> open(FileSystem& files, const std::string& path);

    // The values of `fields` (those the file has) in `rows` (ascending, each once), in that order. The types
    // are those the file was written with. `guides` may be null: then every call surveys the chunks anew.
    // NOT_SUPPORTED: read the file another way. CORRUPT_DATA names file and column. Pages are compared with
    // their checksums when a guide is made of them, and again after the disk failed to give mapped bytes.
    Result<ColumnBatch> read(std::span<const std::uint32_t> rows, std::span<const Field> fields,
                             ChunkGuideCache* guides) const;

    const std::string& path() const { return path_; }
    // Of this reader among all of the process, ever.
    std::uint64_t id() const { return id_; }
    const ParquetFooter& footer() const { return footer_; }
    // Mapped: to be looked at within with_whole_bytes() only, and compared with checksums.
    std::string_view chunk_bytes(const ParquetChunk& chunk) const {
        return bytes_.view().substr(chunk.begin, chunk.bytes);
    }
    // What `read(pages lost so far)` gives, a Result, once the disk gave every byte that it looked at.
    // IO_ERROR when it goes on failing.
    template <class Read>
    auto with_whole_bytes(Read read) const -> decltype(read(std::uint64_t{0})) {
        constexpr int kTriesMax = 10;
        for (int tries = 1;; ++tries) {
            const auto lost = mapped_pages_lost();
            auto result = read(lost);
            if (mapped_pages_lost() == lost) return result;
            // Somewhere zeros took the place of bytes, and maybe in what was just read.
            if (tries == kTriesMax)
                return make_error(ErrorCode::io_error, path_ + ": the disk cannot be read; see its errors");
        }
    }

  private:
    Result<ColumnBatch> read_once(std::span<const std::uint32_t> rows, std::span<const Field> fields,
                                  ChunkGuideCache* guides, std::uint64_t pages_lost) const;
    // To `row` of the row group and some that follow, all those of its page or of the chunk.
    Result<std::shared_ptr<const ChunkGuide>> guide_to(std::size_t group, std::size_t column,
                                                       std::uint64_t row, ChunkGuideCache* guides,
                                                       std::uint64_t pages_lost) const;
    Result<std::shared_ptr<const PageGuide>> dictionary_of(std::size_t group, std::size_t column,
                                                           ChunkGuideCache* guides,
                                                           std::uint64_t pages_lost) const;

    std::uint64_t id_ = 0;
    std::string path_;
    SharedBytes bytes_;
    ParquetFooter footer_;
};

}  // namespace dl::slave
