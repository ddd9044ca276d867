#include "master/sql/planning_session.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "common/duck/few_rows.h"
#include "common/duck/parquet_file.h"

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
    const auto parsed = faithful_select(database_, statement_of(node));
    if (!parsed) return std::nullopt;
    const auto report = check_select(*parsed, [&](const std::string& name) { return tables.contains(name); });
    if (!report || report->explain) return std::nullopt;
    return parsed->text();
}

// As what values of these types of DuckDB's are sent, by name; nullopt when some cannot be. Types repeat:
// asking for them costs less than running the statement once more.
std::optional<std::map<std::string, DataType>> PlanningSession::sent_types(
    const std::vector<DescribedColumn>& columns) {
    std::map<std::string, DataType> types;
    std::string list;
    for (const auto& column : columns)
        if (types.try_emplace(column.type).second)
            list += (list.empty() ? "SELECT CAST(NULL AS " : ", CAST(NULL AS ") + column.type + ")";
    auto result = query_at_once(*session_, list);
    if (!result || (*result)->columns().size() != types.size()) return std::nullopt;
    auto sent = (*result)->columns().begin();
    std::set<std::string_view> told;
    for (const auto& column : columns)
        if (told.insert(column.type).second) types[column.type] = (sent++)->type;
    return types;
}

std::optional<std::vector<FragmentColumn>> PlanningSession::fragment_columns(const std::string& sql,
                                                                             const std::vector<bool>& sums) {
    static const std::set<std::string> narrower = {"TINYINT",   "SMALLINT", "UTINYINT",
                                                   "USMALLINT", "UINTEGER", "UBIGINT"};
    const auto described = describe(sql);
    const auto types = described ? sent_types(*described) : std::nullopt;
    if (!types) return std::nullopt;
    std::vector<FragmentColumn> columns;
    for (std::size_t i = 0; i < described->size(); ++i) {
        const auto& type = (*described)[i].type;
        const auto sent = types->at(type);
        FragmentColumn column{(*described)[i].name, sent, {}};
        if (type != duck_type_name(sent)) {
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
