// The Arrow schema that writers such as pyarrow leave in a Parquet file (base64 under ARROW:schema): it alone
// says that a column of plain integers is a duration. Pure; the bytes are not trusted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace datalake::cli {

// A column at the top that is a duration or an interval, or has one in its values.
struct ArrowDuration {
    std::string column;
    std::string unit;  // "microseconds" and so on, which its numbers count; empty: the column has it in its
                       // values, or the file does not say what it counts
};
// Nothing also when the bytes are no schema.
std::vector<ArrowDuration> arrow_durations(std::string_view message);

}  // namespace datalake::cli
