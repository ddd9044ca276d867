// Dates and timestamps of value_text.h: proleptic Gregorian calendar, UTC, no leap seconds.
#include <cstdint>
#include <limits>

#include "common/types/value_put.h"
#include "common/types/value_scan.h"
#include "common/types/value_text.h"

namespace dl {
namespace {

constexpr std::int64_t kUsPerSecond = 1'000'000;
constexpr std::int64_t kUsPerDay = 86'400 * kUsPerSecond;
// Years whose every timestamp fits 64 bits of microseconds, and DuckDB's range.
constexpr std::int64_t kYearMin = -290'000;
constexpr std::int64_t kYearMax = 294'000;

struct Civil {
    std::int64_t year;
    unsigned month;  // 1..12
    unsigned day;    // 1..31
};

constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

// Days since 1970-01-01, counted in eras of 400 years that begin in March.
constexpr std::int64_t days_of(Civil date) {
    const std::int64_t year = date.year - (date.month <= 2 ? 1 : 0);
    const std::int64_t era = floor_div(year, 400);
    const std::int64_t year_of_era = year - era * 400;
    const std::int64_t month_from_march = (date.month + 9) % 12;
    const std::int64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
    const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146'097 + day_of_era - 719'468;
}

constexpr Civil civil_of(std::int64_t days) {
    const std::int64_t shifted = days + 719'468;
    const std::int64_t era = floor_div(shifted, 146'097);
    const std::int64_t day_of_era = shifted - era * 146'097;
    const std::int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
    const auto day = static_cast<unsigned>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    const auto month =
        static_cast<unsigned>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    return {era * 400 + year_of_era + (month <= 2 ? 1 : 0), month, day};
}
static_assert(days_of({1970, 1, 1}) == 0 && days_of({2000, 3, 1}) == 11'017);
static_assert(civil_of(-1).year == 1969 && civil_of(-1).month == 12 && civil_of(-1).day == 31);

constexpr unsigned days_in_month(std::int64_t year, unsigned month) {
    constexpr unsigned kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return kDays[month - 1] + (month == 2 && leap ? 1 : 0);
}

// A position in the text; take_* advance it only on success.
struct Cursor {
    const char* at;
    const char* end;

    bool done() const { return at == end; }
    bool take(char c) {
        if (at == end || *at != c) return false;
        ++at;
        return true;
    }
    bool take_two_digits(unsigned& value) {
        if (end - at < 2) return false;
        const auto tens = static_cast<unsigned>(at[0] - '0');
        const auto ones = static_cast<unsigned>(at[1] - '0');
        if (tens > 9 || ones > 9) return false;
        value = tens * 10 + ones;
        at += 2;
        return true;
    }
};

// [-]YYYY-MM-DD with four to six digits of year.
bool take_date(Cursor& in, std::int64_t& days) {
    const bool negative = in.take('-');
    std::int64_t year = 0;
    int digits = 0;
    for (; !in.done() && *in.at >= '0' && *in.at <= '9'; ++in.at, ++digits) {
        if (digits == 6) return false;
        year = year * 10 + (*in.at - '0');
    }
    if (digits < 4) return false;
    if (negative) year = -year;
    unsigned month = 0;
    unsigned day = 0;
    if (!in.take('-') || !in.take_two_digits(month) || !in.take('-') || !in.take_two_digits(day))
        return false;
    if (year < kYearMin || year > kYearMax || month < 1 || month > 12 || day < 1) return false;
    if (day > days_in_month(year, month)) return false;
    days = days_of({year, month, day});
    return true;
}

// HH:MM[:SS[.fraction]], in microseconds.
bool take_time(Cursor& in, std::int64_t& us) {
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    std::int64_t fraction_us = 0;
    if (!in.take_two_digits(hour) || !in.take(':') || !in.take_two_digits(minute)) return false;
    if (in.take(':')) {
        if (!in.take_two_digits(second)) return false;
        if (in.take('.')) {
            int digits = 0;
            for (; !in.done() && *in.at >= '0' && *in.at <= '9'; ++in.at, ++digits) {
                if (digits < 6) fraction_us = fraction_us * 10 + (*in.at - '0');
                if (digits == 6 && *in.at >= '5') ++fraction_us;
            }
            if (digits == 0) return false;
            for (; digits < 6; ++digits)
                fraction_us *= 10;
        }
    }
    if (hour > 23 || minute > 59 || second > 59) return false;
    us = (std::int64_t{hour} * 3600 + minute * 60 + second) * kUsPerSecond + fraction_us;
    return true;
}

// Nothing, Z, +HH, +HHMM or +HH:MM; the offset from UTC in microseconds.
bool take_zone(Cursor& in, std::int64_t& us) {
    us = 0;
    if (in.done() || in.take('Z') || in.take('z')) return true;
    const bool negative = in.take('-');
    if (!negative && !in.take('+')) return false;
    unsigned hours = 0;
    unsigned minutes = 0;
    if (!in.take_two_digits(hours)) return false;
    if (!in.done()) {
        in.take(':');
        if (!in.take_two_digits(minutes)) return false;
    }
    if (hours > 15 || minutes > 59) return false;
    us = (std::int64_t{hours} * 60 + minutes) * 60 * kUsPerSecond;
    if (negative) us = -us;
    return true;
}

char* put_two_digits(char* at, unsigned value) {
    *at++ = static_cast<char>('0' + value / 10);
    *at++ = static_cast<char>('0' + value % 10);
    return at;
}

char* put_days(char* at, std::int64_t days) {
    const Civil date = civil_of(days);
    auto year = static_cast<std::uint64_t>(date.year);
    if (date.year < 0) {
        *at++ = '-';
        year = 0 - year;
    }
    char digits[24];
    int count = 0;
    while (year != 0 || count < 4) {
        digits[count++] = static_cast<char>('0' + year % 10);
        year /= 10;
    }
    while (count > 0)
        *at++ = digits[--count];
    *at++ = '-';
    at = put_two_digits(at, date.month);
    *at++ = '-';
    return put_two_digits(at, date.day);
}

}  // namespace

bool scan_timestamp(std::string_view text, std::int64_t& value_us) {
    Cursor in{text.data(), text.data() + text.size()};
    std::int64_t days = 0;
    std::int64_t time_us = 0;
    std::int64_t zone_us = 0;
    if (!take_date(in, days)) return false;
    if (!in.done()) {
        if (!in.take('T') && !in.take(' ')) return false;
        if (!take_time(in, time_us) || !take_zone(in, zone_us) || !in.done()) return false;
    }
    value_us = days * kUsPerDay + time_us - zone_us;
    return true;
}

bool is_timestamp_in_range(std::int64_t value_us) {
    return value_us >= days_of({kYearMin, 1, 1}) * kUsPerDay &&
           value_us < days_of({kYearMax + 1, 1, 1}) * kUsPerDay;
}

bool scan_date(std::string_view text, std::int32_t& value_days) {
    Cursor in{text.data(), text.data() + text.size()};
    std::int64_t days = 0;
    if (!take_date(in, days) || !in.done()) return false;
    value_days = static_cast<std::int32_t>(days);
    return true;
}

Result<std::int64_t> parse_timestamp_us(std::string_view text) {
    std::int64_t value = 0;
    if (!scan_timestamp(text, value)) return invalid_value_error(text, {TypeKind::timestamp});
    return value;
}

Result<std::int32_t> parse_date_days(std::string_view text) {
    std::int32_t value = 0;
    if (!scan_date(text, value)) return invalid_value_error(text, {TypeKind::date});
    return value;
}

char* put_timestamp(char* at, std::int64_t value_us) {
    if (value_us == std::numeric_limits<std::int64_t>::max()) return put_text(at, "infinity");
    if (value_us == -std::numeric_limits<std::int64_t>::max()) return put_text(at, "-infinity");
    const std::int64_t days = floor_div(value_us, kUsPerDay);
    std::int64_t time_us = value_us % kUsPerDay;
    if (time_us < 0) time_us += kUsPerDay;
    const auto seconds = static_cast<unsigned>(time_us / kUsPerSecond);
    auto fraction_us = static_cast<unsigned>(time_us % kUsPerSecond);
    at = put_days(at, days);
    *at++ = ' ';
    at = put_two_digits(at, seconds / 3600);
    *at++ = ':';
    at = put_two_digits(at, seconds / 60 % 60);
    *at++ = ':';
    at = put_two_digits(at, seconds % 60);
    if (fraction_us != 0) {
        *at++ = '.';
        for (int i = 5; i >= 0; --i, fraction_us /= 10)
            at[i] = static_cast<char>('0' + fraction_us % 10);
        at += 6;
    }
    return at;
}

char* put_date(char* at, std::int32_t value_days) {
    // No dates of tables, whose years end long before; of expressions of SELECTs.
    if (value_days == std::numeric_limits<std::int32_t>::max()) return put_text(at, "infinity");
    if (value_days == -std::numeric_limits<std::int32_t>::max()) return put_text(at, "-infinity");
    return put_days(at, value_days);
}

}  // namespace dl
