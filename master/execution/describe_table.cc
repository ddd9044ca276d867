// What the catalog knows: one table, or the names of all.
#include <utility>

#include "master/execution/command_runs.h"

namespace dl::master {

CommandRun run(Services& services, CommandContext&, DescribeTable command) {
    auto table = services.catalog.find(command.table);
    if (table.has_error()) co_return std::move(table).error();
    auto routes = services.routes.of(**table);
    TableDescription description{std::move(*table), std::move(routes)};
    co_return reply_with(std::move(description));
}

CommandRun run(Services& services, CommandContext&, ListTables) {
    TableNames names{services.catalog.tables().names()};
    co_return reply_with(std::move(names));
}

}  // namespace dl::master
