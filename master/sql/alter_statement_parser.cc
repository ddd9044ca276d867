// ALTER TABLE.
#include <array>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/nearest_name.h"
#include "common/meta/table_meta.h"
#include "master/catalog/declared_type.h"
#include "master/sql/foreign_words.h"
#include "master/sql/table_statement_parser.h"

namespace dl::master {
namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    while (!text.empty() && is_blank(text.front()))
        text.remove_prefix(1);
    return text;
}

}  // namespace

Result<SqlStatement> TableStatementParser::alter_table() {
    DL_TRY(expect("table"));
    DL_TRY_ASSIGN(auto table, name("a table name"));
    if (at_set_copies()) return set_copies(std::move(table));
    if (accept("set")) return alter_history(std::move(table));
    if (current().is_word("change"))
        return not_here(
            "a column is renamed by: alter table t rename a to b, and gets a wider type by: alter "
            "table t modify b long");
    if (current().is_word("owner")) return not_here(way_of_object("user"));
    auto changed = column_change(std::move(table));
    if (changed.has_value() && current().is_symbol(','))
        return not_here("one change at a time: write an ALTER TABLE for each");
    return changed;
}

Result<SqlStatement> TableStatementParser::column_change(std::string table) {
    if (accept("add")) return alter_add(std::move(table));
    if (accept("drop") || accept("orop")) return alter_drop(std::move(table));
    if (accept("rename")) return alter_rename(std::move(table));
    if (accept("alter") || accept("modify")) return alter_column(std::move(table));
    return fail("", {"add", "drop", "orop", "rename", "alter", "set"});
}

// `colum d ...`, where a name behind it shows that the word is none.
bool TableStatementParser::misspells_column() const {
    constexpr std::array<std::string_view, 1> kWords = {"column"};
    const auto& next = ahead(1);
    if (current().kind != Kind::word || current().is_word("column") ||
        nearest_name(current().lower, kWords).empty())
        return false;
    if (next.kind == Kind::quoted_name) return true;
    if (next.kind != Kind::word || begins_type(next.lower)) return false;
    for (const char* word : {"set", "drop", "type", "to", "not", "null", "default"})
        if (next.is_word(word)) return false;
    return true;
}

Result<SqlStatement> TableStatementParser::alter_add(std::string table) {
    if (misspells_column()) return fail("", {"column"});
    if (current().is_word("primary") && ahead(1).is_word("key"))
        return not_here(
            "the key stays as the table was made; create table ... primary key (c) as select makes "
            "one with another");
    if (const auto way = constraint_here(); !way.empty()) return not_here(way);
    AlterAddStatement statement;
    statement.table = std::move(table);
    statement.if_not_exists = accept_if_not_exists(current().is_word("column") ? 1 : 0);
    // `add column string` adds a column named "column", `add column c string` one named "c".
    if (current().is_word("column")) {
        const bool follows_type = ahead(2).kind == Kind::word && begins_type(ahead(2).lower);
        const bool follows_name = ahead(1).kind == Kind::word && !begins_type(ahead(1).lower);
        if (ahead(1).kind == Kind::quoted_name || follows_type ||
            (follows_name && ahead(2).kind == Kind::word))
            advance();
    }
    DL_TRY_ASSIGN(statement.column.name, name("a column name"));
    DL_TRY_ASSIGN(statement.column.type, type());
    DL_TRY(added_column_rest(statement.column));
    return SqlStatement(std::move(statement));
}

Result<SqlStatement> TableStatementParser::alter_drop(std::string table) {
    if (misspells_column()) return fail("", {"column"});
    AlterDropStatement statement;
    statement.table = std::move(table);
    const std::size_t at_if = current().is_word("column") ? 1 : 0;
    if (ahead(at_if).is_word("if") && ahead(at_if + 1).is_word("exists") &&
        ahead(at_if + 2).kind != Kind::end) {
        at_ += at_if + 2;
        statement.if_exists = true;
    } else if (current().is_word("column") &&
               (ahead(1).kind == Kind::word || ahead(1).kind == Kind::quoted_name)) {
        advance();
    }
    DL_TRY_ASSIGN(statement.column, name("a column name"));
    return SqlStatement(std::move(statement));
}

bool TableStatementParser::accept_column() {
    const bool names_one = ahead(1).kind == Kind::word || ahead(1).kind == Kind::quoted_name;
    if (!current().is_word("column") || !names_one || ahead(2).kind != Kind::word) return false;
    advance();
    return true;
}

Result<SqlStatement> TableStatementParser::alter_rename(std::string table) {
    if (current().is_word("to") && !ahead(1).is_word("to"))
        return make_error(ErrorCode::not_supported,
                          "a table keeps its name; create table ... as select makes one of another name, and "
                          "create view shows it under one");
    if (misspells_column()) return fail("", {"column"});
    AlterColumnStatement statement;
    statement.table = std::move(table);
    // `rename column to b` renames one called "column".
    if (!ahead(1).is_word("to") || ahead(2).is_word("to")) accept_column();
    DL_TRY_ASSIGN(statement.column, name("a column name"));
    DL_TRY(expect("to"));
    RenameTo to;
    DL_TRY_ASSIGN(to.name, name("a column name"));
    statement.change = std::move(to);
    return SqlStatement(std::move(statement));
}

