#include "data-lake-client/cli/load/parquet_nested.h"

#include <unordered_set>
#include <vector>

namespace datalake::cli {

std::optional<std::string> with_wide_decimals(std::string_view duck_type) {
    constexpr std::string_view kDecimal = "DECIMAL(";
    std::string wide;
    bool found = false;
    for (std::size_t i = 0; i < duck_type.size();) {
        if (duck_type[i] == '"') {  // the name of a field; a quote within it is doubled
            const auto end = duck_type.find('"', i + 1);
            const auto next = end == std::string_view::npos ? duck_type.size() : end + 1;
            wide += duck_type.substr(i, next - i);
            i = next;
            continue;
        }
        const bool begins = i == 0 || duck_type[i - 1] == ' ' || duck_type[i - 1] == '(';
        if (!begins || !duck_type.substr(i).starts_with(kDecimal)) {
            wide += duck_type[i++];
            continue;
        }
        i = duck_type.find(',', i);
        if (i == std::string_view::npos) return std::nullopt;
        wide += "DECIMAL(38";
        found = true;
    }
    return found ? std::optional(wide) : std::nullopt;
}

bool may_have_map(std::string_view duck_type) {
    return duck_type.find("MAP(") != std::string_view::npos;
}

std::optional<std::string_view> repeated_json_key(std::string_view json) {
    std::vector<std::unordered_set<std::string_view>> keys;  // of the objects that are open
    for (std::size_t i = 0; i < json.size(); ++i) {
        if (json[i] == '{') keys.emplace_back();
        if (json[i] == '}' && !keys.empty()) keys.pop_back();
        if (json[i] != '"') continue;
        const auto begin = i++;
        while (i < json.size() && json[i] != '"')
            i += json[i] == '\\' ? 2 : 1;
        const auto text = json.substr(begin, i - begin + 1);
        const auto behind = json.find_first_not_of(" \t\r\n", i + 1);
        if (behind == std::string_view::npos || json[behind] != ':' || keys.empty()) continue;
        if (!keys.back().insert(text).second) return text;
    }
    return std::nullopt;
}

}  // namespace datalake::cli
