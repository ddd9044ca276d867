// CREATE TABLE ... AS SELECT: a table with the columns of the rows, then the rows. When they cannot all be
// written the table goes again, at the next start when this process does not live to see to it.
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <numeric>
#include <utility>

#include "common/base/quoted_value.h"
#include "common/types/schema.h"
#include "master/execution/command_runs.h"
#include "master/execution/write_selected.h"
#include "master/sql/pivot_statement.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

// As the column of a table is declared that a column of the rows is; empty when it is none. What is declared
// holds the new rows, too: it is the same values that they have.
std::string declared_type(const Catalog& catalog, const std::optional<ColumnOrigin>& origin, DataType type) {
    if (!origin) return "";
    const auto table = catalog.find(origin->table);
    if (table.has_error()) return "";
    const auto position = (*table)->schema.find(origin->field);
    if (!position) return "";
    const auto& field = (*table)->schema.fields[*position];
    return field.type == type ? (*table)->type_text(field) : "";
}

// A column that has no name of its own is called as it is written, such as (a + 1).
Result<void> check_name(std::size_t position, const std::string& name) {
    if (normalize_name("column", name)) return {};
    constexpr std::size_t kShownMax = 60;
    const auto expression = name.size() > kShownMax || name.empty() ? "EXPRESSION" : name;
    return make_error(ErrorCode::invalid_value,
                      "column " + std::to_string(position + 1) +
                          " of the SELECT has no name that a column can have, but " + quoted_value(name) +
                          "; name it: " + expression + " as x");
}

Result<void> check_key(const std::string& key, const std::vector<ColumnDefinition>& columns) {
    constexpr std::size_t kNamesShown = 20;
    std::string names;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (fold_name(columns[i].name) == fold_name(key)) return {};
        if (i <= kNamesShown) names += (i == 0 ? "" : ", ") + (i == kNamesShown ? "..." : columns[i].name);
    }
    return make_error(ErrorCode::column_not_found,
                      "PRIMARY KEY(" + key + "): the SELECT has no column of that name; it has " + names);
}

Result<std::vector<ColumnDefinition>> columns_of(const Catalog& catalog, StatementShape shape) {
    shape.origins.resize(shape.columns.size());
    std::vector<ColumnDefinition> columns;
    for (std::size_t i = 0; i < shape.columns.size(); ++i) {
        auto& column = shape.columns[i];
        DL_TRY(check_name(i, column.name));
        if (!column.type)
            return make_error(ErrorCode::invalid_request,
                              "column '" + column.name + "' has no type; give it one: cast(... as text)");
        auto type = declared_type(catalog, shape.origins[i], *column.type);
        if (type.empty()) type = column.type->kind == TypeKind::json ? "string" : type_name(*column.type);
        columns.push_back({std::move(column.name), std::move(type), false, {}});
    }
    return columns;
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, CreateTableAs command) {
    auto& definition = command.definition;
    const auto name = definition.name;
    if (services.catalog.find(name).has_value()) {
        if (command.if_not_exists) co_return reply_with(Done{});
        co_return make_error(ErrorCode::table_exists, "table '" + name + "' exists already");
    }
    if (may_pivot(command.rows.sql)) {
        DL_CO_TRY_ASSIGN(command.rows.sql, co_await with_pivot_values(services, context, command.rows));
    }
    DL_CO_TRY_ASSIGN(auto shape, co_await shape_of_select(services, context, command.rows.sql, {}));
    DL_CO_TRY_ASSIGN(definition.columns, columns_of(services.catalog, std::move(shape)));
    DL_CO_TRY(check_key(definition.major_key, definition.columns));
    definition.being_filled = true;
    DL_CO_TRY_ASSIGN(const auto table,
                     co_await services.tables.create(std::move(definition), context.deadline));
    std::vector<std::uint32_t> targets(table->schema.fields.size());
    std::iota(targets.begin(), targets.end(), 0u);
    RowsAppended written;
    auto ended = co_await write_rows(services, context, table, std::move(targets), false,
                                     std::move(command.rows), written);
    if (ended.has_value()) ended = co_await services.tables.finish_filling(table->id);
    if (ended.has_value()) co_return reply_with(std::move(written));
    // Also for a client that left.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    const auto grace = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    auto dropped = co_await services.tables.drop(name, grace, table->id);
    auto error = std::move(ended).error();
    const bool gone = dropped.has_value() || dropped.error().code == ErrorCode::table_not_found;
    if (!gone) {
        error.message += "; the table stays, with what was written: " + dropped.error().to_text();
    } else {
        if (error.code == ErrorCode::unknown_outcome || error.code == ErrorCode::partial)
            error.code = ErrorCode::unavailable;
        error.message += "; the table was removed again";
    }
    co_return error;
}

}  // namespace dl::master
