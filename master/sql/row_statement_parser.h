// Statements about rows: INSERT, DELETE, TRUNCATE, and the values they are written with.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "master/sql/ddl_cursor.h"

namespace dl::master {

class RowStatementParser : public DdlCursor {
  public:
    using DdlCursor::DdlCursor;

  protected:
    // Behind the word that names them.
    Result<SqlStatement> insert();
    Result<SqlStatement> delete_rows();
    Result<SqlStatement> truncate();
    // A value of a column definition: an unquoted word is a text.
    Result<SqlLiteral> literal(std::string_view what);

  private:
    // Words of other systems' INSERT; of what stands here (`or replace`) and anywhere behind (`on conflict`).
    std::optional<Error> insert_elsewhere() const;
    // `returning` from the token on, outside of parentheses.
    std::optional<Error> returning_elsewhere(std::size_t from) const;
    // Forms of texts that are none here: e'...' and $$...$$.
    std::optional<Error> text_elsewhere() const;
    // Values of rows: unquoted words other than the constants are a forgotten quote.
    Result<SqlLiteral> row_literal();
    // The values of one row in parentheses.
    Result<std::vector<SqlLiteral>> row();
    // What stands where a value was expected begins or goes on an expression.
    bool is_expression_here() const;
    Result<SqlLiteral> key_literal();
    Result<SqlLiteral> parameter();  // `$1`
    // Of a DELETE by its major key alone: `key = value` or `key in (...)`; false when it is something else.
    Result<bool> keys_of(DeleteStatement& statement);
};

}  // namespace dl::master
