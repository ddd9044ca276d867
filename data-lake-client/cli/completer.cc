#include "data-lake-client/cli/completer.h"

#include <algorithm>
#include <array>
#include <set>

#include "common/base/ascii.h"
#include "data-lake-client/cli/commands.h"
#include "data-lake-client/cli/result_writer.h"

namespace datalake::cli {
namespace {

constexpr std::array<std::string_view, 68> kKeywords = {
    "select",   "from",    "where",     "group",   "by",      "having",     "order",      "limit",
    "offset",   "join",    "left",      "right",   "inner",   "outer",      "full",       "cross",
    "on",       "using",   "as",        "and",     "or",      "not",        "in",         "is",
    "null",     "like",    "between",   "case",    "when",    "then",       "else",       "end",
    "distinct", "union",   "all",       "with",    "count",   "sum",        "min",        "max",
    "avg",      "desc",    "asc",       "create",  "table",   "drop",       "alter",      "add",
    "column",   "insert",  "into",      "values",  "delete",  "show_table", "max_offset", "compress",
    "check",    "repair",  "primary",   "key",     "default", "int",        "long",       "double",
    "string",   "boolean", "timestamp", "describe"};

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < text.size();) {
        if (!is_word(text[at])) {
            ++at;
            continue;
        }
        const auto begin = at;
        while (at < text.size() && is_word(text[at]))
            ++at;
        words.push_back(dl::ascii_lowercase(text.substr(begin, at - begin)));
    }
    return words;
}

}  // namespace

std::string Completer::common_prefix(const std::vector<std::string>& candidates) {
    if (candidates.empty()) return "";
    std::string prefix = candidates[0];
    for (const auto& candidate : candidates) {
        const auto [end, other] =
            std::mismatch(prefix.begin(), prefix.end(), candidate.begin(), candidate.end());
        prefix.erase(end, prefix.end());
    }
    return prefix;
}

Completer::Completion Completer::complete(std::string_view before, std::string_view statement) const {
    Completion completion;
    std::set<std::string> found;
    const auto trimmed_begin = before.find_first_not_of(" \t\n");
    const bool command = trimmed_begin != std::string_view::npos && before[trimmed_begin] == '\\';
    auto begin = before.size();
    while (begin > 0 && is_word(before[begin - 1]))
        --begin;
    const auto word = dl::ascii_lowercase(before.substr(begin));
    const auto offer = [&](std::string_view candidate) {
        if (candidate.starts_with(word)) found.emplace(candidate);
    };
    if (command) {
        const auto blank = before.find_first_of(" \t", trimmed_begin);
        if (blank == std::string_view::npos) {
            completion.word_begin = trimmed_begin;
            const auto name = before.substr(trimmed_begin + 1);
            for (const auto& help : command_list())
                if (help.name.starts_with(name)) found.insert("\\" + std::string(help.name));
            completion.candidates.assign(found.begin(), found.end());
            return completion;
        }
        const auto name = before.substr(trimmed_begin, blank - trimmed_begin);
        if (name == "\\format")
            for (const auto* format : {"table", "json", "csv", "ndjson", "vertical"})
                offer(format);
        if (name == "\\d" || name == "\\l" || name == "\\tail" || name == "\\load")
            for (const auto& table : tables_())
                offer(table);
    } else {
        const auto earlier = words_of(before.substr(0, begin));
        const std::string last = earlier.empty() ? "" : earlier.back();
        const bool wants_table = last == "from" || last == "join" || last == "into" || last == "table" ||
                                 last == "desc" || last == "describe" || last == "max_offset" ||
                                 last == "compress" || last == "check" ||
                                 (last == "drop" && earlier.size() == 1);
        const auto tables = tables_();
        for (const auto& table : tables)
            offer(table);
        if (!wants_table && !word.empty())
            for (const auto keyword : kKeywords)
                offer(keyword);
        if (!wants_table) {
            const auto words = words_of(statement);
            for (const auto& table : tables)
                if (std::find(words.begin(), words.end(), table) != words.end())
                    for (const auto& column : columns_(table))
                        offer(column);
        }
    }
    completion.word_begin = begin;
    completion.candidates.assign(found.begin(), found.end());
    return completion;
}

}  // namespace datalake::cli
