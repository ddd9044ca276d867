// Rows of a running SELECT as rows of a table: typed and split, in batches.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "master/catalog/catalog_cache.h"
#include "master/execution/command.h"
#include "master/execution/command_context.h"
#include "master/execution/reply.h"
#include "master/execution/row_cursor.h"
#include "master/execution/services.h"
#include "master/routing/partitioned_batch_builder.h"

namespace dl::master {

// Writes all rows of `query` into columns `targets` of `table`, or deletes rows whose keys they are.
// `written` is what was written also when it ends early.
boost::asio::awaitable<Result<void>> write_rows(Services& services, CommandContext& context,
                                                CatalogTablePtr table, std::vector<std::uint32_t> targets,
                                                bool deletes, Query query, RowsAppended& written);

// The SELECT of the keys of the rows that a DELETE means. SYNTAX_ERROR when its condition ends early.
Result<std::string> keys_query(const DeleteStatement& statement, const TableMeta& table);

// The rows of an INSERT as the engine is to compute them: of VALUES each by the rules of its column.
std::string rows_query(std::string sql, const std::vector<std::uint32_t>& targets, const TableMeta& table);

// Takes rows until a batch is full. Values go into columns of their own type as they are, into others by the
// rules for INSERT ... VALUES. LIMIT_EXCEEDED, INVALID_VALUE with row and column.
class SelectedRowSink final : public RowSink {
  public:
    // Column i of the rows is for column `targets[i]` of the table.
    SelectedRowSink(CatalogTablePtr table, std::vector<std::uint32_t> targets, bool deletes,
                    std::uint64_t rows_before)
        : table_(std::move(table)),
          targets_(std::move(targets)),
          deletes_(deletes),
          rows_before_(rows_before) {}

    Result<std::uint32_t> take(const ColumnBatch& batch, std::uint32_t row) override;
    bool full() const override;
    // What was taken. Once.
    Result<PartitionedBatch> finish();

  private:
    bool put(std::uint32_t target, const ColumnView& values, std::uint32_t row);

    const CatalogTablePtr table_;
    const std::vector<std::uint32_t> targets_;
    const bool deletes_;
    const std::uint64_t rows_before_;  // of earlier batches, for messages
    std::optional<PartitionedBatchBuilder> builder_;
    std::uint32_t rows_ = 0;
    std::string text_;
};

}  // namespace dl::master
