// Values of configuration keys: text to number or list. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"

namespace dl {

// All: INVALID_VALUE with what is wrong, without key and value (the caller names them).
Result<std::int64_t> parse_config_integer(std::string_view text);
Result<std::int64_t> parse_config_bytes(std::string_view text);
Result<std::int64_t> parse_config_milliseconds(std::string_view text);
Result<bool> parse_config_boolean(std::string_view text);
Result<std::vector<std::string>> parse_config_list(std::string_view text);

// "64m" for 67108864: a size for people.
std::string config_bytes_text(std::int64_t bytes);

}  // namespace dl
