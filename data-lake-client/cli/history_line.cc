#include "data-lake-client/cli/history_line.h"

namespace datalake::cli {
namespace {

bool is_line_end(char c) {
    return c == '\n' || c == '\r';
}

}  // namespace

std::optional<std::string> history_line(std::string_view statement) {
    if (statement.find_first_of("\n\r") == std::string_view::npos) return std::string(statement);
    const auto first = statement.find_first_not_of(" \t\n\r");
    const bool is_json = first != std::string_view::npos &&
                         std::string_view("{[").find(statement[first]) != std::string_view::npos;
    if (!is_json && statement.find("$$") != std::string_view::npos) return std::nullopt;
    std::string line;
    line.reserve(statement.size() + 8);
    for (std::size_t at = 0; at < statement.size(); ++at) {
        const char c = statement[at];
        const auto rest = statement.substr(at);
        if (is_line_end(c)) {
            line += ' ';
        } else if (is_json) {
            line += c;  // no line ends within its strings
        } else if (c == '\'' || c == '"') {
            const auto end = statement.find(c, at + 1);
            const auto text = rest.substr(0, end == std::string_view::npos ? end : end - at + 1);
            if (text.find_first_of("\n\r") != std::string_view::npos) return std::nullopt;
            line += text;
            at += text.size() - 1;
        } else if (rest.starts_with("--")) {
            const auto text = rest.substr(2, rest.find_first_of("\n\r") - 2);
            line += "/*";
            for (const char d : text)
                line += d == '*' || d == '/' ? ' ' : d;
            line += " */";
            at += 1 + text.size();
        } else if (rest.starts_with("/*")) {
            const auto end = rest.find("*/", 2);
            for (const char d : rest.substr(0, end == std::string_view::npos ? end : end + 2))
                line += is_line_end(d) ? ' ' : d;
            at = end == std::string_view::npos ? statement.size() : at + end + 1;
        } else {
            line += c;
        }
    }
    return line;
}

}  // namespace datalake::cli
