// Changes the columns of a table, or its history.
#include <utility>

#include "master/execution/command_runs.h"

namespace dl::master {
namespace {

template <class... Fns>
struct Overloaded : Fns... {
    using Fns::operator()...;
};

Result<CatalogTable> changed_column(const CatalogTable& table, const AlterColumnStatement& statement) {
    const auto& column = statement.column;
    const Overloaded pick{
        [&](const RenameTo& to) { return with_renamed_column(table, column, to.name); },
        [&](const SetDefault& set) { return with_new_default(table, column, set.text); },
        [&](const SetType& set) { return with_new_type(table, column, set.type); },
    };
    return std::visit(pick, statement.change);
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, AddColumn command) {
    TableManager::Change change = [column = std::move(command.column)](const CatalogTable& table) {
        return with_column(table, column);
    };
    auto added =
        co_await services.tables.alter(std::move(command.table), std::move(change), context.deadline);
    const bool there = added.has_error() && added.error().code == ErrorCode::column_exists;
    if (!(there && command.if_not_exists)) DL_CO_TRY(std::move(added));
    co_return reply_with(Done{});
}

CommandRun run(Services& services, CommandContext& context, DropColumn command) {
    TableManager::Change change = [column = std::move(command.column)](const CatalogTable& table) {
        return without_column(table, column);
    };
    auto dropped =
        co_await services.tables.alter(std::move(command.table), std::move(change), context.deadline);
    const bool absent = dropped.has_error() && dropped.error().code == ErrorCode::column_not_found;
    if (!(absent && command.if_exists)) DL_CO_TRY(std::move(dropped));
    co_return reply_with(Done{});
}

CommandRun run(Services& services, CommandContext& context, ChangeColumn command) {
    auto table = command.statement.table;
    TableManager::Change change = [statement = std::move(command.statement)](const CatalogTable& before) {
        return changed_column(before, statement);
    };
    DL_CO_TRY(co_await services.tables.alter(std::move(table), std::move(change), context.deadline));
    co_return reply_with(Done{});
}

CommandRun run(Services& services, CommandContext& context, ChangeHistory command) {
    TableManager::Change change = [wanted = command.change](const CatalogTable& before) {
        return with_history(before, wanted);
    };
    DL_CO_TRY(co_await services.tables.alter(std::move(command.table), std::move(change), context.deadline));
    co_return reply_with(Done{});
}

}  // namespace dl::master
