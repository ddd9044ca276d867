#include "master/sql/ddl_parser.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <optional>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/limits.h"
#include "common/base/nearest_name.h"
#include "common/types/data_type.h"
#include "common/types/schema.h"
#include "common/types/value_scan.h"
#include "master/catalog/schema_change.h"
#include "master/sql/copies_statement_parser.h"

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

class Parser final : public CopiesStatementParser {
  public:
    using CopiesStatementParser::CopiesStatementParser;

    Result<SqlStatement> statement() {
        const auto& first = current();
        if (first.is_symbol('(')) return SqlStatement(SelectStatement{std::string(sql_)});
        for (const char* word : {"select", "with", "explain", "from", "values", "pivot", "unpivot"})
            if (first.is_word(word)) return SqlStatement(SelectStatement{std::string(sql_)});
        if (accept("create")) return finish(create_table());
        if (accept("summarize")) return summarize();
        if (accept("drop")) return finish(drop_table());
        if (accept("alter")) return finish(alter_table());
        if (accept("desc") || accept("describe")) return finish(named<DescStatement>());
        if (accept("show_table") || accept("show_tables"))
            return finish(Result<SqlStatement>(ShowTablesStatement{}));
        if (accept("show")) {
            const std::initializer_list<std::string_view> shown = {"tables", "columns", "create", "orphans"};
            if (accept("columns")) {
                if (!accept("from") && !accept("in")) return fail("", {"from"});
                return finish(named<ShowColumnsStatement>());
            }
            if (accept("create")) {
                DL_TRY(expect("table"));
                return finish(named<ShowCreateStatement>());
            }
            if (accept("orphans")) return finish(Result<SqlStatement>(ShowOrphansStatement{}));
            // `show offsets` alone asks for the columns of a table of that name.
            if (current().is_word("offsets") && !ends_behind_this()) {
                advance();
                return finish(show_offsets());
            }
            if ((current().is_word("tables") || current().is_word("table")) && ends_behind_this()) {
                advance();
                return finish(Result<SqlStatement>(ShowTablesStatement{}));
            }
            // What other systems list: better a word about what there is here than "no such table".
            bool elsewhere = false;
            for (const char* word : {"databases", "schemas", "functions", "settings", "indexes", "variables",
                                     "processlist", "status", "users"})
                elsewhere = elsewhere || current().is_word(word);
            if (elsewhere || current().kind == Kind::end || !ends_behind_this() ||
                !nearest_name(current().lower, shown).empty())
                return fail("", shown);
            return finish(named<DescStatement>());  // as older clients ask for a table's columns
        }
        if (accept("max_offset")) return finish(named<MaxOffsetStatement>());
        if (accept("compress") || accept("compress_table")) {
            accept("table");
            return finish(named<CompressStatement>());
        }
        if (accept("check") || accept("check_table")) return finish(check_table());
        if (accept("accept")) return finish(accept_loss());
        if (at_copies_statement()) return finish(copies_statement());
        if (accept("insert")) return finish(insert());
        if (accept("delete")) return finish(delete_rows());
        if (accept("truncate")) return finish(truncate());
        if (const auto why = not_here()) return *why;
        if (first.kind == Kind::end) return make_error(ErrorCode::syntax_error, "the statement is empty");
        return fail("a statement",
                    {"create", "drop", "alter", "desc", "show_table", "max_offset", "compress", "check",
                     "select", "insert", "delete", "truncate", "with", "explain", "show", "summarize"});
    }

  private:
    // Statements of other systems that have a way here, and which.
    std::optional<Error> not_here() const {
        for (const char* word : {"begin", "start", "commit", "rollback", "end", "savepoint", "abort"})
            if (current().is_word(word))
                return make_error(ErrorCode::not_supported,
                                  "there are no transactions; the rows of one INSERT or batch are checked "
                                  "together and written at once in each partition, and a batch_id makes "
                                  "sure that a repeat is not written again");
        if (current().is_word("update") || current().is_word("merge") || current().is_word("upsert"))
            return make_error(ErrorCode::not_supported,
                              "a row is changed by inserting it again: INSERT with a major key that is there "
                              "replaces the row; INSERT INTO t SELECT ... FROM t WHERE ... changes many");
        return std::nullopt;
    }

