// Makes and removes views.
#include <set>
#include <utility>

#include "common/async/run_on.h"
#include "common/duck/parquet_file.h"
#include "master/execution/command_runs.h"
#include "master/execution/system_catalog.h"
#include "master/sql/pivot_statement.h"
#include "master/sql/quoted_names.h"
#include "master/sql/sql_parameters.h"

namespace dl::master {
namespace {

Result<View> view_of(CreateViewStatement statement) {
    View view;
    DL_TRY_ASSIGN(view.name, normalize_name("view", statement.name));
    std::set<std::string> seen;
    for (const auto& column : statement.columns) {
        DL_TRY_ASSIGN(auto name, normalize_name("column", column));
        if (!seen.insert(name).second)
            return make_error(ErrorCode::column_exists, "column '" + name + "' is given twice");
        view.columns.push_back(std::move(name));
    }
    DL_TRY_ASSIGN(const auto uses, find_parameters(statement.sql));
    if (!uses.empty())
        return make_error(ErrorCode::invalid_request,
                          "view '" + view.name + "' has parameters; write values");
    view.sql = has_backticks(statement.sql) ? with_double_quotes(statement.sql) : std::move(statement.sql);
    return view;
}

// The tables of the system with one more view, or another one of its name.
class WithView final : public SystemTables {
  public:
    WithView(const SystemTables& tables, const View& view) : tables_(tables), view_(view) {}
    Result<SystemTable> read(const std::string& schema, const std::string& table) const override {
        DL_TRY_ASSIGN(auto listed, tables_.read(schema, table));
        if (schema == "system" && table == "views") listed.rows = view_rows(listed.rows, view_);
        return listed;
    }

  private:
    const SystemTables& tables_;
    const View& view_;
};

// What a SELECT of it has to pass, it passes now.
Result<StatementShape> shape_of(Services& services, const View& view, const TableLookup& lookup,
                                std::chrono::steady_clock::time_point deadline,
                                const std::shared_ptr<QueryCancel>& cancel) {
    const WithView tables(*services.system_tables, view);
    QueryOptions options{deadline, {}, {}};
    options.system_tables = &tables;
    return services.queries.describe("SELECT * FROM " + sql_identifier(view.name), lookup, options, cancel);
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, CreateView command) {
    const bool or_replace = command.statement.or_replace;
    const bool if_not_exists = command.statement.if_not_exists;
    DL_CO_TRY_ASSIGN(auto made, view_of(std::move(command.statement)));
    const auto view = std::make_shared<const View>(std::move(made));
    DL_CO_TRY_ASSIGN(const auto open, PivotStatement::parse(view->sql));
    if (open)
        co_return make_error(
            ErrorCode::not_supported,
            "view '" + view->name +
                "': its columns would change with the rows; name the values of its PIVOT: on c in "
                "('a', 'b')");
    if (if_not_exists && services.catalog.tables().view(view->name) != nullptr) co_return reply_with(Done{});
    if (services.catalog.tables().find(view->name) != nullptr)
        co_return make_error(ErrorCode::table_exists,
                             "there is a table '" + view->name + "'; choose another name");
    ShapeWork read = [&services, view](const TableLookup& lookup,
                                       std::chrono::steady_clock::time_point deadline,
                                       const std::shared_ptr<QueryCancel>& cancel) {
        return shape_of(services, *view, lookup, deadline, cancel);
    };
    DL_CO_TRY_ASSIGN(const auto shape, co_await shape_on_pool(services, context, std::move(read)));
    if (!view->columns.empty() && view->columns.size() != shape.columns.size())
        co_return make_error(ErrorCode::invalid_request,
                             "view '" + view->name + "' names " + std::to_string(view->columns.size()) +
                                 " columns, its SELECT has " + std::to_string(shape.columns.size()));
    auto commit = [&services, view, or_replace] { return services.catalog.add_view(*view, or_replace); };
    auto added = co_await run_on(services.work_pool, commit);
    const bool raced =
        if_not_exists && added.has_error() && services.catalog.tables().view(view->name) != nullptr;
    if (added.has_error() && !raced) co_return std::move(added).error();
    co_return reply_with(Done{});
}

CommandRun run(Services& services, CommandContext&, DropView command) {
    auto commit = [&services, name = std::move(command.statement.name)] {
        return services.catalog.remove_view(name);
    };
    auto removed = co_await run_on(services.work_pool, commit);
    const bool absent = removed.has_error() && removed.error().code == ErrorCode::table_not_found;
    if (removed.has_error() && !(absent && command.statement.if_exists)) co_return std::move(removed).error();
    co_return reply_with(Done{});
}

}  // namespace dl::master
