// CSV, JSON lines and Parquet files as rows of a BatchBuilder, read through DuckDB; the only file of the
// client that knows DuckDB. One thread at a time, except interrupt().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datalake/batch_builder.h"
#include "datalake/error.h"

namespace datalake::cli {

struct FileColumn {
    std::string name;  // as in the file
    std::string type;  // of ours, as the file's own type maps to it
};

// A row the source itself had to refuse.
struct RefusedRow {
    std::uint64_t row = 0;  // from 1
    std::string message;
};

class FileSource {
  public:
    // Opens and looks at columns and types. By the ending of its name: .csv .tsv .json .jsonl .ndjson (each
    // also with .gz) .parquet.
    static Result<std::unique_ptr<FileSource>> open(const std::string& path);
    ~FileSource();

    const std::vector<FileColumn>& columns() const;
    // Parquet: number of rows.
    std::optional<std::uint64_t> rows() const;

    // Starts reading these columns (positions in columns()). `as_text`: CSV and JSON values unconverted, for
    // a table whose types are known to the server. `row_number`: a first column with the number of the row,
    // from 1.
    Result<void> start(const std::vector<std::size_t>& columns, bool as_text, bool row_number);
    // Appends up to `rows_max` rows, fewer when `bytes_max` is reached; true while there may be more.
    // `first_row` is the number of the next row to come, from 1.
    Result<bool> fill(BatchBuilder& batch, std::uint32_t rows_max, std::size_t bytes_max,
                      std::vector<RefusedRow>& refused, std::vector<std::uint64_t>& row_numbers);
    // 0 to 100, negative when not known.
    double percent() const;
    void interrupt();

  private:
    struct Impl;
    explicit FileSource(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace datalake::cli