    // What the query gate reads: of a query.
    Result<SqlStatement> summarize() {
        std::string what;
        if (!current().is_word("select") && !current().is_word("with") && !current().is_word("from")) {
            const auto begin = current().begin;
            DL_TRY(name("a table name or a SELECT"));
            what = "SELECT * FROM " + std::string(sql_.substr(begin, tokens_[at_ - 1].end - begin));
        } else {
            what = take_rest();
        }
        return finish(Result<SqlStatement>(SelectStatement{"SELECT * FROM (SUMMARIZE " + what + "\n)"}));
    }

    template <class Statement>
    Result<SqlStatement> named() {
        DL_TRY_ASSIGN(auto table, name("a table name"));
        return SqlStatement(Statement{std::move(table)});
    }

    Result<SqlStatement> create_table() {
        DL_TRY(expect("table"));
        CreateTableStatement statement;
        statement.if_not_exists = accept_if_not_exists(0);
        DL_TRY_ASSIGN(statement.table, name("a table name"));
        if (current().is_word("as"))
            return make_error(ErrorCode::syntax_error,
                              "the table has no primary key, and of rows with one key the last replaces the "
                              "others; write: create table " +
                                  statement.table + " primary key (COLUMN) as ...");
        if (current().is_word("primary")) return create_as(std::move(statement), false);
        DL_TRY(expect_symbol('('));
        std::optional<std::string> key_clause;
        if (current().is_word("primary") && ahead(1).is_word("key") && ahead(4).is_symbol(')') &&
            ahead(5).is_symbol(')'))
            return create_as(std::move(statement), true);
        do {
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

    // `[primary key (c)] [options] as select ...`, or all of that but the options in parentheses.
    Result<SqlStatement> create_as(CreateTableStatement table, bool in_parentheses) {
        CreateTableAsStatement statement;
        statement.table = std::move(table);
        if (accept("primary")) {
            DL_TRY(expect("key"));
            DL_TRY(expect_symbol('('));
            DL_TRY_ASSIGN(statement.key, name("a column name"));
            if (current().is_symbol(','))
                return make_error(ErrorCode::not_supported,
                                  "a primary key of several columns; use exactly one");
            DL_TRY(expect_symbol(')'));
        }
        if (in_parentheses) DL_TRY(expect_symbol(')'));
        DL_TRY(create_options(statement.table));
        DL_TRY(expect("as"));
        for (const char* word : {"select", "with", "from", "values"}) {
            if (!current().is_word(word)) continue;
            statement.sql = take_rest();
            return SqlStatement(std::move(statement));
        }
        return fail("", {"select"});
    }

    static Result<void> settle_key(CreateTableStatement& statement,
                                   const std::optional<std::string>& clause) {
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

    Result<std::string> type() {
        const auto begin = current().begin;
        if (current().kind != Kind::word) return fail("a type such as int, long, string or decimal(10,2)");
        advance();
        auto end = tokens_[at_ - 1].end;
        if (accept_symbol('(')) {
            while (current().kind == Kind::number || current().is_symbol(','))
                advance();
            DL_TRY(expect_symbol(')'));
            end = tokens_[at_ - 1].end;
        }
        std::string text(sql_.substr(begin, end - begin));
        auto parsed = parse_type(text);
        if (parsed.has_error())
            return std::move(parsed).error().in("at position " + std::to_string(begin + 1));
        return text;
    }

    Result<DdlColumn> column_definition() {
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
                DL_TRY_ASSIGN(auto value, literal("a default value"));
                if (value.kind != SqlLiteral::Kind::null) column.default_text = std::move(value.text);
            } else {
                return column;
            }
        }
    }

    Result<void> create_options(CreateTableStatement& statement) {
        bool seen[5] = {};
        accept_symbol(',');
        accept("with");
        while (current().kind == Kind::word && !current().is_word("as")) {
            const bool partitions = current().is_word("partition") || current().is_word("partitions");
            const bool copies = current().is_word("replicas") || current().is_word("replica");
            if (!partitions && !copies && !current().is_word("history"))
                return fail("", {"partition.number", "replicas.number", "replicas.in_sync.min",
                                 "history.hours", "history.bytes"});
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

    Result<void> create_option(std::size_t option, CreateTableStatement& statement) {
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

    Result<SqlStatement> show_offsets() {
        ShowOffsetsStatement statement;
        DL_TRY_ASSIGN(statement.table, name("a table name"));
        if (!accept("since")) return SqlStatement(std::move(statement));
        std::int64_t since_us = 0;
        if (current().kind != Kind::string || !scan_timestamp(current().text, since_us))
            return fail("a timestamp such as '2024-01-31 12:00:00'");
        advance();
        statement.since_us = since_us;
        return SqlStatement(std::move(statement));
    }

    Result<SqlStatement> drop_table() {
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
        DL_TRY_ASSIGN(statement.table, name("a table name"));
        return SqlStatement(std::move(statement));
    }

    Result<SqlStatement> check_table() {
        CheckStatement statement;
        // As with drop: "table" alone is a name.
        if (current().is_word("table") && ahead(1).kind != Kind::end && !ahead(1).is_symbol(';')) advance();
        DL_TRY_ASSIGN(statement.table, name("a table name"));
        statement.repair = accept("repair");
        return SqlStatement(std::move(statement));
    }

    Result<SqlStatement> accept_loss() {
        AcceptLossStatement statement;
        DL_TRY(expect("loss"));
        DL_TRY(expect("of"));
        DL_TRY(expect("table"));
        DL_TRY_ASSIGN(statement.table, name("a table name"));
        DL_TRY(expect("partition"));
        DL_TRY_ASSIGN(statement.partition, count<std::uint32_t>(0, limits::partitions_max - 1));
        return SqlStatement(std::move(statement));
    }

    Result<SqlStatement> alter_table() {
        DL_TRY(expect("table"));
        DL_TRY_ASSIGN(auto table, name("a table name"));
        if (at_set_copies()) return set_copies(std::move(table));
        if (accept("add")) {
            AlterAddStatement statement;
            statement.table = std::move(table);
            statement.if_not_exists = accept_if_not_exists(current().is_word("column") ? 1 : 0);
            // `add column string` adds a column named "column", `add column c string` one named "c".
            if (current().is_word("column") && ahead(1).kind == Kind::quoted_name) advance();
            if (current().is_word("column") && ahead(2).kind == Kind::word &&
                parse_type(ahead(2).lower).has_value())
                advance();
            else if (current().is_word("column") && ahead(2).is_word("decimal"))
                advance();
            DL_TRY_ASSIGN(statement.column.name, name("a column name"));
            DL_TRY_ASSIGN(statement.column.type, type());
            DL_TRY(added_column_rest(statement.column));
            return SqlStatement(std::move(statement));
        }
        if (accept("drop") || accept("orop")) {
            AlterDropStatement statement;
            statement.table = std::move(table);
            const std::size_t at_if = current().is_word("column") ? 1 : 0;
            if (ahead(at_if).is_word("if") && ahead(at_if + 1).is_word("exists") &&
                ahead(at_if + 2).kind != Kind::end) {
                at_ += at_if + 2;
                statement.if_exists = true;
            } else if (current().is_word("column") &&
                       (ahead(1).kind == Kind::word || ahead(1).kind == Kind::quoted_name))
                advance();
            DL_TRY_ASSIGN(statement.column, name("a column name"));
            return SqlStatement(std::move(statement));
        }
        return fail("", {"add", "drop", "orop"});
    }

    // `if not exists` after `words` words, which are then skipped too.
    bool accept_if_not_exists(std::size_t words) {
        if (!ahead(words).is_word("if") || !ahead(words + 1).is_word("not") ||
            !ahead(words + 2).is_word("exists"))
            return false;
        at_ += words + 3;
        return true;
    }

    // What follows name and type of an added column. An unquoted default reaches to the end: existing clients
    // send it as it is, blanks and quotes included.
    Result<void> added_column_rest(DdlColumn& column) {
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

    Result<void> raw_default(DdlColumn& column) {
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
};

}  // namespace

Result<SqlStatement> parse_sql_statement(std::string_view sql) {
    if (sql.size() > limits::sql_bytes_max)
        return make_error(ErrorCode::limit_exceeded, "the statement has " + std::to_string(sql.size()) +
                                                         " bytes, the limit is " +
                                                         std::to_string(limits::sql_bytes_max));
    return Parser(sql).statement();
}

}  // namespace dl::master
