// Rows that a command has made itself, as those of a query: for what lists something.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "master/execution/command_context.h"
#include "master/execution/row_cursor.h"
#include "master/execution/services.h"

namespace dl::master {

struct ListedRows {
    std::vector<std::string> columns;  // all of type string
    std::vector<std::vector<std::optional<std::string>>> rows;
};

Result<std::unique_ptr<RowCursor>> cursor_of(const Services& services, const CommandContext& context,
                                             const ListedRows& listed);

}  // namespace dl::master