// `alter [column] c set default v`, `... drop default`, `... [[set data] type] t`; also behind `modify`.
Result<SqlStatement> TableStatementParser::alter_column(std::string table) {
    if (misspells_column()) return fail("", {"column"});
    AlterColumnStatement statement;
    statement.table = std::move(table);
    accept_column();
    DL_TRY_ASSIGN(statement.column, name("a column name"));
    if (current().is_word("set") && ahead(1).is_word("default")) {
        at_ += 2;
        DL_TRY_ASSIGN(auto value, literal("a default value"));
        SetDefault set;
        if (value.kind != SqlLiteral::Kind::null) set.text = std::move(value.text);
        statement.change = std::move(set);
        return SqlStatement(std::move(statement));
    }
    if (accept("drop")) {
        if (current().is_word("not"))
            return make_error(ErrorCode::not_supported,
                              "NOT NULL stays as the column was made; add another column without it");
        DL_TRY(expect("default"));
        statement.change = SetDefault{};
        return SqlStatement(std::move(statement));
    }
    if (accept("set")) {
        if (current().is_word("not"))
            return make_error(
                ErrorCode::not_supported,
                "NOT NULL is given with the column: alter table ... add c ... not null default ...");
        if (!accept("data") || !current().is_word("type")) return fail("", {"default", "data type"});
    }
    if (current().is_word("type") && ahead(1).kind == Kind::word) advance();
    if (current().kind != Kind::word) return fail("", {"set default", "drop default", "type"});
    SetType set;
    DL_TRY_ASSIGN(set.type, type());
    statement.change = std::move(set);
    return SqlStatement(std::move(statement));
}

// `set history.hours = 5, history.bytes = 1000`, in parentheses or not.
Result<SqlStatement> TableStatementParser::alter_history(std::string table) {
    AlterHistoryStatement statement;
    statement.table = std::move(table);
    const bool in_parentheses = accept_symbol('(');
    do {
        if (current().is_word("partition") || current().is_word("replicas"))
            return make_error(ErrorCode::not_supported,
                              "partitions stay as the table was made, and set copies = N says how many "
                              "copies there are; history.hours and history.bytes can be set");
        if (!accept("history")) return fail("", {"copies", "history.hours", "history.bytes"});
        DL_TRY(expect_symbol('.'));
        const bool hours = current().is_word("hours");
        if (!hours && !current().is_word("bytes")) return fail("", {"hours", "bytes"});
        advance();
        DL_TRY(expect_symbol('='));
        if (hours ? statement.hours.has_value() : statement.bytes.has_value())
            return fail("each option only once");
        if (hours) {
            DL_TRY_ASSIGN(statement.hours, count<std::uint32_t>(0, TableHistory::kHoursMax));
        } else {
            DL_TRY_ASSIGN(statement.bytes, count<std::uint64_t>(0, TableHistory::kBytesMax));
        }
    } while (accept_symbol(','));
    if (in_parentheses) DL_TRY(expect_symbol(')'));
    return SqlStatement(std::move(statement));
}

// What follows name and type of an added column. An unquoted default reaches to the end: existing clients
// send it as it is, blanks and quotes included.
Result<void> TableStatementParser::added_column_rest(DdlColumn& column) {
    for (;;) {
        if (accept("not")) {
            DL_TRY(expect("null"));
            column.not_null = true;
        } else if (accept("null")) {
            // the default
        } else if (accept("default")) {
            const auto& token = current();
            if (token.kind == Kind::end) return fail("a default value");
            const auto& next = ahead(1);
            if (token.kind == Kind::string && (next.kind == Kind::end || next.is_symbol(';') ||
                                               next.is_word("not") || next.is_word("null"))) {
                column.default_text = token.text;
                advance();
                continue;
            }
            return raw_default(column);
        } else {
            return {};
        }
    }
}

Result<void> TableStatementParser::raw_default(DdlColumn& column) {
    auto text = trimmed(sql_.substr(current().begin));
    while (!text.empty() && text.back() == ';')
        text = trimmed(text.substr(0, text.size() - 1));
    const auto lower = ascii_lowercase(text);
    constexpr std::string_view kNotNull = " not null";
    if (lower.size() > kNotNull.size() && lower.ends_with(kNotNull)) {
        column.not_null = true;
        text = trimmed(text.substr(0, text.size() - kNotNull.size()));
    }
    if (text.empty()) return fail("a default value");
    if (ascii_lowercase(text) != "null") column.default_text = std::string(text);
    at_ = tokens_.size() - 1;
    return {};
}

}  // namespace dl::master
