#include "master/sql/syntax_hints.h"

#include <string>
#include <vector>

#include "common/base/ascii.h"
#include "common/duck/sql_token.h"

namespace dl::master {
namespace {

struct Token {
    SqlToken::Kind kind;
    std::string text;  // words in lower case
};

class Tokens {
  public:
    explicit Tokens(std::string_view sql) {
        while (!sql.empty()) {
            const auto token = take_sql_token(sql);
            if (token.kind == SqlToken::Kind::blank) continue;
            const bool word = token.kind == SqlToken::Kind::word;
            tokens_.push_back({token.kind, word ? ascii_lowercase(token.text) : std::string(token.text)});
        }
    }
    std::size_t size() const { return tokens_.size(); }
    bool is(std::size_t at, std::string_view text) const {
        return at < tokens_.size() && tokens_[at].text == text && tokens_[at].kind != SqlToken::Kind::literal;
    }
    bool begins(std::size_t at, std::string_view text) const { return tokens_[at].text.starts_with(text); }
    bool has_behind(std::size_t at, std::string_view text) const {
        for (; at < tokens_.size(); ++at)
            if (is(at, text)) return true;
        return false;
    }
    bool is_number(std::size_t at) const {
        return at < tokens_.size() && tokens_[at].kind == SqlToken::Kind::number;
    }

  private:
    std::vector<Token> tokens_;
};

std::string hint_at(const Tokens& tokens, std::size_t at) {
    const auto before = [&](std::string_view text) { return at > 0 && tokens.is(at - 1, text); };
    if (tokens.is(at, "any") && tokens.is(at + 1, "(") && !before("=") && !before("<") && !before(">"))
        return "any(x) is any_value(x) here";
    if (tokens.is(at, "group_concat") && tokens.has_behind(at, "separator"))
        return "group_concat(x separator ';') is string_agg(x, ';') here, in order string_agg(x, ';' order "
               "by x)";
    if (tokens.is(at, "limit") && tokens.is_number(at + 1) && tokens.is(at + 2, ",") &&
        tokens.is_number(at + 3))
        return "limit 10, 5 is limit 5 offset 10 here";
    if (tokens.is(at, "top") && (before("select") || before("distinct")) && tokens.is_number(at + 1))
        return "select top 5 ... is select ... limit 5 here";
    if (tokens.is(at, "div") && at > 0) return "7 div 2 is 7 // 2 here";
    if (tokens.is(at, "regexp") || tokens.is(at, "rlike"))
        return "x regexp 'b' is regexp_matches(x, 'b') here, x not regexp 'b' is not regexp_matches(x, 'b')";
    if (tokens.begins(at, "quantile") && tokens.is(at + 1, "(") && tokens.is(at + 3, ")") &&
        tokens.is(at + 4, "("))
        return "quantile(0.9)(x) is quantile_cont(x, 0.9) here";
    return "";
}

}  // namespace

Error with_syntax_hint(Error error, std::string_view sql) {
    if (error.code != ErrorCode::syntax_error) return error;
    const Tokens tokens(sql);
    for (std::size_t at = 0; at < tokens.size(); ++at) {
        const auto hint = hint_at(tokens, at);
        if (hint.empty()) continue;
        error.message += "; " + hint;
        break;
    }
    return error;
}

}  // namespace dl::master
