// Cuts what is typed, pasted or read from a file into statements.
//
// - A line that begins with a backslash is a command, also between the lines of a statement, but not within
//   its quotes and comments: it runs first. So are the lines `quit`, `exit` and `help` where a statement
//   begins.
// - What begins with { [ or " is JSON and ends where the JSON value ends, over as many lines as it takes.
// - Everything else is SQL and ends at a `;` outside of quotes and comments. These end at the end of their
//   line too: desc t, describe t, max_offset t, compress t, drop t, drop table [if exists] t, show_table,
//   show tables. At the prompt an empty line that was typed ends any statement. `}` and `]` that close
//   nothing are a statement by themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "data-lake-client/cli/json_scanner.h"

namespace datalake::cli {

struct Statement {
    enum class Kind : std::uint8_t { sql, json, command } kind = Kind::sql;
    std::string text;  // SQL without the `;`
};

class StatementReader {
  public:
    explicit StatementReader(bool interactive) : interactive_(interactive) {}
    // `pasted`: part of a text that goes on; an empty line in it ends nothing.
    void add_line(std::string_view line, bool pasted = false);
    // The next complete statement.
    std::optional<Statement> next();
    // At the end of the input: what is left counts as a statement.
    std::optional<Statement> finish();
    // Something is waiting for its end.
    bool pending() const;
    // The quote that what is waiting ends in; '\0': none is open.
    char open_quote() const;
    void reset();
    const std::string& buffer() const { return buffer_; }

  private:
    void skip_between();
    std::optional<Statement> take(Statement::Kind kind, std::size_t text_end, std::size_t end);
    std::optional<Statement> take_command(std::size_t at);
    bool begins_a_line(std::size_t at) const;
    bool scan_sql();

    const bool interactive_;
    std::string buffer_;
    JsonScanner json_;
    // Of the SQL that begins at the buffer's begin.
    std::size_t sql_at_ = 0;
    enum class Within : std::uint8_t {
        nothing,
        quote,
        name,
        line_comment,
        block_comment
    } within_ = Within::nothing;
    bool blank_line_ = false;
};

// Of the line that is typed next: `'>` and `">` where a quote is open.
std::string_view prompt_of(const StatementReader& reader);

// A whole statement that needs no `;`.
bool is_bare_statement(std::string_view line);

}  // namespace datalake::cli
