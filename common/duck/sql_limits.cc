#include "common/duck/sql_limits.h"

#include <string>
#include <vector>

#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "common/duck/sql_token.h"

namespace dl {

namespace {

// Words, names, numbers, literals and signs. The parser takes some 20 us for each, and nothing interrupts it.
constexpr std::size_t kTokensMax = 200'000;
// Planning takes time by the square of them.
constexpr std::size_t kSetOperationsMax = 1000;

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
        } else if (same_word(text, "union") || same_word(text, "except") || same_word(text, "intersect")) {
            if (++set_operations_ > kSetOperationsMax) {
                return too_much("UNION, EXCEPT and INTERSECT", kSetOperationsMax);
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
    std::size_t set_operations_ = 0;
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
    std::size_t tokens = 0;
    while (!sql.empty()) {
        const auto token = take_sql_token(sql);
        if (token.kind != SqlToken::Kind::blank && ++tokens > kTokensMax) {
            return too_much("words, values and signs", kTokensMax);
        }
        switch (token.kind) {
            case SqlToken::Kind::blank:
                break;
            case SqlToken::Kind::word:
                DL_TRY(check.word(token.text));
                break;
            case SqlToken::Kind::literal:
            case SqlToken::Kind::quoted_name:
            case SqlToken::Kind::number:
            case SqlToken::Kind::parameter:
                check.other();
                break;
            case SqlToken::Kind::symbol: {
                const char c = token.text.front();
                if (c == '(' || c == '[' || c == '{') {
                    DL_TRY(check.open());
                } else if (c == ')' || c == ']' || c == '}') {
                    check.close();
                } else {
                    check.other();
                }
                break;
            }
        }
    }
    return {};
}

std::string_view skip_sql_blanks(std::string_view sql) {
    for (auto rest = sql; !rest.empty(); sql = rest)
        if (take_sql_token(rest).kind != SqlToken::Kind::blank) break;
    return sql;
}

}  // namespace dl
