// The rows of INSERT INTO ... VALUES and DELETE FROM of SQL.
#pragma once

#include <cstddef>
#include <memory>

#include "master/execution/row_source.h"
#include "master/sql/ddl_statement.h"

namespace dl::master {

// `input_bytes`: of the statement's text.
std::shared_ptr<RowSource> rows_of(InsertStatement statement, std::size_t input_bytes);
std::shared_ptr<RowSource> rows_of(DeleteStatement statement, std::size_t input_bytes);

}  // namespace dl::master
