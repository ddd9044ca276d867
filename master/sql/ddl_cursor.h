// Where a parser of statements stands in their tokens, and what it says of a token that does not fit. Parsers
// of this folder build upon it. Not thread-safe.
#pragma once

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "master/sql/ddl_statement.h"
#include "master/sql/ddl_token.h"

namespace dl::master {

class DdlCursor {
  public:
    explicit DdlCursor(std::string_view sql) : sql_(sql), tokens_(tokenize_ddl(sql)) {}

  protected:
    using Kind = DdlToken::Kind;

    const DdlToken& current() const { return tokens_[at_]; }
    const DdlToken& ahead(std::size_t count) const {
        return tokens_[std::min(at_ + count, tokens_.size() - 1)];
    }
    void advance() {
        if (at_ + 1 < tokens_.size()) ++at_;
    }
    bool accept(std::string_view keyword) {
        if (!current().is_word(keyword)) return false;
        advance();
        return true;
    }
    bool accept_symbol(char symbol) {
        if (!current().is_symbol(symbol)) return false;
        advance();
        return true;
    }

    // Nothing but a ';' follows the current token.
    bool ends_behind_this() const { return ahead(1).kind == Kind::end || ahead(1).is_symbol(';'); }

    // SYNTAX_ERROR: `what` and / or the keywords that could have stood here.
    Error fail(std::string_view what, std::initializer_list<std::string_view> keywords = {}) const;
    Result<void> expect(std::string_view keyword) {
        if (accept(keyword)) return {};
        return fail("", {keyword});
    }
    Result<void> expect_symbol(char symbol) {
        if (accept_symbol(symbol)) return {};
        return fail(std::string("'") + symbol + "'");
    }
    Result<std::string> name(std::string_view what);
    // Of a table or view; `main.` may stand before it, as in a SELECT.
    Result<std::string> table_name(std::string_view what = "a table name");

    // A whole number, quoted or not.
    template <class T>
    Result<T> count(T min, T max) {
        const auto& token = current();
        T value = 0;
        const auto range = std::to_string(min) + ".." + std::to_string(max);
        if (token.kind != Kind::number && token.kind != Kind::string) return fail("a number within " + range);
        const char* end = token.text.data() + token.text.size();
        const auto [stop, error] = std::from_chars(token.text.data(), end, value);
        if (error != std::errc() || stop != end || value < min || value > max)
            return fail("a number within " + range);
        advance();
        return value;
    }

    // Nothing but a ';' may follow.
    template <class Statement>
    Result<SqlStatement> finish(Result<Statement> statement) {
        if (statement.has_error()) return std::move(statement).error();
        while (accept_symbol(';')) {
        }
        if (current().kind != Kind::end) return fail("the end of the statement");
        return SqlStatement(std::move(*statement));
    }

    // The rest of the statement from the current token on, without a ';' and blanks at its end; nothing is
    // left behind it.
    std::string_view take_rest();

    std::string_view sql_;
    std::vector<DdlToken> tokens_;
    std::size_t at_ = 0;
};

}  // namespace dl::master
