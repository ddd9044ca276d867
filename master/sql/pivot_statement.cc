#include "master/sql/pivot_statement.h"

#include "common/duck/parquet_file.h"
#include "master/sql/ddl_token.h"

namespace dl::master {
namespace {

using Kind = DdlToken::Kind;

bool ends_list(const DdlToken& token) {
    for (const char* word : {"using", "group", "order", "limit"})
        if (token.is_word(word)) return true;
    return token.kind == Kind::end || token.is_symbol(';');
}

// Behind the token at `at`, and whatever is in parentheses that it opens.
std::size_t behind(const std::vector<DdlToken>& tokens, std::size_t at) {
    int depth = 0;
    do {
        if (tokens[at].kind == Kind::end) return at;
        for (const char c : {'(', '[', '{'})
            depth += tokens[at].is_symbol(c) ? 1 : 0;
        for (const char c : {')', ']', '}'})
            depth -= tokens[at].is_symbol(c) ? 1 : 0;
        ++at;
    } while (depth > 0);
    return at;
}

}  // namespace

Result<std::optional<PivotStatement>> PivotStatement::parse(std::string_view sql) {
    const auto tokens = tokenize_ddl(sql);
    if (!tokens[0].is_word("pivot")) return std::optional<PivotStatement>();
    PivotStatement statement;
    statement.sql_ = sql;
    std::size_t at = 1;
    while (tokens[at].kind != Kind::end && !tokens[at].is_word("on"))
        at = behind(tokens, at);
    if (tokens[at].kind == Kind::end || at == 1)
        return make_error(ErrorCode::syntax_error,
                          "PIVOT needs a table and ON: pivot t on c using sum(v) group by g");
    statement.source_ = sql.substr(tokens[1].begin, tokens[at - 1].end - tokens[1].begin);
    do {
        ++at;
        const auto begin = at;
        while (!ends_list(tokens[at]) && !tokens[at].is_symbol(',') && !tokens[at].is_word("in"))
            at = behind(tokens, at);
        if (at == begin)
            return make_error(ErrorCode::syntax_error, "at position " + std::to_string(tokens[at].begin + 1) +
                                                           ": expected a column behind ON");
        if (!tokens[at].is_word("in")) {
            statement.open_.push_back(
                {std::string(sql.substr(tokens[begin].begin, tokens[at - 1].end - tokens[begin].begin)),
                 tokens[at - 1].end});
            continue;
        }
        while (!ends_list(tokens[at]) && !tokens[at].is_symbol(','))
            at = behind(tokens, at);
    } while (tokens[at].is_symbol(','));
    if (statement.open_.empty()) return std::optional<PivotStatement>();
    return std::optional<PivotStatement>(std::move(statement));
}

std::vector<std::string> PivotStatement::value_queries() const {
    std::vector<std::string> queries;
    for (const auto& open : open_)
        queries.push_back("SELECT DISTINCT CAST((" + open.expression + "\n) AS VARCHAR) AS v FROM " +
                          source_ + "\nORDER BY v");
    return queries;
}

std::string PivotStatement::with_values(const std::vector<std::vector<std::string>>& values) const {
    std::string out;
    std::size_t done = 0;
    for (std::size_t i = 0; i < open_.size(); ++i) {
        out += sql_.substr(done, open_[i].end - done) + " IN (";
        for (std::size_t k = 0; k < values[i].size(); ++k)
            out += (k == 0 ? "" : ", ") + sql_literal(values[i][k]);
        out += ')';
        done = open_[i].end;
    }
    return out + sql_.substr(done);
}

}  // namespace dl::master
