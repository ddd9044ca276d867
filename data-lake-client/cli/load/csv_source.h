// Rows of a CSV file. The columns are those of the header line; without one they are the columns of the load
// in their order (of a table to be created: column0, column1, ...).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data-lake-client/cli/load/byte_source.h"
#include "data-lake-client/cli/load/csv_reader.h"
#include "data-lake-client/cli/load/load_columns.h"
#include "data-lake-client/cli/load/load_options.h"
#include "data-lake-client/cli/load/row_source.h"

namespace datalake::cli {

class CsvSource : public RowSource {
  public:
    // `creating`: `columns` is open, and gets what the header names. `name` is for messages.
    static Result<std::unique_ptr<CsvSource>> open(const std::string& name, std::unique_ptr<ByteSource> bytes,
                                                   const LoadOptions& options, FileFormat format,
                                                   LoadColumns& columns, bool creating);
    Result<bool> next(SourceRow& row) override;
    double fraction() const override { return -1; }
    char delimiter() const { return reader_->delimiter(); }
    // Whether the file has the column.
    bool has(std::size_t column) const;

  private:
    CsvSource(std::unique_ptr<CsvReader> reader, const LoadOptions& options)
        : reader_(std::move(reader)), options_(options.csv) {}
    Result<void> read_header(const std::string& name, const LoadOptions& options, LoadColumns& columns,
                             bool creating);
    Result<void> take_header(const std::string& name, const LoadOptions& options, LoadColumns& columns);
    void take_positions(LoadColumns& columns, bool creating);
    bool is_null(std::string_view text) const;

    std::unique_ptr<CsvReader> reader_;
    const CsvOptions options_;
    LoadColumns* columns_ = nullptr;
    std::vector<int> targets_;  // by field of the file
    bool pending_ = false;      // record_ was read, but is a row: there is no header
    CsvRecord record_;
};

}  // namespace datalake::cli
