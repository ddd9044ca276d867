// Parquet files, read through DuckDB; the only file of the client that knows DuckDB. What there is no type
// for is refused by name before a row is read. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/types/data_type.h"
#include "data-lake-client/cli/load/load_columns.h"
#include "data-lake-client/cli/load/load_options.h"
#include "data-lake-client/cli/load/row_source.h"

namespace datalake::cli {

struct ParquetColumn {
    std::string name;
    std::string type;       // of ours; empty: there is none
    std::string file_type;  // as the file calls it
    bool has_text = true;   // it can be read as a string instead
    std::string counts;     // of a duration: what its numbers count ("microseconds"); a long can hold them
};

class ParquetSource : public RowSource {
  public:
    // Looks at the schema.
    static Result<std::unique_ptr<ParquetSource>> open(const std::string& path);
    ~ParquetSource() override;

    const std::vector<ParquetColumn>& columns() const;
    std::uint64_t rows() const;
    // Why a column cannot be read as it is, and what can be done.
    static std::string refusal(const ParquetColumn& column);

    // Starts reading, into columns of these types (by position in `columns`). Columns that `columns` does not
    // have are an error, or left out.
    Result<void> start(LoadColumns& columns, const std::vector<dl::DataType>& types,
                       const LoadOptions& options);
    bool has(std::size_t column) const;
    Result<bool> next(SourceRow& row) override;
    double fraction() const override;

  private:
    struct Impl;
    explicit ParquetSource(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace datalake::cli
