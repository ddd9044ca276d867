#include "master/sql/cast_types.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "common/base/ascii.h"
#include "common/duck/parquet_file.h"
#include "common/duck/sql_token.h"
#include "master/catalog/declared_type.h"

namespace dl::master {
namespace {

using Kind = SqlToken::Kind;

constexpr std::string_view kOurs = "dl_characters_";

// Names of ours that the engine does not have.
constexpr std::array<std::string_view, 18> kForeign = {
    "number",     "jsonb",    "guid",      "uniqueidentifier", "clob",     "tinytext",
    "mediumtext", "longtext", "citext",    "mediumint",        "bytes",    "image",
    "longblob",   "tinyblob", "datetime2", "timestamp_ntz",    "varchar2", "mediumblob"};

bool is_foreign(std::string_view name) {
    return std::find(kForeign.begin(), kForeign.end(), name) != kForeign.end();
}

// How the engine writes a type of ours; empty: as it was written.
std::string engine_type(const std::string& name, bool has_arguments, const DeclaredType& declared) {
    using Check = ColumnCheck::Kind;
    if (declared.type.kind == TypeKind::decimal) return is_foreign(name) ? duck_type_name(declared.type) : "";
    if (declared.check.kind == Check::characters && has_arguments)
        return std::string(kOurs) + std::to_string(declared.check.most);
    if (!has_arguments && !is_foreign(name)) return "";
    switch (declared.check.kind) {
        case Check::json:
            return "JSON";
        case Check::uuid:
            return "UUID";
        case Check::time:
            return "TIME";
        case Check::range:
            return declared.check.most == 127 ? "TINYINT" : "SMALLINT";
        case Check::bytes:
            return "";  // the engine refuses a length; nothing would hold the value to it
        default:
            break;
    }
    // timestamp(3), float(30): the engine's own.
    if (declared.type.kind == TypeKind::timestamp && has_arguments) return "";
    return duck_type_name(declared.type);
}

// The tokens of a text, blanks left out.
struct Token {
    SqlToken::Kind kind;
    std::string_view text;
    std::size_t begin;

    bool is(std::string_view symbol) const { return kind == Kind::symbol && text == symbol; }
    std::string lower() const { return kind == Kind::word ? ascii_lowercase(text) : std::string(); }
};

std::vector<Token> tokens_of(std::string_view sql) {
    std::vector<Token> tokens;
    for (auto rest = sql; !rest.empty();) {
        const auto begin = sql.size() - rest.size();
        const auto token = take_sql_token(rest);
        if (token.kind != Kind::blank) tokens.push_back({token.kind, token.text, begin});
    }
    return tokens;
}

// Without a cast there is nothing to look at.
bool may_cast(std::string_view sql) {
    if (sql.find("::") != std::string_view::npos) return true;
    return ascii_lowercase(sql).find("cast") != std::string::npos;
}

class Rewriter {
  public:
    explicit Rewriter(std::string_view sql) : sql_(sql), tokens_(tokens_of(sql)) {}

    std::optional<std::string> run() {
        std::vector<bool> casts;  // of the parentheses that are open
        for (std::size_t i = 0; i < tokens_.size(); ++i) {
            const auto& token = tokens_[i];
            if (token.is("(")) {
                const auto before = i == 0 ? std::string() : tokens_[i - 1].lower();
                casts.push_back(before == "cast" || before == "try_cast");
            } else if (token.is(")")) {
                if (!casts.empty()) casts.pop_back();
            }
            const bool operator_before = i >= 2 && tokens_[i - 1].is(":") && tokens_[i - 2].is(":");
            const bool as_before = i >= 1 && !casts.empty() && casts.back() && tokens_[i - 1].lower() == "as";
            if (operator_before || as_before) type_at(i);
        }
        if (done_ == 0) return std::nullopt;
        out_ += sql_.substr(done_);
        return std::move(out_);
    }

  private:
    void type_at(std::size_t at) {
        auto name = tokens_[at].lower();
        if (name.empty()) return;
        auto end = at + 1;  // behind the last token of the type
        const auto next = [&] { return end < tokens_.size() ? tokens_[end] : Token{Kind::blank, "", 0}; };
        if ((name == "character" || name == "char" || name == "nchar") && next().lower() == "varying") {
            name = "character varying";
            ++end;
        }
        std::string arguments;
        if (next().is("(")) {
            do {
                if (end >= tokens_.size()) return;
                arguments += tokens_[end].text;
            } while (!tokens_[end++].is(")"));
        }
        if (next().is("[")) return;  // of a list
        if (arguments.empty() && !is_foreign(name)) return;
        const auto declared = parse_declared_type(name + arguments);
        if (declared.has_error()) return;  // the engine says what it is
        const auto type = engine_type(name, !arguments.empty(), *declared);
        if (type.empty()) return;
        out_ += sql_.substr(done_, tokens_[at].begin - done_);
        out_ += type;
        done_ = tokens_[end - 1].begin + tokens_[end - 1].text.size();
    }

    std::string_view sql_;
    const std::vector<Token> tokens_;
    std::string out_;
    std::size_t done_ = 0;
};

std::optional<std::int64_t> number_behind(std::string_view name) {
    if (!name.starts_with(kOurs)) return std::nullopt;
    name.remove_prefix(kOurs.size());
    std::int64_t number = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (failed != std::errc{} || end != name.data() + name.size() || number < 1) return std::nullopt;
    return number;
}

}  // namespace

std::optional<std::string> with_engine_types(std::string_view sql) {
    if (!may_cast(sql)) return std::nullopt;
    return Rewriter(sql).run();
}

bool names_checked_type(std::string_view sql) {
    return sql.find(kOurs) != std::string_view::npos;
}

std::optional<std::int64_t> characters_of_checked_type(const Json& cast_type) {
    const auto* info = member(cast_type, "type_info");
    if (info == nullptr || text_of(cast_type, "id") != "UNBOUND") return std::nullopt;
    return number_behind(ascii_lowercase(text_of(*info, "name")));
}

std::string as_written(std::string expression) {
    for (auto at = expression.find(kOurs); at != std::string::npos; at = expression.find(kOurs, at)) {
        auto end = at + kOurs.size();
        while (end < expression.size() && expression[end] >= '0' && expression[end] <= '9')
            ++end;
        const auto length = expression.substr(at + kOurs.size(), end - at - kOurs.size());
        expression.replace(at, end - at, "VARCHAR(" + length + ")");
    }
    return expression;
}

}  // namespace dl::master
