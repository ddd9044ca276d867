// Patterns of to_char() (PostgreSQL, Oracle) and date_format() (MySQL, MariaDB) as those of strftime().
#include <algorithm>
#include <array>

#include "common/base/ascii.h"
#include "common/base/quoted_value.h"
#include "master/sql/macros.h"

namespace dl::master {
namespace {

struct Part {
    std::string_view pattern;
    std::string_view strftime;
};

// The longest that fits counts. What pads with blanks there (Month, Day) is only there with FM.
constexpr std::array kToChar = {
    Part{"YYYY", "%Y"},    Part{"yyyy", "%Y"},  Part{"YY", "%y"},    Part{"yy", "%y"},
    Part{"IYYY", "%G"},    Part{"MM", "%m"},    Part{"mm", "%m"},    Part{"DDD", "%j"},
    Part{"DD", "%d"},      Part{"dd", "%d"},    Part{"HH24", "%H"},  Part{"hh24", "%H"},
    Part{"HH12", "%I"},    Part{"hh12", "%I"},  Part{"HH", "%I"},    Part{"hh", "%I"},
    Part{"MI", "%M"},      Part{"mi", "%M"},    Part{"SS", "%S"},    Part{"ss", "%S"},
    Part{"MS", "%g"},      Part{"ms", "%g"},    Part{"US", "%f"},    Part{"us", "%f"},
    Part{"FF3", "%g"},     Part{"FF6", "%f"},   Part{"AM", "%p"},    Part{"PM", "%p"},
    Part{"Mon", "%b"},     Part{"Dy", "%a"},    Part{"IW", "%V"},    Part{"FMMonth", "%B"},
    Part{"FMDay", "%A"},   Part{"FMDD", "%-d"}, Part{"FMMM", "%-m"}, Part{"FMHH24", "%-H"},
    Part{"FMHH12", "%-I"}, Part{"FMHH", "%-I"}, Part{"FMMI", "%-M"}, Part{"FMSS", "%-S"},
};

constexpr std::array kDateFormat = {
    Part{"%Y", "%Y"},          Part{"%y", "%y"}, Part{"%m", "%m"},  Part{"%c", "%-m"}, Part{"%d", "%d"},
    Part{"%e", "%-d"},         Part{"%H", "%H"}, Part{"%k", "%-H"}, Part{"%h", "%I"},  Part{"%I", "%I"},
    Part{"%l", "%-I"},         Part{"%i", "%M"}, Part{"%s", "%S"},  Part{"%S", "%S"},  Part{"%f", "%f"},
    Part{"%T", "%H:%M:%S"},    Part{"%p", "%p"}, Part{"%M", "%B"},  Part{"%b", "%b"},  Part{"%W", "%A"},
    Part{"%r", "%I:%M:%S %p"}, Part{"%a", "%a"}, Part{"%j", "%j"},  Part{"%w", "%w"},  Part{"%v", "%V"},
    Part{"%x", "%G"},          Part{"%%", "%%"},
};

template <class Parts>
const Part* longest(const Parts& parts, std::string_view text) {
    const Part* found = nullptr;
    for (const auto& part : parts)
        if (text.starts_with(part.pattern) &&
            (found == nullptr || part.pattern.size() > found->pattern.size()))
            found = &part;
    return found;
}

Error no_counterpart(std::string_view function, std::string_view part) {
    return make_error(ErrorCode::not_supported,
                      std::string(function) + "() with the pattern " + quoted_value(part) +
                          " is not supported; write strftime(time, '%Y-%m-%d %H:%M:%S') with the parts of "
                          "strftime");
}

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

Result<std::string> strftime_of_to_char(std::string_view pattern) {
    std::string out;
    for (auto rest = pattern; !rest.empty();) {
        // These pad with blanks there; and "Mon" of "Month" would be found.
        for (const std::string_view padded : {"Month", "MONTH", "month", "Day", "DAY", "day"})
            if (rest.starts_with(padded))
                return make_error(ErrorCode::not_supported,
                                  "to_char() with the pattern " + quoted_value(padded) +
                                      " pads with blanks elsewhere and is not supported; write " +
                                      (ascii_lowercase(padded) == "day" ? "FMDay" : "FMMonth") +
                                      ", or strftime(time, '%B') for months and '%A' for days");
        if (const auto* part = longest(kToChar, rest); part != nullptr) {
            out += part->strftime;
            rest.remove_prefix(part->pattern.size());
            continue;
        }
        if (rest.front() == '"') {
            const auto end = rest.find('"', 1);
            if (end == std::string_view::npos) return no_counterpart("to_char", rest);
            for (const char c : rest.substr(1, end - 1))
                out += c == '%' ? std::string("%%") : std::string(1, c);
            rest.remove_prefix(end + 1);
            continue;
        }
        if (is_alphanumeric(rest.front()) && rest.front() != 'T') {  // the T of ISO 8601
            const auto end = std::find_if_not(rest.begin(), rest.end(), is_alphanumeric);
            return no_counterpart("to_char", rest.substr(0, static_cast<std::size_t>(end - rest.begin())));
        }
        if (rest.front() == '%') out += '%';
        out += rest.front();
        rest.remove_prefix(1);
    }
    return out;
}

Result<std::string> strftime_of_date_format(std::string_view pattern) {
    std::string out;
    for (auto rest = pattern; !rest.empty();) {
        if (rest.front() != '%') {
            out += rest.front();
            rest.remove_prefix(1);
            continue;
        }
        const auto* part = longest(kDateFormat, rest);
        if (part == nullptr) return no_counterpart("date_format", rest.substr(0, 2));
        out += part->strftime;
        rest.remove_prefix(part->pattern.size());
    }
    return out;
}

}  // namespace dl::master
