#include "common/config/config_value.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>

#include "common/base/ascii.h"

namespace dl {
namespace {

Error wrong(std::string what) {
    return make_error(ErrorCode::invalid_value, std::move(what));
}

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

struct Unit {
    std::string_view name;
    std::int64_t factor;
};

// Digits, then one of the units.
Result<std::int64_t> parse_with_unit(std::string_view text, std::span<const Unit> units,
                                     std::string_view expected) {
    const auto failed = [&] { return wrong("is not " + std::string(expected)); };
    std::int64_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec == std::errc::result_out_of_range) return wrong("is too large");
    if (parsed.ec != std::errc{}) return failed();
    const auto unit = ascii_lowercase(trim(text.substr(static_cast<std::size_t>(parsed.ptr - text.data()))));
    for (const auto& candidate : units) {
        if (unit != candidate.name) continue;
        std::int64_t value = 0;
        if (__builtin_mul_overflow(number, candidate.factor, &value)) return wrong("is too large");
        return value;
    }
    return failed();
}

}  // namespace

Result<std::int64_t> parse_config_integer(std::string_view text) {
    static constexpr Unit units[] = {{"", 1}};
    return parse_with_unit(trim(text), units, "a whole number");
}

Result<std::int64_t> parse_config_bytes(std::string_view text) {
    static constexpr std::int64_t k = 1024;
    static constexpr Unit units[] = {{"", 1},
                                     {"b", 1},
                                     {"k", k},
                                     {"kb", k},
                                     {"kib", k},
                                     {"m", k * k},
                                     {"mb", k * k},
                                     {"mib", k * k},
                                     {"g", k * k * k},
                                     {"gb", k * k * k},
                                     {"gib", k * k * k},
                                     {"t", k * k * k * k},
                                     {"tb", k * k * k * k},
                                     {"tib", k * k * k * k}};
    return parse_with_unit(trim(text), units, "a number of bytes, written like 67108864, 64m or 1g");
}

Result<std::int64_t> parse_config_milliseconds(std::string_view text) {
    static constexpr Unit units[] = {{"", 1},        {"ms", 1},        {"s", 1000},
                                     {"min", 60000}, {"h", 3'600'000}, {"d", 86'400'000}};
    return parse_with_unit(trim(text), units,
                           "a duration in milliseconds, or written like 500ms, 10s, 5min or 1h");
}

Result<bool> parse_config_boolean(std::string_view text) {
    const auto word = ascii_lowercase(trim(text));
    if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
    if (word == "false" || word == "no" || word == "off" || word == "0") return false;
    return wrong("is not true or false");
}

Result<std::vector<std::string>> parse_config_list(std::string_view text) {
    std::vector<std::string> items;
    text = trim(text);
    if (!text.empty() && text.front() == '[') {
        const auto json = nlohmann::json::parse(text, nullptr, false);
        if (!json.is_array())
            return wrong("is not a list: a JSON array of strings, or items with commas between");
        for (const auto& item : json) {
            if (!item.is_string()) return wrong("has an item that is not a string");
            items.emplace_back(trim(item.get_ref<const std::string&>()));
        }
    } else {
        while (!text.empty()) {
            const auto comma = text.find(',');
            items.emplace_back(trim(text.substr(0, comma)));
            if (comma == std::string_view::npos) break;
            text.remove_prefix(comma + 1);
            if (trim(text).empty()) items.emplace_back();
        }
    }
    if (std::find(items.begin(), items.end(), "") != items.end()) return wrong("has an empty item");
    return items;
}

std::string config_bytes_text(std::int64_t bytes) {
    static constexpr std::pair<int, char> units[] = {{40, 't'}, {30, 'g'}, {20, 'm'}, {10, 'k'}};
    for (const auto& [shift, letter] : units)
        if (bytes > 0 && bytes % (std::int64_t{1} << shift) == 0)
            return std::to_string(bytes >> shift) + letter;
    return std::to_string(bytes);
}

}  // namespace dl
