#include "common/duck/point_select.h"

#include <algorithm>
#include <array>

#include "common/base/ascii.h"
#include "common/types/value_text.h"

namespace dl {

namespace {

// Words that are values where a column could stand.
constexpr std::array<std::string_view, 15> kValueWords = {"true",          "false",
                                                          "null",          "user",
                                                          "current_date",  "current_time",
                                                          "current_user",  "session_user",
                                                          "current_role",  "current_timestamp",
                                                          "localtime",     "rowid",
                                                          "default",       "current_catalog",
                                                          "localtimestamp"};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || c == '_' || is_digit(c);
}

class Cursor {
  public:
    explicit Cursor(std::string_view text) : rest_(text) {}

    bool at_end() {
        blanks();
        return rest_.empty();
    }
    bool take(char c) {
        blanks();
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool keyword(std::string_view word) {
        blanks();
        if (rest_.size() < word.size()) return false;
        for (std::size_t i = 0; i < word.size(); ++i)
            if (ascii_lowercase(rest_[i]) != word[i]) return false;
        if (rest_.size() > word.size() && continues_word(rest_[word.size()])) return false;
        rest_.remove_prefix(word.size());
        return true;
    }
    std::optional<std::string> name() {
        blanks();
        std::size_t length = 0;
        while (length < rest_.size() && is_word(rest_[length]))
            ++length;
        if (length == 0 || is_digit(rest_.front()) ||
            (length < rest_.size() && continues_word(rest_[length])))
            return std::nullopt;
        std::string found(rest_.substr(0, length));
        rest_.remove_prefix(length);
        return found;
    }
    std::optional<KeyLiteral> literal() {
        blanks();
        if (!rest_.empty() && rest_.front() == '\'') return quoted();
        std::size_t length = !rest_.empty() && rest_.front() == '-' ? 1 : 0;
        const std::size_t first_digit = length;
        while (length < rest_.size() && is_digit(rest_[length]))
            ++length;
        if (length == first_digit) return std::nullopt;
        if (length < rest_.size() && (continues_word(rest_[length]) || rest_[length] == '.'))
            return std::nullopt;
        KeyLiteral found{false, std::string(rest_.substr(0, length))};
        rest_.remove_prefix(length);
        return found;
    }

  private:
    static bool continues_word(char c) {
        return is_word(ascii_lowercase(c)) || c == '$' || c == '"' || c == '\'' ||
               static_cast<unsigned char>(c) >= 0x80;
    }
    void blanks() {
        while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t' || rest_.front() == '\n' ||
                                  rest_.front() == '\r'))
            rest_.remove_prefix(1);
    }
    std::optional<KeyLiteral> quoted() {
        KeyLiteral found{true, {}};
        for (std::size_t i = 1; i < rest_.size(); ++i) {
            const char c = rest_[i];
            if (static_cast<unsigned char>(c) < 0x20) return std::nullopt;
            if (c == '\'') {
                if (i + 1 == rest_.size() || rest_[i + 1] != '\'') {
                    if (i + 1 < rest_.size() && continues_word(rest_[i + 1])) return std::nullopt;
                    rest_.remove_prefix(i + 1);
                    return found;
                }
                ++i;
            }
            found.text += c;
        }
        return std::nullopt;
    }

    std::string_view rest_;
};

bool columns_of(Cursor& at, PointSelect& select) {
    if (at.take('*')) return true;
    do {
        auto column = at.name();
        if (!column || std::find(kValueWords.begin(), kValueWords.end(), *column) != kValueWords.end() ||
            std::find(select.columns.begin(), select.columns.end(), *column) != select.columns.end())
            return false;
        select.columns.push_back(std::move(*column));
    } while (at.take(','));
    return true;
}

bool values_of(Cursor& at, PointSelect& select) {
    const bool list = at.keyword("in");
    if (list ? !at.take('(') : !at.take('=')) return false;
    do {
        auto value = at.literal();
        if (!value || select.values.size() == kLookupKeysMax) return false;
        select.values.push_back(std::move(*value));
    } while (list && at.take(','));
    return !list || at.take(')');
}

