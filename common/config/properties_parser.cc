#include "common/config/properties_parser.h"

namespace dl {
namespace {

constexpr std::string_view kBlanks = " \t\r\f\v";

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// An odd number of backslashes at the end continues the line.
bool continues(std::string_view line) {
    std::size_t count = 0;
    while (count < line.size() && line[line.size() - 1 - count] == '\\')
        ++count;
    return count % 2 == 1;
}

}  // namespace

Result<std::vector<PropertyLine>> parse_properties(std::string_view text) {
    if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
    std::vector<PropertyLine> properties;
    int number = 0;
    while (!text.empty()) {
        std::string logical;
        const int first_line = number + 1;
        for (bool more = true; more && !text.empty();) {
            const auto end = text.find('\n');
            auto line = trim(text.substr(0, end));
            text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
            ++number;
            const bool comment =
                logical.empty() && !line.empty() && (line.front() == '#' || line.front() == '!');
            more = !comment && continues(line);
            if (more) line.remove_suffix(1);
            if (!comment) logical.append(line);
        }
        if (trim(logical).empty()) continue;
        const auto separator = logical.find_first_of("=:");
        const auto key = trim(std::string_view(logical).substr(0, separator));
        if (separator == std::string::npos || key.empty())
            return make_error(ErrorCode::syntax_error, "line " + std::to_string(first_line) +
                                                           " is not 'key = value': " + logical.substr(0, 80));
        properties.push_back({std::string(key),
                              std::string(trim(std::string_view(logical).substr(separator + 1))),
                              first_line});
    }
    return properties;
}

}  // namespace dl
