// The text of a properties file as keys, values and line numbers. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"

namespace dl {

struct PropertyLine {
    std::string key;
    std::string value;
    int line = 0;  // where it begins, from 1
};

// SYNTAX_ERROR names the line. Keys may repeat; the caller decides.
Result<std::vector<PropertyLine>> parse_properties(std::string_view text);

}  // namespace dl
