// Rows that are all there, for answers that no query made.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "master/execution/command_context.h"
#include "master/execution/row_cursor.h"
#include "master/execution/services.h"

namespace dl::master {

class ListedRows final : public QueryStream {
  public:
    ListedRows(std::vector<ResultColumn> columns, std::optional<ColumnBatch> batch)
        : columns_(std::move(columns)), batch_(std::move(batch)) {}
    const std::vector<ResultColumn>& columns() const override { return columns_; }
    Result<std::optional<ColumnBatch>> next() override { return std::exchange(batch_, std::nullopt); }
    const std::map<std::string, std::map<std::uint32_t, Offset>>& offsets() const override {
        return offsets_;
    }
    const std::map<std::string, std::uint64_t>& behind() const override { return behind_; }

  private:
    std::vector<ResultColumn> columns_;
    std::optional<ColumnBatch> batch_;
    std::map<std::string, std::map<std::uint32_t, Offset>> offsets_;
    std::map<std::string, std::uint64_t> behind_;
};

// Columns for the builder of the rows, in their order.
std::vector<ColumnBatchBuilder::ColumnSpec> listed_columns(const std::vector<ResultColumn>& columns);
Result<std::unique_ptr<QueryStream>> listed_rows(std::vector<ResultColumn> columns,
                                                 ColumnBatchBuilder& builder);

struct ListedTexts {
    std::vector<std::string> columns;
    std::vector<std::vector<std::optional<std::string>>> rows;
};
Result<std::unique_ptr<RowCursor>> cursor_of(const Services& services, const CommandContext& context,
                                             const ListedTexts& listed);

}  // namespace dl::master