// Does `text` look like `pattern`, where 9 stands for a digit?
bool matches(std::string_view text, std::string_view pattern) {
    return text.size() == pattern.size() &&
           std::equal(text.begin(), text.end(), pattern.begin(),
                      [](char c, char p) { return p == '9' ? is_digit(c) : c == p; });
}

// 7, -3, 0; no sign, zero or blank more.
bool is_plain_integer(std::string_view text) {
    const auto digits = text.starts_with('-') ? text.substr(1) : text;
    return !digits.empty() && std::all_of(digits.begin(), digits.end(), is_digit) &&
           (digits.front() != '0' || text == "0");
}

// A number without exponent, as 7, -3.25 or 0.50: its digits, and those of the fraction that are not zeros at
// its end.
struct FixedPoint {
    std::size_t digits = 0;
    std::size_t fraction_digits = 0;
};
std::optional<FixedPoint> fixed_point(std::string_view text) {
    const auto point = text.find('.');
    if (!is_plain_integer(text.substr(0, point)) && !text.starts_with("-0.")) return std::nullopt;
    FixedPoint number;
    number.digits = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_digit));
    if (point == std::string_view::npos) return number;
    auto fraction = text.substr(point + 1);
    if (fraction.empty() || !std::all_of(fraction.begin(), fraction.end(), is_digit)) return std::nullopt;
    while (fraction.ends_with('0'))
        fraction.remove_suffix(1);
    number.fraction_digits = fraction.size();
    return number;
}

// With up to so many digits every way from text to double, also through a decimal, gives the same one.
constexpr std::size_t kExactDoubleDigits = 15;

}  // namespace

std::optional<PointSelect> parse_point_select(std::string_view sql) {
    Cursor at(sql);
    PointSelect select;
    if (!at.keyword("select") || !columns_of(at, select) || !at.keyword("from")) return std::nullopt;
    auto table = at.name();
    if (!table || !at.keyword("where")) return std::nullopt;
    select.table = std::move(*table);
    auto key = at.name();
    if (!key || !values_of(at, select)) return std::nullopt;
    select.key = std::move(*key);
    (void)at.take(';');
    if (!at.at_end()) return std::nullopt;
    return select;
}

std::optional<std::string> exact_key_text(const KeyLiteral& literal, DataType type) {
    const auto& text = literal.text;
    switch (type.kind) {
        case TypeKind::int32:
            if (!is_plain_integer(text) || !parse_int32(text)) return std::nullopt;
            return text;
        case TypeKind::int64:
            if (!is_plain_integer(text) || !parse_int64(text)) return std::nullopt;
            return text;
        case TypeKind::string:
            if (!literal.quoted) return std::nullopt;
            return text;
        case TypeKind::date:
            if (!literal.quoted || !matches(text, "9999-99-99") || !parse_date_days(text))
                return std::nullopt;
            return text;
        case TypeKind::timestamp: {
            if (!literal.quoted) return std::nullopt;
            const bool whole = matches(text, "9999-99-99 99:99:99");
            const bool fraction = text.size() > 20 && text.size() <= 26 && text[19] == '.' &&
                                  matches(std::string_view(text).substr(0, 19), "9999-99-99 99:99:99") &&
                                  std::all_of(text.begin() + 20, text.end(), is_digit);
            if ((!whole && !fraction) || !parse_timestamp_us(text)) return std::nullopt;
            return text;
        }
        case TypeKind::decimal: {
            const auto number = fixed_point(text);
            if (!number || number->fraction_digits > type.scale || !parse_decimal(text, type))
                return std::nullopt;
            return text;
        }
        case TypeKind::float64: {
            const auto number = fixed_point(text);
            if (!number || number->digits > kExactDoubleDigits) return std::nullopt;
            return text;
        }
        default:
            return std::nullopt;
    }
}

}  // namespace dl
