// Writes a flat Parquet file row group by row group (docs/formats/snapshot-file.md). For each row group:
// append the same number of rows to every column(), then end_row_group(). Memory: what the encoders hold of
// one row group, and the pages of its largest chunk. Blocking, not thread-safe. After an error the file is of
// no use: remove it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/io/file_system.h"
#include "common/io/paced_write_back.h"
#include "common/types/schema.h"
#include "slave/parquet/parquet_column_encoder.h"

namespace dl::slave {

class ParquetWriter {
  public:
    struct Column {
        std::string name;
        DataType type;
        bool optional = true;
        bool ascending = false;  // int64 without NULLs, stored as differences
    };
    // The path must not exist.
    static Result<std::unique_ptr<ParquetWriter>> create(FileSystem& files, const std::string& path,
                                                         std::vector<Column> columns);

    const std::vector<Column>& columns() const { return columns_; }
    ParquetColumnEncoder& column(std::size_t index) { return *encoders_[index]; }
    // CORRUPT_DATA when a column that is not optional got a NULL.
    Result<void> end_row_group();
    // Writes the footer and syncs the file; the caller syncs the directory.
    Result<void> finish();

  private:
    struct RowGroup {
        std::uint64_t begin = 0;
        std::uint64_t rows = 0;
        std::vector<std::uint64_t> chunk_begins;
        std::vector<ParquetChunkInfo> chunks;
        struct IndexPlace {
            std::uint64_t begin = 0;
            std::uint64_t bytes = 0;
        };
        std::vector<IndexPlace> offset_indexes;
    };
    ParquetWriter(FileSystem& files, const std::string& path, std::vector<Column> columns,
                  std::unique_ptr<WritableFile> file);
    Result<void> write_buffer();
    // Behind the last row group: where the pages of every chunk lie.
    void append_offset_indexes();
    std::string footer() const;

    const std::vector<Column> columns_;
    std::vector<std::unique_ptr<ParquetColumnEncoder>> encoders_;
    std::unique_ptr<WritableFile> file_;
    PacedWriteBack write_back_;
    std::vector<RowGroup> groups_;
    ParquetPageDrafts pages_;
    std::string buffer_;  // not yet in the file
};

// The columns of a snapshot file: `_offset`, `_delete`, `_time`, then `f<id>` per field.
std::vector<ParquetWriter::Column> snapshot_file_columns(const std::vector<Field>& fields);

}  // namespace dl::slave
