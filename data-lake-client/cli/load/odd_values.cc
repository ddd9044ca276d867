#include "data-lake-client/cli/load/odd_values.h"

#include <algorithm>

#include "data-lake-client/cli/load/value_converter.h"

namespace datalake::cli {
namespace {

constexpr std::uint64_t kValuesToKnow = 65'536;
constexpr unsigned kDecimalDigitsMax = 38;

bool takes(dl::TypeKind kind, const Field& field, const TextOptions& options) {
    std::string scratch, reason;
    std::string_view out;
    return ValueConverter({kind, 0, 0}, options).convert(field, scratch, out, reason);
}

bool has_blanks_around(std::string_view text) {
    return text.starts_with(' ') || text.ends_with(' ');
}

// Names and the like, which are most texts, are told from what may be a number, a boolean or a time at once.
bool is_surely_text(const Field& field, const TextOptions& options) {
    if (field.kind == FieldKind::nested) return true;
    if (!options.date_format.empty() || !options.timestamp_format.empty() || !options.true_texts.empty() ||
        !options.false_texts.empty())
        return false;
    const auto first = field.text.find_first_not_of(' ');
    return first == std::string_view::npos ||
           std::string_view("0123456789+-.tTfFnNiI").find(field.text[first]) == std::string_view::npos;
}

std::string decimal_type(unsigned whole, unsigned scale) {
    return "decimal(" + std::to_string(whole + scale) + "," + std::to_string(scale) + ")";
}

}  // namespace

void OddValues::remember(First& first, std::string_view text, const ValuePlace& place) const {
    if (first.at == 0) first = {std::string(text), place, values_ + 1};
}

void OddValues::see_number(const NumberShape& shape, bool is_whole, bool fits_long, bool fits_double) {
    if (!is_whole) fractions_ = true;
    if (is_whole && !fits_long) ++not_long_;
    if (!fits_double) ++not_double_;
    widen(shape);
}

void OddValues::widen(const NumberShape& shape) {
    constexpr std::int64_t kDigitsMax = 1000;
    const auto written = shape.has_exponent ? 0 : static_cast<std::int64_t>(shape.fraction.size());
    const auto scale = std::max(written, shape.digits - shape.exponent);
    whole_digits_ = std::max(whole_digits_,
                             static_cast<unsigned>(std::clamp(shape.exponent, std::int64_t{1}, kDigitsMax)));
    scale_ = std::max(scale_, static_cast<unsigned>(std::clamp(scale, std::int64_t{0}, kDigitsMax)));
}

void OddValues::see_unkept(std::string_view text, bool by_zeros, const ValuePlace& place) {
    remember(by_zeros ? zeros_ : unkept_, text, place);
}

void OddValues::see_odd(const Field& field, const TextOptions& options, bool first_odd) {
    if (is_surely_text(field, options)) {
        ++not_number_;
        ++not_boolean_;
        ++not_date_;
        ++not_timestamp_;
        return;
    }
    std::string scratch;
    NumberShape shape;
    const auto plain = plain_number(field.text, options, scratch);
    const bool number = plain && number_shape(*plain, shape);
    if (first_odd) odd_is_number_ = number;
    if (number || special_number(field.text)) {
        const bool zeros = shape.whole.size() > 1 && shape.whole[0] == '0';
        if (!number || (has_blanks_around(field.text) && !zeros && !shape.plus_sign)) ++near_numbers_;
        if (number) widen(shape);
        if (!number) ++not_decimal_;
        if (!takes(dl::TypeKind::int64, field, options)) ++not_long_;
        if (!takes(dl::TypeKind::float64, field, options)) ++not_double_;
    } else {
        ++not_number_;
    }
    const bool boolean = takes(dl::TypeKind::boolean, field, options);
    if (!boolean) ++not_boolean_;
    if (boolean && !number) ++near_booleans_;
    const bool date = takes(dl::TypeKind::date, field, options);
    const bool timestamp = takes(dl::TypeKind::timestamp, field, options);
    if (!date) ++not_date_;
    if (!timestamp) ++not_timestamp_;
    if (!number && (date || timestamp)) ++near_times_;
}

void OddValues::see(Kind kind, const Field& field, const TextOptions& options, const ValuePlace& place) {
    if (given_up_) return;
    remember(firsts_[static_cast<std::size_t>(kind)], field.text, place);
    ++values_;
    ++counts_[static_cast<std::size_t>(kind)];
    switch (kind) {
        case Kind::number:
            if (field.text != "0" && field.text != "1") ++numbers_not_boolean_;
            if (!options.timestamp_unit || !takes(dl::TypeKind::timestamp, field, options))
                ++numbers_not_timestamp_;
            return;
        case Kind::date:
            if (!options.date_format.empty() && !takes(dl::TypeKind::timestamp, field, options))
                ++dates_not_timestamp_;
            return;
        case Kind::special:
        case Kind::odd:
            see_odd(field, options, kind == Kind::odd && count(Kind::odd) == 1);
            break;
        default:
            return;
    }
    const auto known = values_ - odd_ones() + near_numbers_ + near_booleans_ + near_times_;
    given_up_ = values_ >= kValuesToKnow && known < values_ / 16;
}

std::string OddValues::number_type(bool zeros, std::uint64_t& refused) const {
    const auto whole_digits = whole_digits_, scale = scale_;
    std::string type = "double";
    refused = not_double_;
    if (!fractions_ && not_long_ <= refused) {
        type = "long";
        refused = not_long_;
    }
    const bool has_decimal = whole_digits + scale <= kDecimalDigitsMax;
    if (has_decimal && (not_decimal_ < refused || (zeros && not_decimal_ == refused))) {
        type = decimal_type(whole_digits, scale);
        refused = not_decimal_;
    }
    refused += not_number_ + values_ - count(Kind::number) - odd_ones();
    return type;
}

std::optional<OddValues::Hint> OddValues::hint(bool zeros) const {
    if (given_up_) return std::nullopt;
    const auto numbers = count(Kind::number), booleans = count(Kind::boolean), dates = count(Kind::date);
    const auto times = dates + count(Kind::timestamp) + count(Kind::zoned_timestamp);
    const auto most = [&](std::uint64_t of_type) { return of_type > values_ / 2; };
    Hint hint;
    hint.values = values_;
    auto main = Kind::number;
    if (most(numbers + near_numbers_)) {
        hint.type = number_type(zeros, hint.refused);
    } else if (most(booleans + near_booleans_)) {
        main = Kind::boolean;
        hint.type = "boolean";
        hint.refused = not_boolean_ + numbers_not_boolean_ + times;
    } else if (most(times + near_times_)) {
        const auto not_date = not_date_ + values_ - odd_ones() - dates;
        const auto not_timestamp = not_timestamp_ + dates_not_timestamp_ + numbers_not_timestamp_ + booleans;
        hint.type = not_date <= not_timestamp ? "date" : "timestamp";
        hint.refused = std::min(not_date, not_timestamp);
        for (const auto kind : {Kind::timestamp, Kind::zoned_timestamp, Kind::date})
            if (main == Kind::number || count(kind) > count(main)) main = kind;
    } else {
        return std::nullopt;
    }
    const First* first = nullptr;
    auto kind = main;
    for (std::size_t i = 0; i < kKinds; ++i) {
        if (i == static_cast<std::size_t>(main) || firsts_[i].at == 0) continue;
        if (static_cast<Kind>(i) == Kind::special && main == Kind::number && fractions_) continue;
        if (first != nullptr && first->at < firsts_[i].at) continue;
        first = &firsts_[i];
        kind = static_cast<Kind>(i);
    }
    const bool of_times = main == Kind::timestamp || main == Kind::zoned_timestamp || main == Kind::date;
    if (first == nullptr) {
        first = zeros ? &zeros_ : &unkept_;
        if (first->at == 0) return std::nullopt;
        hint.reason = zeros ? "whose zeros would not come back beside the other numbers"
                            : "which has more digits than a double keeps";
    } else if (main == Kind::number && (kind == Kind::special || (kind == Kind::odd && odd_is_number_))) {
        hint.reason = "which is no plain number";
    } else if (of_times && kind == Kind::date) {
        hint.reason = "which has no time of day, unlike most values";
    } else if (of_times && main == Kind::date && (kind == Kind::timestamp || kind == Kind::zoned_timestamp)) {
        hint.reason = "which has a time of day, unlike most values";
    } else if (of_times && kind == Kind::timestamp) {
        hint.reason = "which names no zone, unlike most values";
    } else if (of_times && kind == Kind::zoned_timestamp) {
        hint.reason = "which names a zone, unlike most values";
    }
    hint.text = first->text;
    hint.place = first->place;
    return hint;
}

}  // namespace datalake::cli
