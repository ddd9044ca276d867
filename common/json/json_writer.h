// Writing JSON text. Pure.
#pragma once

#include <string>
#include <string_view>

namespace dl {

// Appends a JSON string with quotes and escapes; `text` is valid UTF-8, or the string is not either.
void append_json_string(std::string& out, std::string_view text);

}  // namespace dl
