#include "master/sql/row_statement_parser.h"

#include <charconv>

namespace dl::master {
namespace {

constexpr std::string_view kKeepsTheOld =
    "rows are always replaced here; to write only those whose key is not there: insert into t select ... "
    "where key not in (select key from t)";

}  // namespace

Result<SqlLiteral> RowStatementParser::literal(std::string_view what) {
    const auto& token = current();
    SqlLiteral value;
    if (token.kind == Kind::string || token.kind == Kind::number) {
        if (token.kind == Kind::number) value.kind = SqlLiteral::Kind::number;
        value.text = token.text;
        advance();
        return value;
    }
    if (token.is_symbol('-') || token.is_symbol('+')) {
        const auto& number = ahead(1);
        if (number.kind != Kind::number && !number.is_word("inf")) {
            advance();
            return fail("a number");
        }
        if (number.kind == Kind::number) value.kind = SqlLiteral::Kind::number;
        value.text = (token.is_symbol('-') ? "-" : "") + number.text;
        at_ += 2;
        return value;
    }
    if (token.kind != Kind::word) return fail(what);
    if ((token.is_word("timestamp") || token.is_word("date")) && ahead(1).kind == Kind::string) {
        value.text = ahead(1).text;
        at_ += 2;
        return value;
    }
    if (token.is_word("null")) {
        value.kind = SqlLiteral::Kind::null;
    } else if (token.is_word("true") || token.is_word("false")) {
        value.kind = SqlLiteral::Kind::boolean;
        value.text = token.lower;
    } else {
        value.text = token.text;
    }
    advance();
    return value;
}

// Values of rows: unquoted words other than the constants are a forgotten quote.
Result<SqlLiteral> RowStatementParser::row_literal() {
    if (auto why = text_elsewhere()) return std::move(*why);
    const auto& token = current();
    if (token.is_word("default")) {
        advance();
        SqlLiteral value;
        value.kind = SqlLiteral::Kind::use_default;
        return value;
    }
    if (token.kind == Kind::word && token.text.front() == '$') return parameter();
    if (token.kind == Kind::word) {
        bool known = (token.is_word("timestamp") || token.is_word("date")) && ahead(1).kind == Kind::string;
        for (const char* word : {"null", "true", "false", "nan", "inf"})
            known = known || token.is_word(word);
        if (!known) return fail("a value: a number, 'text', true, false, null or default");
    }
    return literal("a value: a number, 'text', true, false, null or default");
}

// `$1`
Result<SqlLiteral> RowStatementParser::parameter() {
    const auto& text = current().text;
    SqlLiteral value;
    value.kind = SqlLiteral::Kind::parameter;
    const auto [end, failed] = std::from_chars(text.data() + 1, text.data() + text.size(), value.parameter);
    if (failed != std::errc() || end != text.data() + text.size() || value.parameter == 0)
        return fail("a parameter: $1, $2, ...");
    advance();
    return value;
}

Result<std::vector<SqlLiteral>> RowStatementParser::row() {
    DL_TRY(expect_symbol('('));
    std::vector<SqlLiteral> values;
    do {
        DL_TRY_ASSIGN(auto value, row_literal());
        values.push_back(std::move(value));
    } while (accept_symbol(','));
    DL_TRY(expect_symbol(')'));
    return values;
}

bool RowStatementParser::is_expression_here() const {
    for (const char symbol : {'+', '-', '*', '/', '%', '|', ':', '('})
        if (current().is_symbol(symbol)) return true;
    for (const char* word : {"case", "interval", "current_timestamp", "current_date"})
        if (current().is_word(word)) return true;
    return current().kind == Kind::word && ahead(1).is_symbol('(');
}

std::optional<Error> RowStatementParser::insert_elsewhere() const {
    constexpr std::string_view kReplaces =
        "INSERT INTO replaces the row that has the same major key, so it is written without ";
    if (current().is_word("or") && ahead(1).kind == Kind::word && ahead(2).is_word("into")) {
        if (ahead(1).is_word("replace"))
            return make_error(ErrorCode::not_supported, std::string(kReplaces) + "OR REPLACE");
        return make_error(ErrorCode::not_supported,
                          "INSERT OR " + ahead(1).text + ": " + std::string(kKeepsTheOld));
    }
    if (current().is_word("ignore") && ahead(1).is_word("into"))
        return make_error(ErrorCode::not_supported, "INSERT IGNORE: " + std::string(kKeepsTheOld));
    for (auto at = at_; at + 2 < tokens_.size(); ++at) {
        if (!tokens_[at].is_word("on")) continue;
        const auto& next = tokens_[at + 2];
        if (tokens_[at + 1].is_word("duplicate") && next.is_word("key"))
            return make_error(
                ErrorCode::not_supported,
                std::string(kReplaces) + "ON DUPLICATE KEY UPDATE; give all columns of the row");
        if (!tokens_[at + 1].is_word("conflict")) continue;
        if (next.is_symbol('(') || next.is_word("do") || next.is_word("on"))
            return make_error(ErrorCode::not_supported, std::string(kReplaces) +
                                                            "ON CONFLICT ... DO UPDATE; for DO NOTHING, " +
                                                            std::string(kKeepsTheOld));
    }
    return std::nullopt;
}

std::optional<Error> RowStatementParser::returning_elsewhere(std::size_t from) const {
    int depth = 0;
    for (auto at = from; at + 1 < tokens_.size(); ++at) {
        const auto& token = tokens_[at];
        depth += token.is_symbol('(') ? 1 : token.is_symbol(')') ? -1 : 0;
        if (depth != 0 || !token.is_word("returning")) continue;
        const auto& next = tokens_[at + 1];
        const bool as_name = at > 0 && (tokens_[at - 1].is_symbol('.') || tokens_[at - 1].is_word("as"));
        const bool begins_columns =
            next.kind == Kind::word || next.kind == Kind::quoted_name || next.is_symbol('*');
        if (as_name || !begins_columns) continue;
        return make_error(ErrorCode::not_supported,
                          "at position " + std::to_string(token.begin + 1) +
                              ": there is no RETURNING; the reply says how many rows were written, and a "
                              "SELECT by their keys shows them (of a DELETE: before it)");
    }
    return std::nullopt;
}

std::optional<Error> RowStatementParser::text_elsewhere() const {
    const bool escapes =
        current().is_word("e") && ahead(1).kind == Kind::string && ahead(1).begin == current().end;
    const bool dollars = current().kind == Kind::word && current().text.front() == '$' &&
                         current().text.find('$', 1) != std::string::npos;
    if (!escapes && !dollars) return std::nullopt;
    return make_error(ErrorCode::not_supported,
                      "at position " + std::to_string(current().begin + 1) +
                          ": texts as e'...' or $$...$$; write '...' with '' for a quote and line breaks as "
                          "they are, or send the text as a parameter ($1)");
}

Result<SqlStatement> RowStatementParser::insert() {
    if (auto why = insert_elsewhere()) return std::move(*why);
    DL_TRY(expect("into"));
    InsertStatement statement;
    DL_TRY_ASSIGN(statement.table, table_name());
    if (auto why = returning_elsewhere(at_)) return std::move(*why);
    if (current().is_word("set") && ahead(2).is_symbol('='))
        return fail("values, as in: insert into t (a, b) values (1, 'x')");
    if (accept_symbol('(')) {
        do {
            DL_TRY_ASSIGN(auto column, name("a column name"));
            statement.columns.push_back(std::move(column));
        } while (accept_symbol(','));
        DL_TRY(expect_symbol(')'));
    }
    for (const char* word : {"select", "with", "from", "pivot", "unpivot"})
        if (current().is_word(word))
            return SqlStatement(InsertSelectStatement{
                std::move(statement.table), std::move(statement.columns), std::string(take_rest())});
    if (!current().is_word("values")) return fail("", {"values", "select"});
    const auto values_at = at_;
    advance();
    do {
        auto values = row();
        if (values.has_error() && is_expression_here()) {
            // The engine computes them: the rows of a SELECT like any other.
            at_ = values_at;
            return SqlStatement(InsertSelectStatement{
                std::move(statement.table), std::move(statement.columns), std::string(take_rest())});
        }
        if (values.has_error()) return std::move(values).error();
        auto& row = *values;
        if (!statement.columns.empty() && row.size() != statement.columns.size())
            return make_error(ErrorCode::syntax_error,
                              "row " + std::to_string(statement.rows.size()) + " has " +
                                  std::to_string(row.size()) + " values for " +
                                  std::to_string(statement.columns.size()) + " columns");
        statement.rows.push_back(std::move(row));
    } while (accept_symbol(','));
    return SqlStatement(std::move(statement));
}

Result<bool> RowStatementParser::keys_of(DeleteStatement& statement) {
    if (current().kind != Kind::word && current().kind != Kind::quoted_name) return false;
    DL_TRY_ASSIGN(statement.column, name("a column name"));
    if (accept_symbol('=')) {
        accept_symbol('=');
        auto key = key_literal();
        if (key.has_error()) return false;
        statement.keys.push_back(std::move(*key));
    } else if (accept("in") && accept_symbol('(')) {
        do {
            auto key = key_literal();
            if (key.has_error()) return false;
            statement.keys.push_back(std::move(*key));
        } while (accept_symbol(','));
        if (!accept_symbol(')')) return false;
    }
    while (accept_symbol(';')) {
    }
    return !statement.keys.empty() && current().kind == Kind::end;
}

Result<SqlStatement> RowStatementParser::delete_rows() {
    if (!current().is_word("from") && ahead(1).is_word("where"))
        return fail("from, as in: delete from " + current().text + " where ...");
    DL_TRY(expect("from"));
    DeleteStatement statement;
    DL_TRY_ASSIGN(statement.table, table_name());
    // An Enter too early at a prompt must not cost a table.
    if (current().kind == Kind::end || current().is_symbol(';'))
        return make_error(ErrorCode::syntax_error,
                          "DELETE has no WHERE; all rows are deleted by: truncate " + statement.table);
    DL_TRY(expect("where"));
    if (current().kind == Kind::bad || current().kind == Kind::end || current().is_symbol(';'))
        return fail("a condition");
    if (auto why = returning_elsewhere(at_)) return std::move(*why);
    const auto begin = at_;
    DL_TRY_ASSIGN(const bool by_key, keys_of(statement));
    at_ = begin;
    if (!by_key) statement.keys.clear();
    statement.condition = take_rest();
    return SqlStatement(std::move(statement));
}

Result<SqlStatement> RowStatementParser::truncate() {
    // `truncate table` names a table called "table" only when nothing follows.
    if (current().is_word("table") && !ends_behind_this()) advance();
    DeleteStatement statement;
    DL_TRY_ASSIGN(statement.table, table_name());
    return SqlStatement(std::move(statement));
}

Result<SqlLiteral> RowStatementParser::key_literal() {
    DL_TRY_ASSIGN(auto value, row_literal());
    if (value.kind == SqlLiteral::Kind::null || value.kind == SqlLiteral::Kind::use_default)
        return make_error(ErrorCode::syntax_error,
                          "a major key is never NULL and has no DEFAULT; give its value");
    return value;
}

}  // namespace dl::master
