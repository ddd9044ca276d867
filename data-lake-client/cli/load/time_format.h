// Dates and times by a format with the letters of strptime (and DuckDB):
//   %Y %y (69 to 99: 1900s) %m %d %H %I %p %M %S %f (1 to 6 digits) %b %B %a %A (English) %z %% and other
//   text
// as it stands; %-m and the like are the same as %m: one or two digits. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace datalake::cli {

// Every letter is known, and a date is in it.
bool is_time_format(std::string_view format);
// The whole text by the format. Without a zone it is UTC, without a time midnight.
bool scan_time(std::string_view text, std::string_view format, std::int64_t& value_us);

}  // namespace datalake::cli
