// Rows of one file, as the readers of the formats hand them out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datalake/error.h"

namespace datalake::cli {

enum class FieldKind : std::uint8_t {
    absent,   // the row does not have it: its DEFAULT, or NULL
    null,     // it is NULL
    text,     // CSV fields, JSON strings
    number,   // a JSON number, as written
    boolean,  // true or false
    nested,   // a JSON object or array, as written
    exact,    // already in the text form of its column
};

struct Field {
    std::string_view text;
    FieldKind kind = FieldKind::absent;
};

// Why a row is refused.
struct RowProblem {
    std::string column;  // empty: the row as a whole
    std::optional<std::string> value;
    std::string reason;  // empty: no problem
    void clear() {
        column.clear();
        value.reset();
        reason.clear();
    }
};

struct SourceRow {
    std::uint64_t line = 0;     // of its first character, from 1, as an editor counts; Parquet: of the row
    std::string_view text;      // the row as the file has it; empty for Parquet
    std::vector<Field> fields;  // by position in the LoadColumns it was opened with
    Field crud;                 // of `crud` or `_crud_type`
    // A field that no column has, when there is one.
    std::string unknown_field;
    RowProblem problem;  // when there is one, the fields mean nothing
};

// One thread. Views of a row hold until the next call.
class RowSource {
  public:
    virtual ~RowSource() = default;
    // False: the end. An error ends the file; rows handed out before are good.
    virtual Result<bool> next(SourceRow& row) = 0;
    // Share of the file that was read, 0 to 1; negative when not known.
    virtual double fraction() const = 0;
};

}  // namespace datalake::cli
