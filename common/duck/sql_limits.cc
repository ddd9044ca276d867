#include "common/duck/sql_limits.h"

#include <string>
#include <vector>

#include "common/base/limits.h"
#include "common/types/value_text.h"

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

bool same_word(std::string_view word, std::string_view lower) {
    if (word.size() != lower.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
        if ((word[i] | 0x20) != lower[i]) return false;
    }
    return true;
}

Error too_much(const char* what, std::size_t max) {
    return make_error(ErrorCode::limit_exceeded, std::string("the statement has more than ") +
                                                     std::to_string(max) + " " + what +
                                                     "; split it or write it in a simpler form");
}

class TextCheck {
  public:
    Result<void> word(std::string_view text) {
        const bool after_as = as_ || (materialized_ && same_word(text, "materialized"));
        if (same_word(text, "and") || same_word(text, "or")) {
            if (++conjunctions_ > limits::sql_conjunctions_max) {
                return too_much("AND and OR", limits::sql_conjunctions_max);
            }
        } else if (same_word(text, "with")) {
            with_depths_.push_back(depth_);
            if (with_depths_.size() > limits::sql_with_nesting_max) {
                return too_much("WITH inside each other", limits::sql_with_nesting_max);
            }
        } else if (same_word(text, "time") && last_with_) {
            with_depths_.pop_back();  // TIMESTAMP WITH TIME ZONE
        }
        last_with_ = same_word(text, "with");
        // `AS (`, `AS MATERIALIZED (`, `AS NOT MATERIALIZED (`
        as_ = same_word(text, "as") ||
              (after_as && (same_word(text, "not") || same_word(text, "materialized")));
        materialized_ = as_;
        return {};
    }
    Result<void> open() {
        if (as_ && ++common_tables_ > limits::sql_common_tables_max) {
            return too_much("WITH entries", limits::sql_common_tables_max);
        }
        other();
        if (++depth_ > limits::sql_nesting_max)
            return too_much("levels of parentheses", limits::sql_nesting_max);
        return {};
    }
    void close() {
        other();
        if (depth_ != 0) --depth_;
        while (!with_depths_.empty() && with_depths_.back() > depth_)
            with_depths_.pop_back();
    }
    void other() { as_ = materialized_ = last_with_ = false; }

  private:
    std::size_t depth_ = 0;
    std::size_t conjunctions_ = 0;
    std::size_t common_tables_ = 0;
    std::vector<std::size_t> with_depths_;  // depth at which each open WITH began
    bool as_ = false;
    bool materialized_ = false;
    bool last_with_ = false;
};

}  // namespace

Result<void> check_sql_text(std::string_view sql) {
    if (sql.size() > limits::sql_bytes_max) {
        return make_error(ErrorCode::limit_exceeded, "the statement has " + std::to_string(sql.size()) +
                                                         " bytes, more than " +
                                                         std::to_string(limits::sql_bytes_max));
    }
    if (!is_utf8(sql)) return make_error(ErrorCode::syntax_error, "the statement is not valid UTF-8");
    if (sql.find('\0') != std::string_view::npos) {
        return make_error(ErrorCode::syntax_error, "the statement holds a zero byte; write chr(0)");
    }
    TextCheck check;
    std::size_t at = 0;
    while (at < sql.size()) {
        const auto rest = sql.substr(at);
        const char c = rest.front();
        std::size_t bytes = blank_bytes(rest);
        if (bytes == 0) bytes = comment_bytes(rest);
        if (bytes != 0) {
            at += bytes;
        } else if (c == '\'' || c == '"') {
            check.other();
            at += quoted_bytes(rest, c, false);
        } else if (c == '$') {
            check.other();
            const auto quoted = dollar_quoted_bytes(rest);
            at += quoted == 0 ? 1 : quoted;
        } else if (starts_word(static_cast<unsigned char>(c))) {
            std::size_t end = 1;
            while (end < rest.size() && in_word(static_cast<unsigned char>(rest[end])) &&
                   blank_bytes(rest.substr(end)) == 0) {
                ++end;
            }
            const auto word = rest.substr(0, end);
            if (same_word(word, "e") && end < rest.size() && rest[end] == '\'') {
                check.other();
                at += end + quoted_bytes(rest.substr(end), '\'', true);
                continue;
            }
            DL_TRY(check.word(word));
            at += end;
        } else {
            if (c == '(' || c == '[' || c == '{') {
                DL_TRY(check.open());
            } else if (c == ')' || c == ']' || c == '}') {
                check.close();
            } else {
                check.other();
            }
            ++at;
        }
    }
    return {};
}

std::string_view skip_sql_blanks(std::string_view sql) {
    while (!sql.empty()) {
        std::size_t bytes = blank_bytes(sql);
        if (bytes == 0) bytes = comment_bytes(sql);
        if (bytes == 0) break;
        sql.remove_prefix(bytes);
    }
    return sql;
}

}  // namespace dl
