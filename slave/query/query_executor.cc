#include "slave/query/query_executor.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/duck/few_rows.h"
#include "common/duck/whole_count.h"
#include "slave/query/count_query.h"
#include "slave/query/found_rows.h"
#include "slave/query/point_query.h"
#include "slave/query/view_sql.h"

namespace dl::slave {

namespace {

// Members die from the last to the first: first nothing may call into the session, then result and session.
class RunningQuery final : public QueryRows {
  public:
    const std::vector<ResultColumn>& columns() const override { return result->columns(); }
    Result<std::optional<ColumnBatch>> next() override { return result->next(); }

    FragmentQuery query;
    std::unique_ptr<DuckSession> session;
    std::unique_ptr<DuckResult> result;
    QueryCancel::Registration on_cancel;
    DeadlineWatch::Entry deadline;
};

Result<std::string> body_sql(DuckSession& session, const PinnedTable& pinned) {
    if (pinned.keys) {
        DL_TRY_ASSIGN(auto units, find_rows(pinned, *pinned.keys, pinned.table->schema.fields));
        if (units) return found_rows_sql(*pinned.table, std::move(*units), session);
    }
    std::vector<std::shared_ptr<const ReadView>> views;
    for (const auto& [partition, view] : pinned.partitions) {
        DL_TRY(view->prove_files());
        views.push_back(view);
    }
    return view_body_sql(*pinned.table, views, session);
}

const BroadcastTable* broadcast_of(const FragmentQuery& query, const std::string& name) {
    for (const auto& table : query.broadcasts)
        if (table.name == name) return &table;
    return nullptr;
}

// Batches as they came stand behind the view: nothing is copied.
Result<void> create_broadcast_view(DuckSession& session, const BroadcastTable& table) {
    std::vector<ScanColumn> columns;
    auto positions = std::make_shared<std::vector<std::uint32_t>>();
    for (const auto& column : table.columns) {
        positions->push_back(static_cast<std::uint32_t>(columns.size()));
        columns.push_back({column.name, ScanColumn::Source::field, FieldId{0}, column.type, std::nullopt});
    }
    std::vector<ScanUnit> units;
    for (const auto& batch : table.batches) {
        auto& unit = units.emplace_back();
        unit.batch = batch;
        unit.batch_columns = positions;
    }
    DL_CHECK(units.size() == table.batches.size(), "a broadcast table has every batch that came");
    const auto handle = session.add_scan(units_as_source(std::move(columns), std::move(units)));
    return session.create_view(table.name, "SELECT * FROM dl_scan(" + std::to_string(handle) + ")");
}

Result<void> create_views(DuckSession& session, const FragmentQuery& query, const GateReport& report) {
    for (const auto& name : report.tables) {
        if (!query.names.contains(name)) {
            const auto* broadcast = broadcast_of(query, name);
            DL_CHECK(broadcast != nullptr, "the gate lets known names through only");
            auto done = create_broadcast_view(session, *broadcast);
            if (!done) return done.error().in("broadcast table '" + name + "'");
            continue;
        }
        const auto id = query.names.at(name);
        const auto pinned = query.view->tables.find(id);
        if (pinned == query.view->tables.end()) {
            return make_error(ErrorCode::not_found, "table '" + name + "' is not part of the pinned cut");
        }
        DL_TRY_ASSIGN(const auto body, body_sql(session, pinned->second));
        auto done = session.create_view(name, body);
        if (!done) return done.error().in("table '" + name + "'");
    }
    return {};
}

// How many rows the table of a count(*) has, where that is known without reading them.
std::optional<std::uint64_t> rows_counted(const FragmentQuery& query, const SelectAst& ast,
                                          const GateReport& report) {
    if (report.tables.size() != 1 || !counts_whole_table(ast)) return std::nullopt;
    const auto id = query.names.find(*report.tables.begin());
    if (id == query.names.end()) return std::nullopt;
    const auto pinned = query.view->tables.find(id->second);
    return pinned == query.view->tables.end() ? std::nullopt : rows_known(pinned->second);
}

}  // namespace

// The same text is parsed and looked at by the gate once, as long as all its tables are there.
Result<std::shared_ptr<const QueryExecutor::Parsed>> QueryExecutor::parse(const FragmentQuery& asked) {
    const auto has_table = [&asked](const std::string& name) {
        return asked.names.contains(name) || broadcast_of(asked, name) != nullptr;
    };
    if (auto known = parsed_.find(asked.sql);
        known != nullptr && std::ranges::all_of(known->report.tables, has_table))
        return known;
    DL_TRY_ASSIGN(auto ast, SelectAst::parse_short(*database_, asked.sql));
    DL_TRY_ASSIGN(auto report, check_select(ast, has_table));
    const bool one_row = gives_one_row(ast);
    auto parsed = std::make_shared<const Parsed>(Parsed{std::move(ast), std::move(report), one_row});
    parsed_.keep(asked.sql, parsed);
    return parsed;
}

Result<std::unique_ptr<QueryRows>> QueryExecutor::start(FragmentQuery query) {
    // Takes less than a session would.
    DL_TRY_ASSIGN(auto answer, answer_point_select(query.sql, query.names, *query.view));
    if (!answer) {
        DL_TRY_ASSIGN(answer, answer_count(query.sql, query.names, *query.view));
    }
    if (answer) return rows_of(std::move(*answer));

    auto running = std::make_unique<RunningQuery>();
    running->query = std::move(query);
    const auto& asked = running->query;

    DL_TRY_ASSIGN(const auto parsed, parse(asked));
    const auto& [ast, report, one_row] = *parsed;
    DL_TRY_ASSIGN(running->session, database_->session());
    running->on_cancel = asked.cancel->on_cancel(
        [session = running->session.get()](ErrorCode why) { session->interrupt(why); });
    running->deadline = deadlines_.watch(asked.deadline, asked.cancel);
    if (const auto why = asked.cancel->reason())
        return make_error(*why, "the query was stopped before it began");
    auto text = ast.text();
    if (const auto rows = rows_counted(asked, ast, report)) {
        DL_TRY_ASSIGN(text, with_count(ast, *rows, *database_));
    } else {
        DL_TRY(create_views(*running->session, asked, report));
    }
    auto& session = *running->session;
    DL_TRY_ASSIGN(running->result, one_row ? query_at_once(session, text)
                                           : session.query((report.explain ? "EXPLAIN " : "") + text));
    return std::unique_ptr<QueryRows>(std::move(running));
}

}  // namespace dl::slave
