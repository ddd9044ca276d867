// Rows that were not loaded, and the file they are written to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data-lake-client/cli/load/load_batch.h"
#include "data-lake-client/cli/load/new_file.h"
#include "data-lake-client/cli/load/row_source.h"
#include "datalake/error.h"

namespace datalake::cli {

struct RefusedRow {
    RowOrigin origin;
    std::string file;
    RowProblem problem;
    std::string text;  // the row as its file has it

    // `people.csv, line 17, column age, value "old": why`.
    std::string message() const;
};

// What the server says of a row, taken apart: `row 3, column "age": "old" is not a valid int; ...`.
RowProblem problem_of(const Error& error);

// CSV with the columns file, line, column, value, reason, text. Opened before the load, so that a name that
// cannot be written is known in time; the file of that name changes when the load has ended.
class RejectsWriter {
  public:
    Result<void> open(const std::string& path) { return file_.open(path); }
    Result<void> write(const std::vector<RefusedRow>& rows);

  private:
    NewFile file_;
};

}  // namespace datalake::cli
