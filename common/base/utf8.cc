#include "common/base/utf8.h"

#include <simdjson.h>

#include "common/base/ascii.h"

namespace dl {

bool is_utf8(std::string_view text) {
    if (text.size() < 64 && is_ascii(text)) return true;
    return simdjson::validate_utf8(text.data(), text.size());
}

}  // namespace dl
