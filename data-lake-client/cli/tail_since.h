// What `\tail --since` means.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "datalake/error.h"

namespace datalake::cli {

// "15m", "2h" (also s, d): so long before `now_us` (microseconds UTC); or a timestamp. As the server takes
// it: "2024-01-31 12:00:00". INVALID_ARGUMENT when it is neither.
Result<std::string> tail_since(std::string_view text, std::int64_t now_us);

}  // namespace datalake::cli
