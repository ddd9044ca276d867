// The printers behind value_text.h on raw memory: each writes the canonical text at `at` and returns the end.
// At most kFixedTextBytesMax bytes are written (put_decimal: when scale <= 38). Pure.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/types/value_text.h"

namespace dl {

inline constexpr std::size_t kFixedTextBytesMax = 48;

char* put_int64(char* at, std::int64_t value);
char* put_float32(char* at, float value);
char* put_float64(char* at, double value);
char* put_timestamp(char* at, std::int64_t value_us);
char* put_date(char* at, std::int32_t value_days);
char* put_decimal(char* at, Int128 unscaled, std::uint8_t scale);
// Writes (size + 2) / 3 * 4 bytes.
char* put_base64(char* at, std::string_view bytes);

inline char* put_text(char* at, std::string_view text) {
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    return at + text.size();
}
inline char* put_boolean(char* at, bool value) {
    return put_text(at, value ? "true" : "false");
}

}  // namespace dl
