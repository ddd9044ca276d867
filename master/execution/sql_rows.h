// The rows of INSERT INTO ... VALUES and DELETE FROM of SQL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "master/execution/row_source.h"
#include "master/routing/partitioned_batch_builder.h"
#include "master/sql/query_coordinator.h"

namespace dl::master {

// `input_bytes`: of the statement's text.
std::shared_ptr<RowSource> rows_of(InsertStatement statement, SqlParameters params, std::size_t input_bytes);
std::shared_ptr<RowSource> rows_of(DeleteStatement statement, SqlParameters params, std::size_t input_bytes);

// Columns of the table that values are given for: all in order when none is named. COLUMN_NOT_FOUND.
Result<std::vector<std::uint32_t>> columns_of(const std::vector<std::string>& names, const TableMeta& table,
                                              const PartitionedBatchBuilder& builder);
// Whether it names rows by their major key alone.
bool is_by_key(const DeleteStatement& statement, const TableMeta& table);

// Types of the parameters: each that of the column it is first given to.
Result<StatementShape> shape_of(const InsertStatement& statement, const CatalogTable& table);
Result<StatementShape> shape_of(const DeleteStatement& statement, const CatalogTable& table);  // by key

}  // namespace dl::master
