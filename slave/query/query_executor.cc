#include "slave/query/query_executor.h"

#include <utility>

#include "common/duck/select_ast.h"
#include "slave/query/view_sql.h"

namespace dl::slave {

namespace {

// Members die from the last to the first: first nothing may call into the session, then result, session,
// slot.
class RunningQuery final : public QueryRows {
  public:
    const std::vector<ResultColumn>& columns() const override { return result->columns(); }
    Result<std::optional<ColumnBatch>> next() override { return result->next(); }

    QueryAdmission::Slot slot;
    FragmentQuery query;
    std::unique_ptr<DuckSession> session;
    std::unique_ptr<DuckResult> result;
    QueryCancel::Registration on_cancel;
    DeadlineWatch::Entry deadline;
};

Result<void> create_views(DuckSession& session, const FragmentQuery& query, const GateReport& report) {
    for (const auto& name : report.tables) {
        const auto id = query.names.at(name);
        const auto pinned = query.view->tables.find(id);
        if (pinned == query.view->tables.end()) {
            return make_error(ErrorCode::not_found, "table '" + name + "' is not part of the pinned cut");
        }
        std::vector<std::shared_ptr<const ReadView>> views;
        for (const auto& [partition, view] : pinned->second.partitions)
            views.push_back(view);
        auto done = session.create_view(name, view_body_sql(*pinned->second.table, views, session));
        if (!done) return done.error().in("table '" + name + "'");
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<QueryRows>> QueryExecutor::start(FragmentQuery query) {
    auto running = std::make_unique<RunningQuery>();
    DL_TRY_ASSIGN(running->slot, admission_.enter(query.deadline, *query.cancel));
    running->query = std::move(query);
    const auto& asked = running->query;

    DL_TRY_ASSIGN(const auto ast, SelectAst::parse(*database_, asked.sql));
    DL_TRY_ASSIGN(const auto report,
                  check_select(ast, [&](const std::string& name) { return asked.names.contains(name); }));
    DL_TRY_ASSIGN(running->session, database_->session());
    running->on_cancel = asked.cancel->on_cancel(
        [session = running->session.get()](ErrorCode why) { session->interrupt(why); });
    running->deadline = deadlines_.watch(asked.deadline, asked.cancel);
    DL_TRY(create_views(*running->session, asked, report));
    DL_TRY_ASSIGN(running->result, running->session->query((report.explain ? "EXPLAIN " : "") + ast.text()));
    return std::unique_ptr<QueryRows>(std::move(running));
}

}  // namespace dl::slave
