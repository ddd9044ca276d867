#include "master/sql/pivot_statement.h"

#include <algorithm>
#include <utility>

#include "common/base/ascii.h"
#include "common/duck/parquet_file.h"
#include "common/duck/sql_token.h"
#include "master/sql/ddl_token.h"

namespace dl::master {
namespace {

using Kind = DdlToken::Kind;
using Tokens = std::vector<DdlToken>;

bool opens(const DdlToken& token) {
    return token.is_symbol('(') || token.is_symbol('[') || token.is_symbol('{');
}
bool closes(const DdlToken& token) {
    return token.is_symbol(')') || token.is_symbol(']') || token.is_symbol('}');
}

bool is_one_of(const DdlToken& token, std::initializer_list<const char*> words) {
    return std::any_of(words.begin(), words.end(), [&](const char* word) { return token.is_word(word); });
}

// Behind the token at `at`, and whatever is in parentheses that it opens; at most `end`.
std::size_t behind(const Tokens& tokens, std::size_t at, std::size_t end) {
    int depth = 0;
    do {
        if (at >= end) return end;
        depth += opens(tokens[at]) ? 1 : closes(tokens[at]) ? -1 : 0;
        ++at;
    } while (depth > 0);
    return at;
}

// A PIVOT and the tokens up to its end, which are [word, end).
struct Place {
    std::size_t word = 0;
    std::size_t end = 0;
    bool is_nested = false;    // in parentheses, where a column may be called so
    std::size_t with_end = 0;  // bytes of the WITH entries before it
};

std::vector<Place> places_in(const Tokens& tokens) {
    std::vector<Place> places;
    const auto last = tokens.size() - 1;
    const bool has_with = tokens[0].is_word("with");
    int depth = 0;
    bool in_main = false;  // behind the WITH entries
    std::size_t with_end = 0;
    for (std::size_t i = 0; i < last; ++i) {
        const auto& token = tokens[i];
        if (depth == 0 && i > 0 && is_one_of(token, {"select", "from", "values", "unpivot"})) in_main = true;
        const bool is_statement = i == 0 || (i == 1 && tokens[0].is_word("explain")) ||
                                  (has_with && !in_main && depth == 0 && tokens[i - 1].is_symbol(')'));
        const bool is_nested = i > 0 && tokens[i - 1].is_symbol('(');
        if (token.is_word("pivot") && (is_statement || is_nested) &&
            !is_one_of(tokens[i + 1], {"join", "left", "right", "inner", "full", "cross", "natural"})) {
            Place place{i, last, is_nested, with_end};
            if (is_nested) {
                place.end = behind(tokens, i - 1, last);
                if (place.end > i && closes(tokens[place.end - 1])) --place.end;
            } else if (tokens[last - 1].is_symbol(';')) {
                --place.end;
            }
            places.push_back(place);
            in_main = in_main || !is_nested;
        }
        depth += opens(token) ? 1 : closes(token) ? -1 : 0;
        if (has_with && !in_main && depth == 0 && closes(token) && !opens(tokens[i + 1]) &&
            !is_one_of(tokens[i + 1], {"as", "using"}))
            with_end = token.end;
    }
    return places;
}

}  // namespace

bool may_pivot(std::string_view sql) {
    while (!sql.empty()) {
        const auto token = take_sql_token(sql);
        if (token.kind == SqlToken::Kind::word && token.text.size() == 5 &&
            ascii_lowercase(token.text) == "pivot")
            return true;
    }
    return false;
}

Result<std::optional<PivotStatement>> PivotStatement::parse(std::string_view sql) {
    const auto tokens = tokenize_ddl(sql);
    std::vector<std::pair<Place, PivotStatement>> found;
    for (const auto& place : places_in(tokens)) {
        PivotStatement statement;
        const auto end = place.end;
        std::size_t at = place.word + 1;
        while (at < end && !tokens[at].is_word("on"))
            at = behind(tokens, at, end);
        if (at == end || at == place.word + 1) {
            if (place.is_nested) continue;
            return make_error(ErrorCode::syntax_error,
                              "PIVOT needs a table and ON: pivot t on c using sum(v) group by g");
        }
        const auto ends_list = [&](std::size_t i) {
            return i >= end || is_one_of(tokens[i], {"using", "group", "order", "limit"});
        };
        statement.source_ =
            sql.substr(tokens[place.word + 1].begin, tokens[at - 1].end - tokens[place.word + 1].begin);
        do {
            ++at;
            const auto begin = at;
            while (!ends_list(at) && !tokens[at].is_symbol(',') && !tokens[at].is_word("in"))
                at = behind(tokens, at, end);
            if (at == begin)
                return make_error(
                    ErrorCode::syntax_error,
                    "at position " + std::to_string(tokens[at].begin + 1) + ": expected a column behind ON");
            if (at >= end || !tokens[at].is_word("in")) {
                statement.open_.push_back(
                    {std::string(sql.substr(tokens[begin].begin, tokens[at - 1].end - tokens[begin].begin)),
                     tokens[at - 1].end});
                continue;
            }
            while (!ends_list(at) && !tokens[at].is_symbol(','))
                at = behind(tokens, at, end);
        } while (at < end && tokens[at].is_symbol(','));
        if (statement.open_.empty()) continue;
        statement.sql_ = sql;
        statement.before_ = sql.substr(0, place.with_end);
        found.emplace_back(place, std::move(statement));
    }
    for (auto& [place, statement] : found) {
        const bool has_inner = std::any_of(found.begin(), found.end(), [&place = place](const auto& other) {
            return other.first.word > place.word && other.first.word < place.end;
        });
        if (!has_inner) return std::optional<PivotStatement>(std::move(statement));
    }
    return std::optional<PivotStatement>();
}

std::vector<std::string> PivotStatement::value_queries() const {
    std::vector<std::string> queries;
    for (const auto& open : open_)
        queries.push_back((before_.empty() ? "" : before_ + "\n") + "SELECT DISTINCT CAST((" +
                          open.expression + "\n) AS VARCHAR) AS v FROM " + source_ + "\nORDER BY v");
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
