#include "common/duck/engine_message.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "common/base/ascii.h"

namespace dl {
namespace {

using std::string_view;

bool in_name(char c) {
    return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0;
}

// `SET name =`, `SET name TO` or `PRAGMA name` at the position, as advice has it: not within a value that the
// message shows, which stands behind other words.
bool is_advice(string_view text, std::size_t at) {
    const auto rest = text.substr(at);
    const bool pragma = rest.starts_with("PRAGMA ");
    if (!pragma && !rest.starts_with("SET ")) return false;
    auto end = rest.find(' ') + 1;
    const auto name = end;
    while (end < rest.size() && in_name(rest[end]))
        ++end;
    if (end == name) return false;
    const auto behind = rest.substr(end);
    const bool sets = behind.starts_with('=') || behind.starts_with(" =") || behind.starts_with(" TO ");
    if (!pragma && !sets) return false;
    auto before = text.substr(0, at);
    while (!before.empty() && string_view(" \"'`").find(before.back()) != string_view::npos)
        before.remove_suffix(1);
    if (before.ends_with("(for example)")) return true;
    if (before.empty() || string_view("(*\n").find(before.back()) != string_view::npos) return true;
    auto begin = before.size();
    while (begin > 0 && in_name(before[begin - 1]))
        --begin;
    constexpr std::array<string_view, 8> kWords = {"use", "or",  "using",  "set",
                                                   "run", "via", "enable", "example"};
    return std::ranges::count(kWords, ascii_lowercase(before.substr(begin))) != 0;
}

// Behind the sentence that begins at `from`: behind its full stop or its line, or the end.
std::size_t sentence_end(string_view text, std::size_t from) {
    for (auto at = from; at < text.size(); ++at) {
        if (text[at] == '\n') return at + 1;
        if (text[at] == '.' && (at + 1 == text.size() || text[at + 1] == ' ' || text[at + 1] == '\n'))
            return at + 1;
    }
    return text.size();
}

std::string without_advice(string_view text) {
    constexpr string_view kOr = ", or ";
    std::string out;
    bool dropped = false;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = sentence_end(text, at);
        auto sentence = text.substr(at, end - at);
        at = end;
        std::size_t advice = 0;
        while (advice < sentence.size() && !is_advice(sentence, advice))
            ++advice;
        const auto clause = sentence.substr(0, advice).rfind(kOr);
        if (advice == sentence.size()) {
            // Of a page about the settings.
            if (dropped && sentence.find("https://duckdb.org") != string_view::npos) continue;
            out += sentence;
        } else if (dropped = true; clause != string_view::npos) {
            out += sentence.substr(0, clause);
            if (sentence.ends_with('.')) out += '.';
        }
    }
    if (!dropped) return std::string(text);
    constexpr string_view kList = "Possible solutions:";
    const auto trim = [&] {
        while (!out.empty() && std::isspace(static_cast<unsigned char>(out.back())) != 0)
            out.pop_back();
    };
    trim();
    if (out.ends_with(kList)) out.resize(out.size() - kList.size());
    trim();
    return out;
}

struct Range {
    string_view type;
    string_view ours;
};
constexpr std::array kRanges = {
    Range{"INT8", "tinyint (-128 to 127)"},
    Range{"INT16", "smallint (-32768 to 32767)"},
    Range{"INT32", "int (-2147483648 to 2147483647)"},
    Range{"INT64", "long (-9223372036854775808 to 9223372036854775807)"},
};

// Behind what is looked for, up to `end`; empty when the text has it not.
string_view between(string_view text, string_view begin, string_view end) {
    const auto at = text.find(begin);
    if (at == string_view::npos) return {};
    const auto rest = text.substr(at + begin.size());
    const auto length = rest.find(end);
    return length == string_view::npos ? string_view() : rest.substr(0, length);
}

// Of a text in double quotes, as MySQL takes them, which names a column.
std::string quoted_text_hint(string_view message, std::size_t quote) {
    const auto name = between(message.substr(0, quote), "Referenced column \"", "\" not found");
    if (name.empty() || message.find('"' + std::string(name) + '"', quote) == string_view::npos) return "";
    return "\nA text is written in single quotes: '" + std::string(name) + "'.";
}

// What the engine says in its own terms, said in those of the user; empty: as it is.
std::string in_other_words(string_view text) {
    if (const auto types = between(text, "Unimplemented type for cast (", ")"); !types.empty()) {
        const auto arrow = types.find(" -> ");
        constexpr string_view kColumn = "when casting from source column ";
        const auto at = text.find(kColumn);
        auto column = at == string_view::npos ? string_view() : text.substr(at + kColumn.size());
        column = column.substr(0, column.find('\n'));
        if (arrow != string_view::npos)
            return "there is no conversion from " + std::string(types.substr(0, arrow)) + " to " +
                   std::string(types.substr(arrow + 4)) +
                   (column.empty() ? "" : " (column " + std::string(column) + ")") +
                   ": what is compared, or joined by USING or NATURAL JOIN, has to be of types that "
                   "convert; cast one side, such as cast(a as text), which encode() makes bytes of";
    }
    if (text.find("Type with name unsigned does not exist") != string_view::npos)
        return "there is no type unsigned; of whole numbers from 0 it is ubigint (to 18446744073709551615) "
               "or uinteger (to 4294967295)";
    constexpr string_view kDestination = "out of range for the destination type ";
    if (const auto at = text.find(kDestination); at != string_view::npos) {
        auto type = text.substr(at + kDestination.size());
        type = type.substr(0, type.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"));
        const auto* known = std::ranges::find(kRanges, type, &Range::type);
        if (known != kRanges.end())
            return std::string(text.substr(0, at)) + "out of range for " + std::string(known->ours) +
                   std::string(text.substr(at + kDestination.size() + type.size()));
    }
    return "";
}

}  // namespace

Error engine_error(ErrorCode code, std::string message) {
    if (message.find("Max expression depth limit of ") != std::string::npos)
        return make_error(
            ErrorCode::limit_exceeded,
            "the statement nests expressions more than 1000 deep, also as a chain of operators "
            "(a + b + ..., or x or y ...); split it or write it in a simpler form, such as id in "
            "(1, 2, ...)");
    if (message.find("Deprecated lambda arrow") != std::string::npos)
        return make_error(code,
                          "a function of the elements of a list is written lambda x: x + 1 here, not x -> x "
                          "+ 1, and one of the names of columns columns(lambda c: c like 'a%')");
    // What the message quotes of the statement is the user's.
    const auto quote = std::min(message.find("LINE "), message.size());
    auto told = in_other_words(string_view(message).substr(0, quote));
    if (told.empty()) told = without_advice(string_view(message).substr(0, quote));
    if (const auto hint = quoted_text_hint(message, quote); !hint.empty()) {
        while (!told.empty() && std::isspace(static_cast<unsigned char>(told.back())) != 0)
            told.pop_back();
        told += hint;
    }
    if (told.empty() || told == string_view(message).substr(0, quote))
        return make_error(code, std::move(message));
    if (quote < message.size()) told += "\n\n" + message.substr(quote);
    return make_error(code, std::move(told));
}

}  // namespace dl
