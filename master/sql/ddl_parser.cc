#include "master/sql/ddl_parser.h"

#include <charconv>
#include <initializer_list>
#include <optional>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/limits.h"
#include "common/base/nearest_name.h"
#include "common/duck/sql_limits.h"
#include "common/types/value_scan.h"
#include "master/sql/foreign_words.h"
#include "master/sql/table_statement_parser.h"

namespace dl::master {
namespace {

class Parser final : public TableStatementParser {
  public:
    using TableStatementParser::TableStatementParser;

    Result<SqlStatement> statement() {
        const auto& first = current();
        if (first.is_symbol('(')) return SqlStatement(SelectStatement{std::string(sql_)});
        if (auto analyzed = analyzed_select(sql_))
            return SqlStatement(ExplainAnalyzeStatement{std::move(*analyzed)});
        if (auto why = written_with()) return std::move(*why);
        for (const char* word : {"select", "with", "explain", "from", "values", "pivot", "unpivot"})
            if (first.is_word(word)) return SqlStatement(SelectStatement{std::string(sql_)});
        if (accept("create")) return finish(create());
        if (accept("summarize")) return summarize();
        if (accept("drop")) return finish(drop());
        if (accept("alter")) return finish(alter_table());
        if (accept("desc") || accept("describe")) return finish(describe());
        if (accept("show_table") || accept("show_tables"))
            return finish(Result<SqlStatement>(ShowTablesStatement{}));
        if (accept("show")) {
            const std::initializer_list<std::string_view> shown = {"tables", "columns", "create", "orphans",
                                                                   "sizes"};
            if (current().is_word("full") && ahead(1).is_word("columns")) advance();
            if ((current().is_word("full") && ahead(1).is_word("tables")) ||
                (current().is_word("table") && ahead(1).is_word("status")))
                return make_error(ErrorCode::not_supported,
                                  "show sizes lists tables with their rows and bytes");
            if (accept("columns")) {
                if (!accept("from") && !accept("in")) return fail("", {"from"});
                return finish(named<ShowColumnsStatement>());
            }
            if (accept("create")) {
                if (!accept("view")) DL_TRY(expect("table"));
                return finish(named<ShowCreateStatement>());
            }
            if (accept("sizes")) return finish(Result<SqlStatement>(ShowSizesStatement{}));
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
            if (current().is_word("tables") && !ends_behind_this())
                return make_error(ErrorCode::not_supported,
                                  "SHOW TABLES lists all of them; for some: select table_name from "
                                  "information_schema.tables where table_name like 'a%'");
            // `show index` alone asks for the columns of a table of that name.
            if (const auto way = way_of_list(current().lower);
                current().kind == Kind::word && !way.empty() &&
                !(current().is_word("index") && ends_behind_this()))
                return make_error(ErrorCode::not_supported, std::string(way));
            // What other systems list: better a word about what there is here than "no such table".
            if (current().is_word("functions") || current().kind == Kind::end || !ends_behind_this() ||
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
        if (accept("kill")) return finish(kill_query());
        if (at_copies_statement()) return finish(copies_statement());
        if (accept("insert")) return finish(insert());
        if (accept("delete")) return finish(delete_rows());
        if (accept("truncate")) return finish(truncate());
        if (const auto why = not_here()) return *why;
        if (first.is_symbol('.'))
            return make_error(
                ErrorCode::syntax_error,
                "commands of the prompt begin with a backslash: \\dt lists the tables, \\d t the "
                "columns of one, \\? all commands");
        if (first.kind == Kind::end) return make_error(ErrorCode::syntax_error, "the statement is empty");
        return fail("a statement",
                    {"create",      "drop",    "alter",  "desc",      "show_table",     "max_offset",
                     "compress",    "check",   "select", "insert",    "delete",         "truncate",
                     "with",        "explain", "show",   "summarize", "cluster_status", "elect unclean",
                     "accept loss", "refill",  "pivot",  "values",    "kill query"});
    }

  private:
    Result<SqlStatement> create() {
        bool or_replace = false;
        if (accept("or")) {
            DL_TRY(expect("replace"));
            or_replace = true;
        }
        if (current().is_word("table")) return create_table(or_replace);
        if (accept("view")) return create_view(or_replace);
        if (const auto way = way_of_object(current().lower); current().kind == Kind::word && !way.empty())
            return make_error(ErrorCode::not_supported, std::string(way));
        return fail("", {"table", "view", "or replace"});
    }

    Result<SqlStatement> create_view(bool or_replace) {
        CreateViewStatement statement;
        statement.or_replace = or_replace;
        statement.if_not_exists = accept_if_not_exists(0);
        if (or_replace && statement.if_not_exists) return fail("a view name: or replace or if not exists");
        DL_TRY_ASSIGN(statement.name, name("a view name"));
        if (accept_symbol('(')) {
            do {
                DL_TRY_ASSIGN(auto column, name("a column name"));
                statement.columns.push_back(std::move(column));
            } while (accept_symbol(','));
            DL_TRY(expect_symbol(')'));
        }
        DL_TRY(expect("as"));
        if (!current().is_symbol('(') && !is_query_word()) return fail("", {"select"});
        statement.sql = take_rest();
        return SqlStatement(std::move(statement));
    }

    bool is_query_word() const {
        for (const char* word : {"select", "with", "from", "values", "pivot", "unpivot"})
            if (current().is_word(word)) return true;
        return false;
    }

    Result<SqlStatement> drop() {
        if (const auto way = way_of_object(current().lower);
            current().kind == Kind::word && !ends_behind_this() && !way.empty())
            return make_error(ErrorCode::not_supported, std::string(way));
        if (!current().is_word("view") || ends_behind_this()) return drop_table();
        advance();
        DropViewStatement statement;
        if (current().is_word("if") && ahead(1).is_word("exists")) {
            at_ += 2;
            statement.if_exists = true;
        }
        DL_TRY_ASSIGN(statement.name, name("a view name"));
        return SqlStatement(std::move(statement));
    }

    // `with x as (...) insert into t ...`
    std::optional<Error> written_with() const {
        if (!current().is_word("with")) return std::nullopt;
        int depth = 0;
        for (std::size_t at = at_; at + 1 < tokens_.size(); ++at) {
            depth += tokens_[at].is_symbol('(') ? 1 : tokens_[at].is_symbol(')') ? -1 : 0;
            if (depth != 0 || !tokens_[at].is_symbol(')')) continue;
            if (tokens_[at + 1].is_word("insert"))
                return make_error(
                    ErrorCode::not_supported,
                    "WITH stands behind the table of an INSERT: insert into t with x as (select "
                    "...) select ... from x");
            if (tokens_[at + 1].is_word("delete"))
                return make_error(
                    ErrorCode::not_supported,
                    "WITH before a DELETE; write: delete from t where key in (with x as (select "
                    "...) select key from x)");
            if (tokens_[at + 1].is_word("update")) return not_here(at + 1);
        }
        return std::nullopt;
    }

    // Statements of other systems that have a way here, and which.
    std::optional<Error> not_here() const { return not_here(at_); }
    std::optional<Error> not_here(std::size_t at) const {
        const auto& token = tokens_[at];
        for (const char* word : {"begin", "start", "commit", "rollback", "end", "savepoint", "abort"})
            if (token.is_word(word))
                return make_error(ErrorCode::not_supported,
                                  "there are no transactions; the rows of one INSERT or batch are checked "
                                  "together and written at once in each partition, and a batch_id makes "
                                  "sure that a repeat is not written again");
        for (const char* word : {"update", "merge", "upsert", "replace"})
            if (token.is_word(word))
                return make_error(ErrorCode::not_supported,
                                  "a row is changed by inserting it again: INSERT with a major key that is "
                                  "there replaces the row; INSERT INTO t SELECT ... FROM t WHERE ... changes "
                                  "many");
        if (const auto way = way_of_statement(token.lower); token.kind == Kind::word && !way.empty())
            return make_error(ErrorCode::not_supported, std::string(way));
        if (token.is_word("use"))
            return make_error(ErrorCode::not_supported,
                              "there is one database, and all tables are in it; a statement names its table, "
                              "and show tables lists them");
        if (token.is_word("copy"))
            return make_error(
                ErrorCode::not_supported,
                "files are read and written by the client: data-lake-client --load FILE --table T, "
                "or \\load and \\save at its prompt");
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
        auto sql = "SELECT * FROM (SUMMARIZE " + what + "\n)";
        return finish(Result<SqlStatement>(SelectStatement{std::move(sql), std::move(what)}));
    }

    // `desc t`, `describe table t`
    Result<SqlStatement> describe() {
        if ((is_query_word() || current().is_symbol('(')) && !ends_behind_this())
            return make_error(ErrorCode::not_supported,
                              "DESCRIBE is of a table or view; the columns of a SELECT with their types are "
                              "listed by: summarize select ..., and of a view of it by: desc v");
        if (current().is_word("table") && !ends_behind_this()) advance();
        return named<DescStatement>();
    }

    template <class Statement>
    Result<SqlStatement> named() {
        DL_TRY_ASSIGN(auto table, table_name());
        return SqlStatement(Statement{std::move(table)});
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

    Result<SqlStatement> check_table() {
        CheckStatement statement;
        // As with drop: "table" alone is a name.
        if (current().is_word("table") && ahead(1).kind != Kind::end && !ahead(1).is_symbol(';')) advance();
        DL_TRY_ASSIGN(statement.table, name("a table name"));
        statement.repair = accept("repair");
        return SqlStatement(std::move(statement));
    }

    // `kill [query] 17`, `kill query '17'`, `kill query where query_id = '17'`
    Result<SqlStatement> kill_query() {
        accept("query");
        if (accept("where")) {
            if (!accept("query") && !accept("query_id") && !accept("id"))
                return fail("", {"query", "query_id"});
            DL_TRY(expect_symbol('='));
        }
        const auto& token = current();
        KillQueryStatement statement;
        const char* end = token.text.data() + token.text.size();
        const bool has_number = token.kind == Kind::number || token.kind == Kind::string;
        const auto [stop, error] = std::from_chars(token.text.data(), end, statement.query);
        if (!has_number || error != std::errc() || stop != end)
            return fail("the number that system.queries shows for it, as in kill query 17");
        advance();
        if (!accept("sync")) accept("async");
        return SqlStatement(statement);
    }
};

}  // namespace

std::optional<std::string> analyzed_select(std::string_view sql) {
    class Analyzed final : public DdlCursor {
      public:
        using DdlCursor::DdlCursor;
        std::optional<std::string> select() {
            if (!accept("explain") || !accept("analyze")) return std::nullopt;
            return std::string(take_rest());
        }
    };
    // Long texts are mostly batches, and none of them begins so.
    constexpr std::string_view kExplain = "explain";
    const auto word = skip_sql_blanks(sql).substr(0, kExplain.size());
    if (ascii_lowercase(word) != kExplain) return std::nullopt;
    return Analyzed(sql).select();
}

Result<SqlStatement> parse_sql_statement(std::string_view sql) {
    if (sql.size() > limits::sql_bytes_max)
        return make_error(ErrorCode::limit_exceeded, "the statement has " + std::to_string(sql.size()) +
                                                         " bytes, the limit is " +
                                                         std::to_string(limits::sql_bytes_max));
    return Parser(sql).statement();
}

}  // namespace dl::master
