// The scanners behind value_text.h, without an error object: true and the value, or false. For loops over
// many values, where the error text is made only when one fails. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/ascii.h"
#include "common/base/scan_integer.h"
#include "common/types/data_type.h"
#include "common/types/value_text.h"

namespace dl {

inline bool scan_int32(std::string_view text, std::int32_t& value) {
    std::int64_t wide = 0;
    if (!scan_int64(text, wide) || wide != static_cast<std::int32_t>(wide)) return false;
    value = static_cast<std::int32_t>(wide);
    return true;
}
inline bool scan_boolean(std::string_view text, bool& value) {
    if (text == "true" || text == "1") {
        value = true;
        return true;
    }
    value = false;
    return text == "false" || text == "0";
}
bool scan_float32(std::string_view text, float& value);
bool scan_float64(std::string_view text, double& value);
bool scan_timestamp(std::string_view text, std::int64_t& value_us);
bool scan_date(std::string_view text, std::int32_t& value_days);
bool scan_decimal(std::string_view text, DataType type, Int128& value);
// What a number that stands for a timestamp counts since 1970-01-01 UTC.
enum class TimestampUnit : std::uint8_t { s, ms, us, ns };
// False when it is no whole number of microseconds, or beyond the range of a timestamp.
bool scan_epoch(std::string_view number, TimestampUnit unit, std::int64_t& value_us);
// Years -290000 to 294000.
bool is_timestamp_in_range(std::int64_t value_us);
// A number in any decimal form that is whole: 7, 7.0, 70e-1.
bool scan_whole_number(std::string_view text, std::int64_t& value);

}  // namespace dl
