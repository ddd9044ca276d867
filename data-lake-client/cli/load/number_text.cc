#include "data-lake-client/cli/load/number_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "common/base/ascii.h"
#include "common/types/value_scan.h"

namespace datalake::cli {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::string_view take_digits(std::string_view text, std::size_t& at) {
    const auto begin = at;
    while (at < text.size() && is_digit(text[at]))
        ++at;
    return text.substr(begin, at - begin);
}

// The n-th significant digit and so on; zeros in front and behind are left out by the caller's count.
std::string significant_digits(const NumberShape& shape) {
    std::string digits;
    digits.reserve(shape.whole.size() + shape.fraction.size());
    digits += shape.whole;
    digits += shape.fraction;
    const auto first = digits.find_first_not_of('0');
    if (first == std::string::npos) return "";
    digits.erase(0, first);
    digits.resize(static_cast<std::size_t>(shape.digits));
    return digits;
}

// Doubles have at most 767 digits that are not zero.
constexpr std::int64_t kDoubleDigitsMax = 767;

bool scan(std::string_view text, double& value) {
    return dl::scan_float64(text, value);
}
bool scan(std::string_view text, float& value) {
    return dl::scan_float32(text, value);
}

// `safe_digits`: so many always come back, within the range 10^-safe_exponent .. 10^safe_exponent.
template <class T>
bool keeps(std::string_view text, const NumberShape& shape, std::int64_t safe_digits,
           std::int64_t safe_exponent) {
    if (shape.digits == 0) return true;
    if (shape.digits <= safe_digits && std::abs(shape.exponent) <= safe_exponent) return true;
    T value = 0;
    if (shape.digits > kDoubleDigitsMax || !scan(text, value) || value == 0 || !std::isfinite(value))
        return false;
    char printed[1024];
    const auto end = std::to_chars(printed, printed + sizeof printed, std::fabs(value),
                                   std::chars_format::scientific, static_cast<int>(shape.digits) - 1)
                         .ptr;
    const std::string_view all(printed, static_cast<std::size_t>(end - printed));
    const auto e = all.find('e');
    std::string digits(all.substr(0, 1));
    if (e > 2) digits += all.substr(2, e - 2);
    std::int64_t exponent = 0;
    const char* from = all.data() + e + 1;
    if (*from == '+') ++from;
    std::from_chars(from, all.data() + all.size(), exponent);
    return exponent + 1 == shape.exponent && digits == significant_digits(shape);
}

}  // namespace

bool number_shape(std::string_view text, NumberShape& shape) {
    shape = {};
    std::size_t at = 0;
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
        shape.negative = text[0] == '-';
        shape.plus_sign = text[0] == '+';
        at = 1;
    }
    shape.whole = take_digits(text, at);
    if (at < text.size() && text[at] == '.') {
        shape.has_point = true;
        ++at;
        shape.fraction = take_digits(text, at);
    }
    if (shape.whole.empty() && shape.fraction.empty()) return false;
    std::int64_t written = 0;
    if (at < text.size()) {
        if (text[at] != 'e' && text[at] != 'E') return false;
        ++at;
        shape.has_exponent = true;
        bool minus = false;
        if (at < text.size() && (text[at] == '-' || text[at] == '+')) {
            minus = text[at] == '-';
            shape.exponent_signed = true;
            ++at;
        }
        const auto digits = take_digits(text, at);
        if (digits.empty() || at != text.size()) return false;
        for (const char c : digits)
            written = std::min<std::int64_t>(written * 10 + (c - '0'), 1'000'000'000'000);
        if (minus) written = -written;
    }
    const auto all = shape.whole.size() + shape.fraction.size();
    const auto digit = [&](std::size_t i) {
        return i < shape.whole.size() ? shape.whole[i] : shape.fraction[i - shape.whole.size()];
    };
    std::size_t first = 0, last = all;
    while (first < all && digit(first) == '0')
        ++first;
    if (first == all) return true;
    while (digit(last - 1) == '0')
        --last;
    shape.digits = static_cast<std::int64_t>(last - first);
    shape.exponent =
        static_cast<std::int64_t>(shape.whole.size()) - static_cast<std::int64_t>(first) + written;
    return true;
}

std::optional<std::string_view> plain_number(std::string_view text, const TextOptions& options,
                                             std::string& scratch) {
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ')
        text.remove_suffix(1);
    if (options.thousands == '\0' && options.decimal_separator == '.') return text;
    scratch.clear();
    std::size_t at = 0;
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) scratch += text[at++];
    const auto point = std::min(text.find(options.decimal_separator), text.size());
    bool grouped = false;
    for (std::size_t group = 0; at < point; ++at) {
        const char c = text[at];
        if (options.thousands != '\0' && c == options.thousands) {
            if (grouped ? group != 3 : group < 1 || group > 3) return std::nullopt;
            grouped = true;
            group = 0;
            continue;
        }
        if (c == '.') return std::nullopt;
        scratch += c;
        ++group;
        const bool ends = at + 1 == point || text[at + 1] == 'e' || text[at + 1] == 'E';
        if (grouped && ends && group != 3 && is_digit(c)) return std::nullopt;
    }
    if (point < text.size()) {
        scratch += '.';
        const auto rest = text.substr(point + 1);
        if (rest.find('.') != std::string_view::npos) return std::nullopt;
        scratch += rest;
    }
    return std::string_view(scratch);
}

std::optional<std::string_view> special_number(std::string_view text) {
    constexpr std::size_t kLongest = 9;  // -infinity
    if (text.size() < 3 || text.size() > kLongest) return std::nullopt;
    const bool minus = text[0] == '-';
    const bool sign = minus || text[0] == '+';
    const auto word = dl::ascii_lowercase(text.substr(sign ? 1 : 0));
    if (word == "nan") return sign ? std::nullopt : std::optional<std::string_view>("nan");
    if (word != "inf" && word != "infinity") return std::nullopt;
    return minus ? "-inf" : "inf";
}

bool double_keeps(std::string_view text, const NumberShape& shape) {
    return keeps<double>(text, shape, 15, 290);
}

bool float_keeps(std::string_view text, const NumberShape& shape) {
    return keeps<float>(text, shape, 6, 30);
}

bool decimal_keeps(const NumberShape& shape, unsigned precision, unsigned scale) {
    if (shape.digits == 0) return true;
    return shape.digits - shape.exponent <= static_cast<std::int64_t>(scale) &&
           shape.exponent <= static_cast<std::int64_t>(precision) - static_cast<std::int64_t>(scale);
}

}  // namespace datalake::cli
