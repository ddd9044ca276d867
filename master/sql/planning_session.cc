#include "master/sql/planning_session.h"

#include <algorithm>
#include <set>

#include "common/duck/few_rows.h"
#include "common/duck/parquet_file.h"
#include "common/duck/select_ast.h"

namespace dl::master {

namespace {

std::string empty_view(const std::vector<FragmentColumn>& columns) {
    std::string list;
    for (const auto& column : columns) {
        list += list.empty() ? "" : ", ";
        list += "CAST(NULL AS " + (column.shown.empty() ? duck_type_name(column.type) : column.shown) +
                ") AS " + sql_identifier(column.name);
    }
    return "SELECT " + list + " WHERE false";
}

}  // namespace

Result<std::unique_ptr<PlanningSession>> PlanningSession::open(DuckDatabase& database,
                                                               const QueryTables& tables,
                                                               const std::shared_ptr<QueryCancel>& cancel) {
    DL_TRY_ASSIGN(auto session, database.session());
    std::unique_ptr<PlanningSession> planning(new PlanningSession(database, std::move(session)));
    planning->on_cancel_ =
        cancel->on_cancel([session = planning->session_.get()](ErrorCode why) { session->interrupt(why); });
    for (const auto& [name, meta] : tables)
        DL_TRY(planning->add(whole_table(meta)));
    return planning;
}

Result<void> PlanningSession::add(const Fragment& fragment) {
    return session_->create_view(fragment.view, empty_view(fragment.columns));
}

Result<void> PlanningSession::add(const Broadcast& broadcast) {
    std::vector<FragmentColumn> columns;
    for (const auto position : broadcast.columns)
        columns.push_back(broadcast.rows.columns[position]);
    return session_->create_view(broadcast.view, empty_view(columns));
}

Result<std::vector<DescribedColumn>> PlanningSession::describe(const std::string& sql) {
    std::vector<DescribedColumn> columns;
    DL_TRY_ASSIGN(auto result, query_at_once(*session_, "DESCRIBE " + sql));
    for (;;) {
        DL_TRY_ASSIGN(auto batch, result->next());
        if (!batch) return columns;
        const auto& views = batch->columns();
        for (std::uint32_t row = 0; row < batch->rows(); ++row)
            columns.push_back({std::string(views[0].bytes(row)), std::string(views[1].bytes(row))});
    }
}

std::optional<std::string> PlanningSession::fragment_sql(const Json& node,
                                                         const std::set<std::string>& tables) {
    auto sql = faithful_sql(database_, statement_of(node));
    if (!sql) return std::nullopt;
    const auto parsed = SelectAst::parse(database_, *sql);
    if (!parsed) return std::nullopt;
    const auto report = check_select(*parsed, [&](const std::string& name) { return tables.contains(name); });
    if (!report || report->explain) return std::nullopt;
    return parsed->text();
}

std::optional<std::vector<FragmentColumn>> PlanningSession::fragment_columns(const std::string& sql,
                                                                             const std::vector<bool>& sums) {
    static const std::set<std::string> narrower = {"TINYINT",   "SMALLINT", "UTINYINT",
                                                   "USMALLINT", "UINTEGER", "UBIGINT"};
    const auto described = describe(sql);
    auto result = query_at_once(*session_, sql);  // of tables without rows
    if (!described || !result || described->size() != (*result)->columns().size()) return std::nullopt;
    std::vector<FragmentColumn> columns;
    for (std::size_t i = 0; i < described->size(); ++i) {
        const auto& sent = (*result)->columns()[i];
        const auto& type = (*described)[i].type;
        FragmentColumn column{(*described)[i].name, sent.type, {}};
        if (type != duck_type_name(sent.type)) {
            // A HUGEINT has up to 39 digits, of which 38 can be sent.
            if (!narrower.contains(type) && !(type == "HUGEINT" && i < sums.size() && sums[i]))
                return std::nullopt;
            column.shown = type;
        }
        columns.push_back(std::move(column));
    }
    return columns;
}

}  // namespace dl::master
