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
    bool ends_behind(std::size_t at) const { return at + 1 == tokens_.size() || is(at + 1, ";"); }
    // `from 'x.csv'`, `from read_csv(...)`
    bool is_file_in_from(std::size_t at) const {
        if ((!is(at, "from") && !is(at, "join")) || at + 1 >= tokens_.size()) return false;
        const auto& name = tokens_[at + 1];
        if (name.kind == SqlToken::Kind::word) return name.text.starts_with("read_") && is(at + 2, "(");
        if (name.kind != SqlToken::Kind::literal && name.kind != SqlToken::Kind::quoted_name) return false;
        const auto text = ascii_lowercase(name.text);
        for (const char* ending : {".csv", ".tsv", ".parquet", ".json", ".ndjson", ".jsonl"})
            if (text.find(ending) != std::string::npos) return true;
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
    if (tokens.is(at, "mod") && at > 0 && tokens.is_number(at + 1)) return "7 mod 2 is 7 % 2 here";
    if (tokens.is(at, "into") && at > 0 && tokens.is(0, "select")) {
        if (tokens.is(at + 1, "outfile") || tokens.is(at + 1, "dumpfile"))
            return "files are written by the client: \\save FILE at its prompt, or --format csv with -c";
        return "select a into t2 from t is create table t2 primary key (COLUMN) as select a from t here";
    }
    if (tokens.is(at, "for") && at > 0)
        for (const char* lock : {"update", "share", "no", "key"})
            if (tokens.is(at + 1, lock))
                return "there are no locks: a SELECT reads one state of its tables; leave FOR UPDATE out";
    if (at == 0 && tokens.is(0, "explain")) {
        bool is_query = false;
        for (const char* word : {"select", "with", "from", "values", "pivot", "unpivot", "(", "summarize"})
            is_query = is_query || tokens.is(1, word);
        if (!is_query)
            return "EXPLAIN is of a SELECT and takes no options; desc t lists the columns of a table";
    }
    if (tokens.is(at, "prewhere")) return "prewhere is where here";
    if (tokens.is(at, "limit") && tokens.is_number(at + 1) && tokens.is(at + 2, "by"))
        return "limit 5 by x is qualify row_number() over (partition by x order by ...) <= 5 here";
    if (tokens.is(at, "format") && at > 0 && tokens.ends_behind(at + 1))
        return "the form of rows is none of the statement's: --format json of the client, \\format at its "
               "prompt";
    if (tokens.is(at, "settings") && at > 0 && tokens.is(at + 2, "="))
        return "there are no SETTINGS; options (timeout_ms, ...) come with a statement";
    if (tokens.is(at, "regexp") || tokens.is(at, "rlike"))
        return "x regexp 'b' is regexp_matches(x, 'b') here, x not regexp 'b' is not regexp_matches(x, 'b')";
    if (tokens.begins(at, "quantile") && tokens.is(at + 1, "(") && tokens.is(at + 3, ")") &&
        tokens.is(at + 4, "("))
        return "quantile(0.9)(x) is quantile_cont(x, 0.9) here";
    return "";
}

// Of names that are none here.
std::string hint_of_names_at(const Tokens& tokens, std::size_t at) {
    if (tokens.is_file_in_from(at))
        return "a SELECT reads no files; they are loaded first: data-lake-client --load FILE --table T --key "
               "COLUMN --create, or \\load at its prompt";
    if (tokens.is(at, "from") && tokens.is(at + 1, "dual")) return "leave FROM dual out";
    if (tokens.is(at, "@") && tokens.is(at + 1, "@"))
        return "system.settings lists the settings, and version() is the version";
    return "";
}

}  // namespace

Error with_syntax_hint(Error error, std::string_view sql) {
    const bool is_syntax = error.code == ErrorCode::syntax_error;
    if (!is_syntax && error.code != ErrorCode::not_supported && error.code != ErrorCode::invalid_value &&
        error.code != ErrorCode::table_not_found)
        return error;
    const Tokens tokens(sql);
    for (std::size_t at = 0; at < tokens.size(); ++at) {
        const auto hint = is_syntax ? hint_at(tokens, at) : hint_of_names_at(tokens, at);
        if (hint.empty()) continue;
        error.message += "; " + hint;
        break;
    }
    return error;
}

}  // namespace dl::master
