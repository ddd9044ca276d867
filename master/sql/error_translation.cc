#include "master/sql/error_translation.h"

#include <algorithm>
#include <cctype>

namespace dl::master {

namespace {

constexpr std::string_view kQuote = "LINE ";
// So much of a quote tells whose text it is: what follows may be cut short, or be the marker below the line.
constexpr std::size_t kQuoteBytes = 16;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool in_name(char c) {
    return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0;
}

// Where "LINE 12: " begins, and what stands behind it.
struct Quote {
    std::size_t begin;
    std::string_view text;
};
std::optional<Quote> quote_in(std::string_view message) {
    for (auto at = message.find(kQuote); at != std::string_view::npos; at = message.find(kQuote, at + 1)) {
        auto end = at + kQuote.size();
        while (end < message.size() && is_digit(message[end]))
            ++end;
        const bool numbered = end > at + kQuote.size() && message.substr(end).starts_with(": ");
        if (numbered && (at == 0 || std::isspace(static_cast<unsigned char>(message[at - 1])) != 0))
            return Quote{at, message.substr(end + 2)};
    }
    return std::nullopt;
}

bool reads_so(std::string_view quoted, std::string_view sent) {
    while (quoted.starts_with('.') || quoted.starts_with(' '))
        quoted.remove_prefix(1);
    quoted = quoted.substr(0, std::min(kQuoteBytes, quoted.find('\n')));
    while (quoted.ends_with('.') || quoted.ends_with(' '))
        quoted.remove_suffix(1);
    return !quoted.empty() && sent.find(quoted) != std::string_view::npos;
}

// What a name of ours stands for; empty for a name of somebody else.
std::string meaning_of(std::string_view name, const std::vector<Fragment>& fragments) {
    for (const auto& fragment : fragments) {
        if (fragment.view == name) return fragment.table->name;
        for (const auto& broadcast : fragment.broadcasts)
            if (broadcast->view == name) return broadcast->rows.table->name;
    }
    // Columns of fragments: dl_g0 (a group), dl_p0 (a part of an aggregate), dl_c0, dl_o0
    const bool column = name.size() > 4 && name.starts_with("dl_") &&
                        std::string_view("gpco").find(name[3]) != std::string_view::npos &&
                        std::all_of(name.begin() + 4, name.end(), is_digit);
    return column ? "(computed)" : "";
}

}  // namespace

Error translated_error(Error error, std::string_view sent, const std::vector<Fragment>& fragments) {
    if (const auto quote = quote_in(error.message); quote && !reads_so(quote->text, sent)) {
        error.message.resize(quote->begin);
        while (!error.message.empty() && std::isspace(static_cast<unsigned char>(error.message.back())) != 0)
            error.message.pop_back();
    }
    const std::string text = std::exchange(error.message, {});
    for (std::size_t at = 0; at < text.size();) {
        auto end = at;
        while (end < text.size() && in_name(text[end]))
            ++end;
        if (end == at) {
            error.message += text[at++];
            continue;
        }
        const auto name = std::string_view(text).substr(at, end - at);
        const auto meaning = name.starts_with("dl_") && sent.find(name) == std::string_view::npos
                                 ? meaning_of(name, fragments)
                                 : "";
        error.message += meaning.empty() ? name : std::string_view(meaning);
        at = end;
    }
    return error;
}

Error with_quote_of(Error error, std::string_view written, std::string_view sent) {
    const auto quote = quote_in(error.message);
    if (!quote || !quote->text.starts_with(written)) return error;
    const auto at = static_cast<std::size_t>(quote->text.data() - error.message.data());
    error.message.replace(at, written.size(), sent);
    // The marker stands below, behind blanks.
    const auto line_end = error.message.find('\n', at);
    if (line_end == std::string::npos) return error;
    const auto mark = error.message.find_first_not_of(' ', line_end + 1);
    if (mark == std::string::npos || error.message[mark] != '^') return error;
    const auto blanks = mark - line_end - 1;
    if (sent.size() >= written.size())
        error.message.insert(line_end + 1, sent.size() - written.size(), ' ');
    else
        error.message.erase(line_end + 1, std::min(blanks, written.size() - sent.size()));
    return error;
}

}  // namespace dl::master
