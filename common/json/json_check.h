// Is a text one JSON value, by the grammar of RFC 8259? Without memory for shallow values, and without
// recursion for deep ones. UTF-8 is not looked at, nor are halves of surrogate pairs. Pure.
#pragma once

#include <string_view>

namespace dl {

bool is_json_text(std::string_view text);

}  // namespace dl
