// Cuts what is typed, pasted or read from a file into statements.
//
// - A line that begins with a backslash is a command; so are the lines `quit`, `exit` and `help`.
// - What begins with { [ or " is JSON and ends where the JSON value ends, over as many lines as it takes.
// - Everything else is SQL and ends at a `;` outside of quotes and comments. Without `;` at the end of their
// line end
//   too: desc t, describe t, max_offset t, compress t, drop t, drop table [if exists] t, show_table, show
//   tables. At the prompt an empty line ends any statement.
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
    void add_line(std::string_view line);
    // The next complete statement.
    std::optional<Statement> next();
    // At the end of the input: what is left counts as a statement.
    std::optional<Statement> finish();
    // Something is waiting for its end.
    bool pending() const;
    void reset();
    const std::string& buffer() const { return buffer_; }

  private:
    void skip_between();
    std::optional<Statement> take(Statement::Kind kind, std::size_t text_end, std::size_t end);
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

// A whole statement that needs no `;`.
bool is_bare_statement(std::string_view line);

}  // namespace datalake::cli
