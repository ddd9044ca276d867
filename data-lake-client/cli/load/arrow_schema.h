// The Arrow schema that writers such as pyarrow leave in a Parquet file (base64 under ARROW:schema): it alone
// says that a column of plain integers is a duration. Pure; the bytes are not trusted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace datalake::cli {

// Names of the columns at the top that are durations or intervals, or have them in their values. Empty also
// when the bytes are no schema.
std::vector<std::string> arrow_duration_columns(std::string_view message);

}  // namespace datalake::cli
