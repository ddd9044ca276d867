#include "data-lake-client/cli/load/time_format.h"

#include <array>
#include <chrono>

#include "common/base/ascii.h"

namespace datalake::cli {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"january",   "february", "march",    "april",
                                                      "may",       "june",     "july",     "august",
                                                      "september", "october",  "november", "december"};
constexpr std::array<std::string_view, 7> kDays = {"sunday",   "monday", "tuesday", "wednesday",
                                                   "thursday", "friday", "saturday"};

struct Cursor {
    std::string_view left;

    bool number(int digits_min, int digits_max, int& value) {
        int digits = 0;
        value = 0;
        while (digits < digits_max && !left.empty() && left[0] >= '0' && left[0] <= '9') {
            value = value * 10 + (left[0] - '0');
            left.remove_prefix(1);
            ++digits;
        }
        return digits >= digits_min;
    }
    template <std::size_t N>
    bool word(const std::array<std::string_view, N>& words, bool whole, int& index) {
        for (std::size_t i = 0; i < N; ++i) {
            const auto word = whole ? words[i] : words[i].substr(0, 3);
            if (left.size() < word.size()) continue;
            bool same = true;
            for (std::size_t c = 0; c < word.size() && same; ++c)
                same = dl::ascii_lowercase(left[c]) == word[c];
            if (!same) continue;
            left.remove_prefix(word.size());
            index = static_cast<int>(i);
            return true;
        }
        return false;
    }
    bool zone(int& seconds) {
        if (!left.empty() && left[0] == 'Z') {
            left.remove_prefix(1);
            return true;
        }
        if (left.empty() || (left[0] != '+' && left[0] != '-')) return false;
        const int sign = left[0] == '-' ? -1 : 1;
        left.remove_prefix(1);
        int hours = 0, minutes = 0;
        if (!number(2, 2, hours)) return false;
        if (!left.empty() && left[0] == ':') left.remove_prefix(1);
        if (!left.empty() && left[0] >= '0' && left[0] <= '9' && !number(2, 2, minutes)) return false;
        if (hours > 15 || minutes > 59) return false;
        seconds = sign * (hours * 60 + minutes) * 60;
        return true;
    }
};

struct Parts {
    int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, us = 0, zone = 0;
    bool twelve = false;
    int afternoon = -1;
};

bool take(Cursor& in, char letter, Parts& parts) {
    int ignored = 0;
    switch (letter) {
        case 'Y':
            return in.number(4, 4, parts.year);
        case 'y':
            if (!in.number(2, 2, parts.year)) return false;
            parts.year += parts.year < 69 ? 2000 : 1900;
            return true;
        case 'm':
            return in.number(1, 2, parts.month);
        case 'd':
            return in.number(1, 2, parts.day);
        case 'H':
            return in.number(1, 2, parts.hour);
        case 'I':
            parts.twelve = true;
            return in.number(1, 2, parts.hour) && parts.hour >= 1 && parts.hour <= 12;
        case 'p': {
            constexpr std::array<std::string_view, 2> kHalves = {"am", "pm"};
            return in.word(kHalves, true, parts.afternoon);
        }
        case 'M':
            return in.number(1, 2, parts.minute);
        case 'S':
            return in.number(1, 2, parts.second);
        case 'f': {
            const auto before = in.left.size();
            if (!in.number(1, 6, parts.us)) return false;
            for (auto digits = before - in.left.size(); digits < 6; ++digits)
                parts.us *= 10;
            return true;
        }
        case 'b':
        case 'B':
            if (!in.word(kMonths, letter == 'B', parts.month)) return false;
            ++parts.month;
            return true;
        case 'a':
        case 'A':
            return in.word(kDays, letter == 'A', ignored);
        case 'z':
            return in.zone(parts.zone);
        case '%':
            if (!in.left.starts_with('%')) return false;
            in.left.remove_prefix(1);
            return true;
        default:
            return false;
    }
}

}  // namespace

bool is_time_format(std::string_view format) {
    bool year = false, month = false, day = false;
    for (std::size_t i = 0; i < format.size(); ++i) {
        if (format[i] != '%') continue;
        ++i;
        if (i < format.size() && format[i] == '-') ++i;
        if (i == format.size() ||
            std::string_view("YymdHIpMSfbBaAz%").find(format[i]) == std::string_view::npos)
            return false;
        year = year || format[i] == 'Y' || format[i] == 'y';
        month = month || format[i] == 'm' || format[i] == 'b' || format[i] == 'B';
        day = day || format[i] == 'd';
    }
    return year && month && day;
}

bool scan_time(std::string_view text, std::string_view format, std::int64_t& value_us) {
    Cursor in{text};
    Parts parts;
    for (std::size_t i = 0; i < format.size(); ++i) {
        if (format[i] == '%' && i + 1 < format.size()) {
            ++i;
            if (format[i] == '-' && i + 1 < format.size()) ++i;
            if (!take(in, format[i], parts)) return false;
        } else {
            if (!in.left.starts_with(format[i])) return false;
            in.left.remove_prefix(1);
        }
    }
    if (!in.left.empty()) return false;
    if (parts.afternoon >= 0) {
        if (!parts.twelve) return false;
        parts.hour = parts.hour % 12 + (parts.afternoon == 1 ? 12 : 0);
    }
    const std::chrono::year_month_day date{std::chrono::year(parts.year),
                                           std::chrono::month(static_cast<unsigned>(parts.month)),
                                           std::chrono::day(static_cast<unsigned>(parts.day))};
    if (!date.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 59) return false;
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    value_us = ((days * 24 + parts.hour) * 60 + parts.minute) * 60'000'000 +
               (std::int64_t{parts.second} - parts.zone) * 1'000'000 + parts.us;
    return true;
}

}  // namespace datalake::cli
