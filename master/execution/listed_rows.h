// Rows that are all there, for answers that no query made.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "master/execution/command_context.h"
#include "master/execution/row_cursor.h"
#include "master/execution/services.h"

namespace dl::master {

// Columns for the builder of the rows, in their order.
std::vector<ColumnBatchBuilder::ColumnSpec> listed_columns(const std::vector<ResultColumn>& columns);
// The rows so far, for the reply of `context`'s command.
Result<std::unique_ptr<RowCursor>> listed_rows(const Services& services, const CommandContext& context,
                                               std::vector<ResultColumn> columns,
                                               ColumnBatchBuilder& builder);

// The same of texts alone.
struct ListedTexts {
    std::vector<std::string> columns;
    std::vector<std::vector<std::optional<std::string>>> rows;
};
Result<std::unique_ptr<RowCursor>> listed_texts(const Services& services, const CommandContext& context,
                                                const ListedTexts& listed);

}  // namespace dl::master
