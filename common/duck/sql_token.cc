#include "common/duck/sql_token.h"

#include <cstddef>

namespace dl {

namespace {

bool is_letter(unsigned char c) {
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}
bool starts_word(unsigned char c) {
    return is_letter(c) || c == '_' || c >= 0x80;
}
bool in_word(unsigned char c) {
    return starts_word(c) || (c >= '0' && c <= '9') || c == '$';
}

// Bytes of the blank at the front of `text`, 0 if there is none. DuckDB takes these characters for blanks
// too.
std::size_t blank_bytes(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
    };
    if (byte(0) <= ' ') return 1;
    if (byte(0) == 0xC2 && byte(1) == 0xA0) return 2;
    if (byte(0) == 0xE2 && byte(1) == 0x80 && ((byte(2) >= 0x80 && byte(2) <= 0x8D) || byte(2) == 0xAF))
        return 3;
    if (byte(0) == 0xE2 && byte(1) == 0x81 && (byte(2) == 0x9F || byte(2) == 0xA0)) return 3;
    if (byte(0) == 0xE3 && byte(1) == 0x80 && byte(2) == 0x80) return 3;
    if (byte(0) == 0xEF && byte(1) == 0xBB && byte(2) == 0xBF) return 3;
    return 0;
}

// Bytes of the comment at the front, 0 if there is none. Block comments nest.
std::size_t comment_bytes(std::string_view text) {
    if (text.starts_with("--")) {
        const auto end = text.find_first_of("\r\n", 2);
        return end == std::string_view::npos ? text.size() : end;
    }
    if (!text.starts_with("/*")) return 0;
    std::size_t depth = 1;
    std::size_t at = 2;
    while (at < text.size() && depth != 0) {
        if (text.substr(at).starts_with("/*")) {
            ++depth;
            at += 2;
        } else if (text.substr(at).starts_with("*/")) {
            --depth;
            at += 2;
        } else {
            ++at;
        }
    }
    return at;
}

// Bytes of the quoted text at the front, which begins with `quote`.
std::size_t quoted_bytes(std::string_view text, char quote, bool backslashes) {
    std::size_t at = 1;
    while (at < text.size()) {
        if (backslashes && text[at] == '\\') {
            at += 2;
        } else if (text[at] != quote) {
            ++at;
        } else if (at + 1 < text.size() && text[at + 1] == quote) {
            at += 2;
        } else {
            return at + 1;
        }
    }
    return text.size();
}

// Bytes of a $tag$...$tag$ text at the front, 0 if there is none.
std::size_t dollar_quoted_bytes(std::string_view text) {
    std::size_t tag = 1;
    if (tag < text.size() && starts_word(static_cast<unsigned char>(text[tag]))) {
        while (tag < text.size() && text[tag] != '$' && in_word(static_cast<unsigned char>(text[tag])))
            ++tag;
    }
    if (tag >= text.size() || text[tag] != '$') return 0;
    const auto delimiter = text.substr(0, tag + 1);
    const auto end = text.find(delimiter, tag + 1);
    return end == std::string_view::npos ? text.size() : end + delimiter.size();
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::size_t digits_at(std::string_view text, std::size_t from) {
    std::size_t at = from;
    while (at < text.size() && is_digit(text[at]))
        ++at;
    return at - from;
}

// Bytes of the number at the front: digits, a point, an exponent; 0 if there is none.
std::size_t number_bytes(std::string_view text) {
    std::size_t at = digits_at(text, 0);
    if (at < text.size() && text[at] == '.') {
        const auto fraction = digits_at(text, at + 1);
        if (at == 0 && fraction == 0) return 0;
        at += 1 + fraction;
    }
    if (at == 0 || at >= text.size() || (text[at] | 0x20) != 'e') return at;
    const std::size_t sign = at + 1 < text.size() && (text[at + 1] == '+' || text[at + 1] == '-') ? 1 : 0;
    const auto exponent = digits_at(text, at + 1 + sign);
    return exponent == 0 ? at : at + 1 + sign + exponent;
}

SqlToken token_at_front(std::string_view text) {
    using Kind = SqlToken::Kind;
    const char c = text.front();
    std::size_t bytes = blank_bytes(text);
    if (bytes == 0) bytes = comment_bytes(text);
    if (bytes != 0) return {Kind::blank, text.substr(0, bytes)};
    if (c == '\'') return {Kind::literal, text.substr(0, quoted_bytes(text, c, false))};
    if (c == '"') return {Kind::quoted_name, text.substr(0, quoted_bytes(text, c, false))};
    if (c == '$') {
        const auto quoted = dollar_quoted_bytes(text);
        if (quoted != 0) return {Kind::literal, text.substr(0, quoted)};
        const auto digits = digits_at(text, 1);
        if (digits != 0) return {Kind::parameter, text.substr(0, 1 + digits)};
    }
    if (const auto number = number_bytes(text); number != 0) return {Kind::number, text.substr(0, number)};
    if (!starts_word(static_cast<unsigned char>(c))) return {Kind::symbol, text.substr(0, 1)};
    std::size_t end = 1;
    while (end < text.size() && in_word(static_cast<unsigned char>(text[end])) &&
           blank_bytes(text.substr(end)) == 0)
        ++end;
    if (end == 1 && (c == 'e' || c == 'E') && end < text.size() && text[end] == '\'')
        return {Kind::literal, text.substr(0, end + quoted_bytes(text.substr(end), '\'', true))};
    return {Kind::word, text.substr(0, end)};
}

}  // namespace

SqlToken take_sql_token(std::string_view& sql) {
    const auto token = token_at_front(sql);
    sql.remove_prefix(token.text.size());
    return token;
}

std::string_view name_text(const SqlToken& token) {
    auto name = token.text;
    if (token.kind != SqlToken::Kind::quoted_name) return name;
    name.remove_prefix(1);
    if (name.ends_with('"')) name.remove_suffix(1);
    return name;
}

}  // namespace dl
