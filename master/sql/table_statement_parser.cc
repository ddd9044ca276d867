#include "master/sql/table_statement_parser.h"

#include <utility>

#include "common/base/limits.h"
#include "master/catalog/schema_change.h"
#include "master/sql/foreign_words.h"

namespace dl::master {
namespace {

Result<void> settle_key(CreateTableStatement& statement, const std::optional<std::string>& clause) {
    if (clause) {
        const auto wanted = fold_name(*clause);
        bool found = false;
        for (auto& column : statement.columns) {
            if (fold_name(column.name) != wanted) continue;
            column.primary_key = found = true;
        }
        if (!found)
            return make_error(ErrorCode::column_not_found,
                              "PRIMARY KEY(" + *clause + "): the table has no column of that name");
    }
    std::string keys;
    std::size_t count = 0;
    for (const auto& column : statement.columns) {
        if (!column.primary_key) continue;
        keys += (count == 0 ? "'" : ", '") + column.name + "'";
        ++count;
    }
    if (count == 0)
        return make_error(
            ErrorCode::syntax_error,
            "table '" + statement.table + "' has no primary key; write PRIMARY KEY behind one column");
    if (count > 1)
        return make_error(ErrorCode::syntax_error, "table '" + statement.table + "' has " +
                                                       std::to_string(count) + " primary keys (" + keys +
                                                       "); exactly one is allowed");
    return {};
}

}  // namespace

Result<SqlStatement> TableStatementParser::create_table(bool or_replace) {
    DL_TRY(expect("table"));
    CreateTableStatement statement;
    statement.or_replace = or_replace;
    statement.if_not_exists = accept_if_not_exists(0);
    if (or_replace && statement.if_not_exists) return fail("a table name: or replace or if not exists");
    DL_TRY_ASSIGN(statement.table, table_name());
    if (current().is_word("as"))
        return make_error(ErrorCode::syntax_error,
                          "the table has no primary key, and of rows with one key the last replaces the "
                          "others; write: create table " +
                              statement.table + " primary key (COLUMN) as ..." +
                              (ahead(1).is_word("values") ? ", where the columns are col0, col1, ..." : ""));
    if (current().is_word("primary")) return create_as(std::move(statement), false);
    if (at_like()) return no_like();
    DL_TRY(expect_symbol('('));
    std::optional<std::string> key_clause;
    if (current().is_word("primary") && ahead(1).is_word("key") && ahead(4).is_symbol(')') &&
        ahead(5).is_symbol(')'))
        return create_as(std::move(statement), true);
    const bool key_alone = current().is_word("primary") && ahead(1).is_word("key");
    if (!key_alone && columns_before_as())
        return make_error(
            ErrorCode::not_supported,
            "CREATE TABLE ... AS takes names and types of its columns from the SELECT: create table " +
                statement.table +
                " primary key (COLUMN) as select cast(a as long) as n, ...; or create the table with these "
                "columns first, then: insert into " +
                statement.table + " select ...");
    do {
        if (current().is_word("constraint") && ahead(2).is_word("primary")) at_ += 2;
        if (const auto way = constraint_here(); !way.empty()) return not_here(way);
        if (current().is_word("primary") && ahead(1).is_word("key") && ahead(2).is_symbol('(')) {
            at_ += 3;
            if (key_clause) return fail("one PRIMARY KEY only");
            DL_TRY_ASSIGN(key_clause, name("a column name"));
            if (current().is_symbol(','))
                return make_error(ErrorCode::not_supported,
                                  "a primary key of several columns; use exactly one");
            DL_TRY(expect_symbol(')'));
            continue;
        }
        DL_TRY_ASSIGN(auto column, column_definition());
        statement.columns.push_back(std::move(column));
    } while (accept_symbol(','));
    if (!accept_symbol(')')) return fail("',' or ')'", {"primary", "not", "null", "default"});
    DL_TRY(settle_key(statement, key_clause));
    DL_TRY(create_options(statement));
    return SqlStatement(std::move(statement));
}

// `like t`, or `(like t ...)` where no type of a column of that name stands.
bool TableStatementParser::at_like() const {
    const auto names = [this](std::size_t at) {
        return ahead(at).kind == Kind::word || ahead(at).kind == Kind::quoted_name;
    };
    if (current().is_word("like")) return names(1);
    const auto& behind = ahead(3);
    return current().is_symbol('(') && ahead(1).is_word("like") && names(2) &&
           (behind.is_symbol(')') || behind.is_symbol('.') || behind.is_word("including") ||
            behind.is_word("excluding"));
}

Error TableStatementParser::no_like() {
    while (!accept("like"))
        advance();
    return make_error(ErrorCode::not_supported, "there is no CREATE TABLE ... LIKE; show create table " +
                                                    current().text +
                                                    " has the statement, which makes one of another name");
}

// Whether AS and a query follow the parentheses that were opened before the current token.
bool TableStatementParser::columns_before_as() const {
    std::size_t at = at_;
    for (int depth = 1; at < tokens_.size() && depth != 0; ++at)
        depth += tokens_[at].is_symbol('(') ? 1 : tokens_[at].is_symbol(')') ? -1 : 0;
    for (; at + 1 < tokens_.size(); ++at)
        if (tokens_[at].is_word("as")) return true;
    return false;
}

// `[primary key (c)] [options] as select ...`, or all of that but the options in parentheses.
Result<SqlStatement> TableStatementParser::create_as(CreateTableStatement table, bool in_parentheses) {
    // What is there would be gone before the first row of the new one is written.
    if (table.or_replace)
        return make_error(ErrorCode::not_supported,
                          "or replace with as select: a SELECT that fails would leave neither table; write: "
                          "drop table if exists " +
                              table.table + ", then create table ... as select");
    CreateTableAsStatement statement;
    statement.table = std::move(table);
    if (accept("primary")) {
        DL_TRY(expect("key"));
        DL_TRY(expect_symbol('('));
        DL_TRY_ASSIGN(statement.key, name("a column name"));
        if (current().is_symbol(','))
            return make_error(ErrorCode::not_supported, "a primary key of several columns; use exactly one");
        DL_TRY(expect_symbol(')'));
    }
    if (in_parentheses) DL_TRY(expect_symbol(')'));
    DL_TRY(create_options(statement.table));
    DL_TRY(expect("as"));
    for (const char* word : {"select", "with", "from", "values", "pivot", "unpivot"}) {
        if (!current().is_word(word)) continue;
        statement.sql = take_rest();
        return SqlStatement(std::move(statement));
    }
    return fail("", {"select"});
}

Result<std::string> TableStatementParser::type() {
    const auto begin = current().begin;
    if (current().kind != Kind::word) return fail("a type such as int, long, string or decimal(10,2)");
    const auto first = current().lower;
    advance();
    if (first == "double") accept("precision");
    if (first == "char" || first == "character") accept("varying");
    if (accept_symbol('(')) {
        for (int depth = 1; depth != 0; advance()) {
            if (current().kind == Kind::end || current().kind == Kind::bad) return fail("')'");
            depth += current().is_symbol('(') ? 1 : current().is_symbol(')') ? -1 : 0;
        }
    }
    const bool with_zone = current().is_word("with") || current().is_word("without");
    if ((first == "timestamp" || first == "time") && with_zone && ahead(1).is_word("time") &&
        ahead(2).is_word("zone"))
        at_ += 3;
    while (accept("unsigned") || accept("signed") || accept("zerofill")) {
    }
    while (accept_symbol('[')) {
        if (current().kind == Kind::number) advance();
        DL_TRY(expect_symbol(']'));
    }
    std::string text(sql_.substr(begin, tokens_[at_ - 1].end - begin));
    auto parsed = parse_declared_type(text);
    if (parsed.has_error()) return std::move(parsed).error().in("at position " + std::to_string(begin + 1));
    return text;
}

Result<DdlColumn> TableStatementParser::column_definition() {
    DdlColumn column;
    DL_TRY_ASSIGN(column.name, name("a column name"));
    DL_TRY_ASSIGN(column.type, type());
    for (;;) {
        if (accept("primary")) {
            DL_TRY(expect("key"));
            column.primary_key = true;
        } else if (accept("not")) {
            DL_TRY(expect("null"));
            column.not_null = true;
        } else if (accept("null")) {
            // the default
        } else if (accept("default")) {
            if (current().is_word("current_timestamp") || current().is_word("current_date") ||
                current().is_symbol('(') || (current().kind == Kind::word && ahead(1).is_symbol('(')))
                return make_error(ErrorCode::not_supported,
                                  "at position " + std::to_string(current().begin + 1) +
                                      ": a DEFAULT is one value, written out; what is computed is given with "
                                      "the row: insert into t values (1, now())");
            DL_TRY_ASSIGN(auto value, literal("a default value"));
            if (value.kind != SqlLiteral::Kind::null) column.default_text = std::move(value.text);
        } else {
            if (const auto way = way_of_constraint(current().lower);
                current().kind == Kind::word && !way.empty())
                return not_here(way);
            return column;
        }
    }
}

std::string_view TableStatementParser::constraint_here() const {
    const bool names_no_column = ahead(1).is_symbol('(') || ahead(1).kind == Kind::quoted_name ||
                                 (ahead(1).kind == Kind::word && !begins_type(ahead(1).lower));
    return current().kind == Kind::word && names_no_column ? way_of_constraint(current().lower)
                                                           : std::string_view();
}

Error TableStatementParser::not_here(std::string_view way) const {
    return make_error(ErrorCode::not_supported,
                      "at position " + std::to_string(current().begin + 1) + ": " + std::string(way));
}

Result<void> TableStatementParser::create_options(CreateTableStatement& statement) {
    bool seen[5] = {};
    accept_symbol(',');
    accept("with");
    while (current().kind == Kind::word && !current().is_word("as")) {
        const bool partitions = current().is_word("partition") || current().is_word("partitions");
        const bool copies = current().is_word("replicas") || current().is_word("replica");
        const auto way = way_of_table_option(current().lower);
        if (!way.empty()) return not_here(way);
        if (current().is_word("partition") && ahead(1).is_word("by"))
            return not_here("rows are spread by the major key: partition.number = 4");
        if (!partitions && !copies && !current().is_word("history"))
            return fail("", {"partition.number", "replicas.number", "replicas.in_sync.min", "history.hours",
                             "history.bytes"});
        advance();
        DL_TRY(expect_symbol('.'));
        std::size_t option = partitions ? 0 : 1;
        if (copies && current().is_word("in_sync")) {
            DL_TRY(expect_in_sync_min());
            option = 4;
        } else if (partitions || copies) {
            DL_TRY(expect("number"));
        } else if (accept("hours")) {
            option = 2;
        } else if (accept("bytes")) {
            option = 3;
        } else {
            return fail("", {"hours", "bytes"});
        }
        if (std::exchange(seen[option], true)) return fail("each option only once");
        DL_TRY(expect_symbol('='));
        DL_TRY(create_option(option, statement));
        if (!accept_symbol(',')) break;
    }
    return {};
}

Result<void> TableStatementParser::create_option(std::size_t option, CreateTableStatement& statement) {
    switch (option) {
        case 0: {
            DL_TRY_ASSIGN(statement.partitions, count<std::uint32_t>(1, limits::partitions_max));
            break;
        }
        case 1: {
            DL_TRY_ASSIGN(statement.extra_copies, count<std::uint32_t>(0, 15));
            break;
        }
        case 2: {
            DL_TRY_ASSIGN(statement.history.hours, count<std::uint32_t>(0, TableHistory::kHoursMax));
            break;
        }
        case 4: {
            DL_TRY_ASSIGN(statement.min_in_sync, count<std::uint32_t>(1, 16));
            break;
        }
        default: {
            DL_TRY_ASSIGN(statement.history.bytes, count<std::uint64_t>(0, TableHistory::kBytesMax));
        }
    }
    return {};
}

Result<SqlStatement> TableStatementParser::drop_table() {
    // Only a string can follow: a table called "orphan" can still be dropped.
    if (current().is_word("orphan") && ahead(1).kind == Kind::string) {
        advance();
        DropOrphanStatement orphan{current().text};
        advance();
        return SqlStatement(std::move(orphan));
    }
    DropTableStatement statement;
    // `drop table` names a table called "table" only when nothing follows.
    if (current().is_word("table") && ahead(1).kind != Kind::end && !ahead(1).is_symbol(';')) {
        advance();
        if (current().is_word("if") && ahead(1).is_word("exists")) {
            at_ += 2;
            statement.if_exists = true;
        }
    }
    DL_TRY_ASSIGN(statement.table, table_name());
    if (current().is_symbol(','))
        return not_here("one table at a time: drop table " + statement.table + "; drop table ...");
    if (current().is_word("cascade") || current().is_word("restrict"))
        return not_here("leave it out: only views can name a table, and they stay");
    return SqlStatement(std::move(statement));
}

bool TableStatementParser::accept_if_not_exists(std::size_t words) {
    if (!ahead(words).is_word("if") || !ahead(words + 1).is_word("not") ||
        !ahead(words + 2).is_word("exists"))
        return false;
    at_ += words + 3;
    return true;
}

}  // namespace dl::master
