#include "data-lake-client/cli/load/type_guess.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/types/value_scan.h"
#include "data-lake-client/cli/load/number_text.h"
#include "data-lake-client/cli/load/time_format.h"
#include "data-lake-client/cli/load/value_converter.h"

namespace datalake::cli {
namespace {

constexpr unsigned kDecimalDigitsMax = 38;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// A whole number that fits a long whatever its digits are, written as we would write it.
bool is_short_whole(std::string_view text) {
    if (!text.empty() && text[0] == '-') text.remove_prefix(1);
    if (text.empty() || text.size() > 15 || text[0] == '0') return false;
    for (const char c : text)
        if (!is_digit(c)) return false;
    return true;
}

// YYYY-MM-DD at the beginning: years as people write them.
bool begins_like_a_date(std::string_view text) {
    return text.size() >= 10 && is_digit(text[0]) && is_digit(text[1]) && is_digit(text[2]) &&
           is_digit(text[3]) && text[4] == '-' && text[7] == '-';
}

}  // namespace

void TypeGuess::see_number(std::string_view text, bool written_by_hand, const TextOptions& options,
                           const ValuePlace& place) {
    if (is_short_whole(text) && options.thousands == '\0') {
        seen_ |= kWhole;
        whole_digits_ = std::max(whole_digits_, static_cast<unsigned>(text.size() - (text[0] == '-')));
        odd_values_.see_short_whole(whole_digits_);
        return;
    }
    std::string scratch;
    NumberShape shape;
    const auto plain =
        text.find(' ') == std::string_view::npos ? plain_number(text, options, scratch) : std::nullopt;
    if (special_number(text)) {
        if (!written_by_hand) seen_ |= kFraction;  // JSON has it for doubles only
        seen_ |= kSpecial;
        return;
    }
    if (written_by_hand && text == "-0") {
        seen_ |= kSpecial;
        return;
    }
    if (!plain || !number_shape(*plain, shape)) {
        seen_ |= kOther;
        return;
    }
    if (written_by_hand) {
        // Telephone numbers, numbers with zeros in front, article numbers such as 12e4.
        const bool zeros = shape.whole.size() > 1 && shape.whole[0] == '0';
        const bool bare_exponent = shape.has_exponent && !shape.exponent_signed && !shape.has_point;
        const bool minus_zero = shape.negative && shape.digits == 0 && !shape.has_point;
        const bool bare_point = shape.has_point && shape.fraction.empty();
        const bool other = shape.plus_sign || zeros || minus_zero || bare_point;
        if (other || bare_exponent) {
            seen_ |= other ? kOther : kBareExponent;
            return;
        }
    }
    const bool whole = !shape.has_point && !shape.has_exponent && !(shape.negative && shape.digits == 0);
    seen_ |= whole ? kWhole : kFraction;
    whole_digits_ =
        std::max(whole_digits_, static_cast<unsigned>(std::clamp<std::int64_t>(shape.exponent, 1, 1000)));
    std::int64_t value = 0;
    const bool fits_long = whole && dl::scan_int64(*plain, value);
    const bool fits_double = double_keeps(*plain, shape);
    if (whole) long_ = long_ && fits_long;
    double_ = double_ && fits_double;
    odd_values_.see_number(shape, whole, fits_long, fits_double);
    if (!fits_double) odd_values_.see_unkept(text, false, place);
    plain_ = plain_ && !shape.has_exponent;
    if (whole || shape.has_exponent) return;
    const auto scale = static_cast<unsigned>(std::min<std::size_t>(shape.fraction.size(), 1000));
    scale_min_ = std::min(scale_min_, scale);
    scale_max_ = std::max(scale_max_, scale);
    if (written_by_hand && shape.fraction == "0") point_zero_ = true;
    if (written_by_hand && shape.fraction.back() == '0' && shape.fraction != "0" && !ends_in_zeros_) {
        ends_in_zeros_ = true;
        odd_values_.see_unkept(text, true, place);
    }
}

void TypeGuess::see_text(std::string_view text, bool numbers_in_text, const TextOptions& options,
                         const ValuePlace& place) {
    // A number that --true or --false names is one as long as there are others beside it.
    if (named_boolean(text, options) && (text.empty() || !std::strchr("0123456789+-.", text[0]))) {
        seen_ |= kBoolean;
        return;
    }
    std::int64_t value_us = 0;
    if (!options.date_format.empty() && scan_time(text, options.date_format, value_us)) {
        seen_ |= value_us % 86'400'000'000 == 0 ? kDate : kOther;
        return;
    }
    if (!options.timestamp_format.empty() && scan_time(text, options.timestamp_format, value_us)) {
        seen_ |= kTimestamp;
        return;
    }
    if (begins_like_a_date(text)) {
        std::int32_t days = 0;
        std::string scratch;
        if (options.timestamp_format.empty()) text = with_zone_attached(text, scratch);
        if (text.size() == 10 && options.date_format.empty() && dl::scan_date(text, days)) {
            seen_ |= kDate;
        } else if (text.size() > 10 && options.timestamp_format.empty() && !finer_than_microseconds(text) &&
                   dl::scan_timestamp(text, value_us)) {
            const bool zoned = text.find_first_of("Zz+-", 11) != std::string_view::npos;
            seen_ |= zoned ? kZonedTimestamp : kTimestamp;
        } else {
            seen_ |= kOther;
        }
        return;
    }
    if (!numbers_in_text || text.empty()) {
        seen_ |= kOther;
    } else if (text == "true" || text == "false") {
        seen_ |= kBoolean;
    } else {
        see_number(text, true, options, place);
    }
}

void TypeGuess::see(const Field& field, bool numbers_in_text, const TextOptions& options,
                    const ValuePlace& place) {
    if (field.kind == FieldKind::absent || field.kind == FieldKind::null) return;
    see_boolean(field, options);
    // A column of texts, of which nothing more is to be found out.
    if ((seen_ & kOther) != 0 && odd_values_.given_up()) return;
    const auto before = std::exchange(seen_, std::uint16_t{0});
    look_at(field, numbers_in_text, options, place);
    odd_values_.see(kind_of(seen_), field, options, place);
    seen_ |= before;
}

void TypeGuess::see_boolean(const Field& field, const TextOptions& options) {
    if (no_booleans_ || (options.true_texts.empty() && options.false_texts.empty())) return;
    const bool named = field.kind == FieldKind::text && named_boolean(field.text, options);
    named_booleans_ = named_booleans_ || named;
    no_booleans_ = !named && field.kind != FieldKind::boolean &&
                   !(field.kind == FieldKind::text && (field.text == "true" || field.text == "false"));
}

OddValues::Kind TypeGuess::kind_of(std::uint16_t seen) {
    switch (seen) {
        case kWhole:
        case kFraction:
            return OddValues::Kind::number;
        case kBoolean:
            return OddValues::Kind::boolean;
        case kDate:
            return OddValues::Kind::date;
        case kTimestamp:
            return OddValues::Kind::timestamp;
        case kZonedTimestamp:
            return OddValues::Kind::zoned_timestamp;
        case kSpecial:
        case kSpecial | kFraction:
            return OddValues::Kind::special;
        default:
            return OddValues::Kind::odd;
    }
}

void TypeGuess::look_at(const Field& field, bool numbers_in_text, const TextOptions& options,
                        const ValuePlace& place) {
    switch (field.kind) {
        case FieldKind::absent:
        case FieldKind::null:
            return;
        case FieldKind::number:
            return see_number(field.text, false, {}, place);
        case FieldKind::boolean:
            seen_ |= kBoolean;
            return;
        case FieldKind::text:
            return see_text(field.text, numbers_in_text, options, place);
        default:
            seen_ |= kOther;
    }
}

bool TypeGuess::scales_differ(bool is_key) const {
    const bool zeros = ends_in_zeros_ || (is_key && point_zero_);
    const bool whole = (seen_ & kWhole) != 0 && (is_key || ends_in_zeros_);
    return zeros && (scale_min_ != scale_max_ || whole);
}

std::string TypeGuess::number_type(bool is_key) const {
    const auto decimal = [](unsigned whole, unsigned scale) -> std::string {
        const auto precision = std::max(whole + scale, 1u);
        if (precision > kDecimalDigitsMax) return "string";
        return "decimal(" + std::to_string(precision) + "," + std::to_string(scale) + ")";
    };
    if ((seen_ & kFraction) == 0) return long_ ? "long" : decimal(whole_digits_, 0);
    if (double_ && !ends_in_zeros_ && !is_key) return "double";
    if (!plain_ || scales_differ(is_key)) return "string";
    return decimal(whole_digits_, scale_max_);
}

std::string TypeGuess::type(bool is_key) const {
    if (named_booleans_ && !no_booleans_) return "boolean";
    if (seen_ == 0 || (seen_ & kOther) != 0) return "string";
    if ((seen_ & ~(kWhole | kFraction)) == 0) return number_type(is_key);
    const bool doubles = (seen_ & kFraction) != 0 && (seen_ & ~(kWhole | kFraction | kSpecial)) == 0;
    if (doubles && number_type(is_key) == "double") return "double";
    if (seen_ == kBoolean) return "boolean";
    if (seen_ == kDate) return "date";
    if (seen_ == kTimestamp || seen_ == kZonedTimestamp) return "timestamp";
    return "string";
}

}  // namespace datalake::cli
