// Numbers as texts: their shape, and whether a column can give back the digits as written. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "data-lake-client/cli/load/load_options.h"

namespace datalake::cli {

// [sign] digits [. digits] [e [sign] digits], with a digit in front of the exponent.
struct NumberShape {
    bool negative = false;
    bool plus_sign = false;
    bool has_point = false;
    bool has_exponent = false;
    bool exponent_signed = false;
    std::string_view whole;
    std::string_view fraction;
    // The digits without zeros around them are 0.d1 d2 ... dn * 10^exponent; zero has none.
    std::int64_t digits = 0;
    std::int64_t exponent = 0;
};
bool number_shape(std::string_view text, NumberShape& shape);

// The number in plain form: without blanks around it, separators of `options` replaced or taken out. Nothing
// when it is not written with them (thousands stand in groups of three). A view of `text` or `scratch`.
std::optional<std::string_view> plain_number(std::string_view text, const TextOptions& options,
                                             std::string& scratch);

// "nan", "inf" or "-inf" for what is no finite number as files have it: NaN, Infinity, +Inf, in any case.
std::optional<std::string_view> special_number(std::string_view text);

// Whether the nearest double (float) gives the number back when it is printed with as many digits. False for
// what is not a finite number.
bool double_keeps(std::string_view text, const NumberShape& shape);
bool float_keeps(std::string_view text, const NumberShape& shape);
// Whether it has no more than `precision - scale` digits in front of the point and `scale` behind it, zeros
// apart.
bool decimal_keeps(const NumberShape& shape, unsigned precision, unsigned scale);

}  // namespace datalake::cli
