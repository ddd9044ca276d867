// Values from outside in error messages. Pure.
#pragma once

#include <string>
#include <string_view>

namespace dl {

// A value from outside as an error message shows it: in double quotes, at most limits::error_value_bytes_max
// bytes of it, control characters and bytes that are not UTF-8 as '?', "..." where it was cut.
std::string quoted_value(std::string_view text);

}  // namespace dl
