// Statements that make, change and remove tables: CREATE, ALTER, DROP TABLE.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "master/sql/copies_statement_parser.h"

namespace dl::master {

class TableStatementParser : public CopiesStatementParser {
  public:
    using CopiesStatementParser::CopiesStatementParser;

  protected:
    // Behind the word that names them; create_table() behind CREATE [OR REPLACE].
    Result<SqlStatement> create_table(bool or_replace);
    Result<SqlStatement> alter_table();
    Result<SqlStatement> drop_table();
    // `if not exists` after `words` words, which are then skipped too.
    bool accept_if_not_exists(std::size_t words);

  private:
    Result<SqlStatement> create_as(CreateTableStatement table, bool in_parentheses);
    bool at_like() const;
    Error no_like();
    bool columns_before_as() const;
    Result<DdlColumn> column_definition();
    // Of `unique (a)`, `index i (a)`, which are no columns of these names: a type would follow. Empty: of
    // none.
    std::string_view constraint_here() const;
    // A type of one word or several, as it is written. INVALID_VALUE: parse_declared_type().
    Result<std::string> type();
    Result<void> create_options(CreateTableStatement& statement);
    Result<void> create_option(std::size_t option, CreateTableStatement& statement);
    Result<SqlStatement> column_change(std::string table);
    Result<SqlStatement> alter_add(std::string table);
    Result<SqlStatement> alter_drop(std::string table);
    Result<SqlStatement> alter_rename(std::string table);
    Result<SqlStatement> alter_column(std::string table);
    Result<SqlStatement> alter_history(std::string table);
    // `column` is a word of the statement rather than the name of a column.
    bool accept_column();
    bool misspells_column() const;
    Error not_here(std::string_view way) const;
    Result<void> added_column_rest(DdlColumn& column);
    Result<void> raw_default(DdlColumn& column);
};

}  // namespace dl::master
