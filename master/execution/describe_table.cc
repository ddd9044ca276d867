// What the catalog knows: one table, or the names of all.
#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "common/duck/parquet_file.h"
#include "master/execution/command_runs.h"
#include "master/execution/create_statement.h"
#include "master/execution/listed_rows.h"
#include "master/execution/system_catalog.h"
#include "master/sql/view_expansion.h"

namespace dl::master {

namespace asio = boost::asio;

namespace {

// What a description has beside the columns.
constexpr std::array<std::string_view, 4> kMembersOfDesc = {"table_name", "major_key", "partition_number",
                                                            "partition_address"};

// nullptr when it is no view.
ViewPtr view_named(const Services& services, const std::string& name) {
    const auto folded = normalize_name("view", name);
    return folded.has_value() ? services.catalog.tables().view(*folded) : nullptr;
}

asio::awaitable<Result<StatementShape>> shape_of_view(Services& services, CommandContext& context,
                                                      const View& view) {
    auto sql = "SELECT * FROM " + sql_identifier(view.name);
    SqlParameters none;
    co_return co_await shape_of_select(services, context, std::move(sql), std::move(none));
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, DescribeTable command) {
    const auto view = command.or_view ? view_named(services, command.table) : nullptr;
    if (view != nullptr) {
        DL_CO_TRY_ASSIGN(auto shape, co_await shape_of_view(services, context, *view));
        for (const auto& column : shape.columns)
            if (std::ranges::find(kMembersOfDesc, column.name) != kMembersOfDesc.end())
                co_return make_error(ErrorCode::not_supported,
                                     "desc cannot show a column '" + column.name + "', as view '" +
                                         view->name + "' has one; use show columns from " + view->name);
        ViewDescription description{view->name, std::move(shape)};
        co_return reply_with(std::move(description));
    }
    auto table = services.catalog.find(command.table);
    if (table.has_error()) co_return std::move(table).error();
    auto routes = services.routes.of(**table);
    TableDescription description{std::move(*table), std::move(routes)};
    co_return reply_with(std::move(description));
}

CommandRun run(Services& services, CommandContext& context, ShowColumns command) {
    if (const auto view = view_named(services, command.table)) {
        DL_CO_TRY_ASSIGN(const auto shape, co_await shape_of_view(services, context, *view));
        ListedTexts columns{{"column_name", "column_type", "null", "key", "default"}, {}};
        for (const auto& column : shape.columns)
            columns.rows.push_back(
                {column.name,
                 column.type ? std::optional<std::string>(type_name(*column.type)) : std::nullopt, "YES",
                 std::nullopt, std::nullopt});
        DL_CO_TRY_ASSIGN(auto listed, listed_texts(services, context, columns));
        co_return reply_with(std::move(listed));
    }
    DL_CO_TRY_ASSIGN(const auto table, services.catalog.find(command.table));
    ListedTexts listed{{"column_name", "column_type", "null", "key", "default"}, {}};
    for (const auto& field : table->schema.fields) {
        const bool is_key = field.id == table->schema.key().id;
        listed.rows.push_back({field.name, table->type_text(field), is_key || field.not_null ? "NO" : "YES",
                               is_key ? std::optional<std::string>("PRI") : std::nullopt,
                               table->default_of(field)});
    }
    DL_CO_TRY_ASSIGN(auto rows, listed_texts(services, context, listed));
    co_return reply_with(std::move(rows));
}

CommandRun run(Services& services, CommandContext& context, ShowCreate command) {
    if (const auto view = view_named(services, command.table)) {
        ListedTexts statement{{"view_name", "create_statement"}, {}};
        statement.rows.push_back({view->name, create_statement(*view)});
        DL_CO_TRY_ASSIGN(auto listed, listed_texts(services, context, statement));
        co_return reply_with(std::move(listed));
    }
    DL_CO_TRY_ASSIGN(const auto table, services.catalog.find(command.table));
    ListedTexts listed{{"table_name", "create_statement"}, {}};
    const auto placement = services.catalog.tables().placement(table->id);
    listed.rows.push_back({table->name, create_statement(*table, placement.get())});
    DL_CO_TRY_ASSIGN(auto rows, listed_texts(services, context, listed));
    co_return reply_with(std::move(rows));
}

CommandRun run(Services& services, CommandContext&, ListTables) {
    TableNames names{services.catalog.tables().names()};
    for (const auto& view : services.catalog.tables().views())
        names.names.push_back(view->name);
    std::sort(names.names.begin(), names.names.end());
    co_return reply_with(std::move(names));
}

}  // namespace dl::master
