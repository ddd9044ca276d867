// What the catalog knows: one table, or the names of all.
#include <utility>

#include "master/execution/command_runs.h"
#include "master/execution/listed_rows.h"
#include "master/execution/system_catalog.h"

namespace dl::master {
CommandRun run(Services& services, CommandContext&, DescribeTable command) {
    auto table = services.catalog.find(command.table);
    if (table.has_error()) co_return std::move(table).error();
    auto routes = services.routes.of(**table);
    TableDescription description{std::move(*table), std::move(routes)};
    co_return reply_with(std::move(description));
}

CommandRun run(Services& services, CommandContext& context, ShowColumns command) {
    DL_CO_TRY_ASSIGN(const auto table, services.catalog.find(command.table));
    ListedTexts listed{{"column_name", "column_type", "null", "key", "default"}, {}};
    for (const auto& field : table->schema.fields) {
        const bool is_key = field.id == table->schema.key().id;
        listed.rows.push_back({field.name, type_name(field.type), is_key || field.not_null ? "NO" : "YES",
                               is_key ? std::optional<std::string>("PRI") : std::nullopt,
                               field.default_text});
    }
    DL_CO_TRY_ASSIGN(auto rows, listed_texts(services, context, listed));
    co_return reply_with(std::move(rows));
}

CommandRun run(Services& services, CommandContext& context, ShowCreate command) {
    DL_CO_TRY_ASSIGN(const auto table, services.catalog.find(command.table));
    ListedTexts listed{{"table_name", "create_statement"}, {}};
    listed.rows.push_back({table->name, create_statement(*table)});
    DL_CO_TRY_ASSIGN(auto rows, listed_texts(services, context, listed));
    co_return reply_with(std::move(rows));
}

CommandRun run(Services& services, CommandContext&, ListTables) {
    TableNames names{services.catalog.tables().names()};
    co_return reply_with(std::move(names));
}

}  // namespace dl::master
