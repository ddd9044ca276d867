#include "master/sql/query_coordinator.h"

#include <algorithm>
#include <utility>

#include "common/async/deadline_watch.h"
#include "common/duck/few_rows.h"
#include "common/duck/select_ast.h"
#include "common/duck/whole_count.h"
#include "master/sql/broadcast_reader.h"
#include "master/sql/cut_check.h"
#include "master/sql/fragment_planner.h"
#include "master/sql/known_statements.h"
#include "master/sql/query_explain.h"
#include "master/sql/remote_scan.h"
#include "master/sql/remote_stream.h"
#include "master/sql/statement_reader.h"

namespace dl::master {

namespace {

// Pinned cuts that are let go at the end.
class PinGuard {
  public:
    PinGuard() = default;
    PinGuard(FragmentRunner& runner, std::vector<PinnedFragment> pinned)
        : runner_(&runner), pinned_(std::move(pinned)) {}
    PinGuard(PinGuard&& other) noexcept
        : runner_(std::exchange(other.runner_, nullptr)), pinned_(std::move(other.pinned_)) {}
    PinGuard& operator=(PinGuard&& other) noexcept {
        std::swap(runner_, other.runner_);
        std::swap(pinned_, other.pinned_);
        return *this;
    }
    ~PinGuard() {
        if (runner_ != nullptr && !pinned_.empty()) runner_->unpin(pinned_);
    }
    const std::vector<PinnedFragment>& pinned() const { return pinned_; }

  private:
    FragmentRunner* runner_ = nullptr;
    std::vector<PinnedFragment> pinned_;
};

// Members die from the last to the first: nothing may call into a session that is gone, and the cuts stay
// pinned until nothing reads from them.
class RunningStream final : public QueryStream {
  public:
    const std::vector<ResultColumn>& columns() const override {
        return remote ? remote->columns() : result->columns();
    }

    Result<std::optional<ColumnBatch>> next() override {
        if (error_) return *error_;
        if (ended_) return std::optional<ColumnBatch>{};
        if (first_rows) {
            auto rows = std::exchange(first_rows, std::nullopt);
            return std::optional<ColumnBatch>(std::move(*rows));
        }
        auto batch = remote ? remote->next() : result->next();
        if (!batch) error_ = stopped(batch.error());
        if (error_) return *error_;
        ended_ = !*batch;
        return batch;
    }

    const std::map<std::string, std::map<std::uint32_t, Offset>>& offsets() const override {
        return cut.offsets;
    }
    const std::map<std::string, std::uint64_t>& behind() const override { return cut.behind; }
    FragmentStream* untouched() const override { return first_rows ? nullptr : remote.get(); }

    Error stopped(const Error& error) const { return told_error(error, *cancel, sent, fragments); }

    std::shared_ptr<QueryCancel> cancel;
    std::string sent;                 // the statement of the user
    std::vector<Fragment> fragments;  // what stands for tables in the one that runs
    ResultCut cut;
    PinGuard pins;
    std::unique_ptr<FragmentStream> remote;
    std::unique_ptr<DuckSession> session;
    std::unique_ptr<DuckResult> result;
    std::optional<ColumnBatch> first_rows;
    QueryCancel::Registration on_cancel;
    DeadlineWatch::Entry deadline;

  private:
    std::optional<Error> error_;
    bool ended_ = false;
};

class Coordinator final : public QueryCoordinator {
  public:
    Coordinator(std::shared_ptr<DuckDatabase> database, FragmentRunner& runner, CoordinatorOptions options)
        : database_(std::move(database)),
          runner_(runner),
          reader_(database_, options.system_tables),
          pin_lease_(options.pin_lease) {}

    Result<std::unique_ptr<QueryStream>> run(std::string_view sql, const TableLookup& lookup,
                                             const QueryOptions& options,
                                             std::shared_ptr<QueryCancel> cancel) override {
        auto stream = std::make_unique<RunningStream>();
        stream->cancel = std::move(cancel);
        stream->sent = sql;
        auto done = start(*stream, sql, lookup, options);
        if (!done) return stream->stopped(done.error());
        return std::unique_ptr<QueryStream>(std::move(stream));
    }

    Result<AwaitedOffsets> awaited(std::string_view sql, const TableLookup& lookup,
                                   const QueryOptions& options) override {
        DL_TRY_ASSIGN(auto tables, reader_.tables_of(sql, lookup, !options.params.empty()));
        DL_TRY(check_cut(tables, options.cut));
        if (tables.size() != 1) return AwaitedOffsets{};
        return AwaitedOffsets{std::move(tables.begin()->second),
                              options.cut.as_of ? *options.cut.as_of : options.cut.min_offsets};
    }

    Result<StatementShape> describe(std::string_view sql, const TableLookup& lookup,
                                    const QueryOptions& options,
                                    std::shared_ptr<QueryCancel> cancel) override {
        const auto deadline = deadlines_.watch(options.deadline, cancel);
        return ShapeFinder(*database_, reader_, lookup, cancel).find(sql, options.params);
    }

  private:
    Result<void> start(RunningStream& stream, std::string_view sql, const TableLookup& lookup,
                       const QueryOptions& options) {
        stream.deadline = deadlines_.watch(options.deadline, stream.cancel);
        if (const auto why = stream.cancel->reason())
            return make_error(*why, "the query was stopped before it began");
        std::string bound;
        if (!options.params.empty()) {
            DL_TRY_ASSIGN(
                bound,
                ShapeFinder(*database_, reader_, lookup, stream.cancel).with_values(sql, options.params));
            sql = bound;
        }
        DL_TRY_ASSIGN(const auto known, statements_.read(reader_, sql, lookup));
        const auto& asked = known->asked();
        const auto leader_of = [this](const TableMeta& table, PartitionId partition) {
            return runner_.leader_of(table, partition);
        };
        DL_TRY_ASSIGN(const QueryPlan plan, plan_query(asked.tables, leader_of, options.cut, asked.lookups));
        if (const auto reason = stream.cancel->reason()) return make_error(*reason, "the query was stopped");

        const FragmentCall call{options.deadline, stream.cancel};
        FragmentPlan fragments;
        if (plan.way == QueryPlan::Way::whole) {
            std::map<std::string, TableId> names;
            for (const auto& [name, meta] : asked.tables)
                names.emplace(name, meta->id);
            DL_TRY_ASSIGN(auto whole, runner_.pin_and_query(plan.pins.front(), asked.text, names, call));
            stream.cut.note(asked.tables, whole.cut);
            stream.remote = std::move(whole.stream);
        } else {
            DL_TRY(pin_all(stream, asked.tables, plan, call));
            const auto rows = rows_of(asked.tables, stream.pins.pinned());
            std::optional<SelectAst> parsed;
            if (!asked.ast) {  // keys on several slaves
                DL_TRY_ASSIGN(parsed, SelectAst::parse_short(*database_, asked.text));
            }
            const auto& ast = asked.ast ? *asked.ast : *parsed;
            fragments = asked.ast ? known->plan(planner_, rows, stream.cancel)
                                  : planner_.plan(ast, asked.tables, rows, stream.cancel);
            BroadcastList read;
            if (asked.explain) {
                fragments.statement = "EXPLAIN " + fragments.statement;
            } else {
                DL_TRY_ASSIGN(read, read_broadcasts(stream, fragments, plan, call));
                const bool all_small = std::all_of(
                    read.begin(), read.end(), [](const auto& one) { return one.second->table() != nullptr; });
                if (!all_small) fragments = planner_.plan(ast, asked.tables, {}, stream.cancel);
            }
            const bool one_row = !asked.explain && gives_one_row(ast);
            DL_TRY(start_here(stream, fragments, plan, read, call, one_row));
        }
        if (asked.explain && stream.columns().size() == 2) {
            // Of a cut of the past the marks tell too little: it is scanned.
            const bool counted = asked.ast && counts_whole_table(*asked.ast) && !options.cut.as_of;
            DL_TRY_ASSIGN(stream.first_rows, explain_rows(plan, fragments, counted));
        }
        return {};
    }

    // Every cut is taken before anything is read.
    Result<void> pin_all(RunningStream& stream, const QueryTables& tables, const QueryPlan& plan,
                         const FragmentCall& call) {
        if (plan.pins.empty()) return {};
        DL_TRY_ASSIGN(auto pinned, runner_.pin(plan.pins, pin_lease_, call));
        stream.pins = PinGuard(runner_, std::move(pinned));
        if (stream.pins.pinned().size() != plan.pins.size()) {
            return make_error(ErrorCode::internal, "not every slave answered with a cut");
        }
        for (const auto& fragment : stream.pins.pinned())
            stream.cut.note(tables, fragment);
        return {};
    }

    using BroadcastList =
        std::vector<std::pair<std::shared_ptr<const Broadcast>, std::shared_ptr<const BroadcastRows>>>;

    // Live rows of the tables whose slaves all tell.
    static TableRows rows_of(const QueryTables& tables, const std::vector<PinnedFragment>& pinned) {
        TableRows rows;
        for (const auto& [name, meta] : tables) {
            std::uint64_t total = 0;
            bool known = true;
            for (const auto& fragment : pinned) {
                for (const auto& seen : fragment.cut) {
                    if (seen.table != meta->id) continue;
                    known = known && seen.rows;
                    total += seen.rows.value_or(0);
                }
            }
            if (known) rows.emplace(name, total);
        }
        return rows;
    }

    static std::vector<PinnedFragment> pinned_of(const RunningStream& stream, const QueryPlan& placed,
                                                 const Fragment& fragment) {
        std::vector<PinnedFragment> pinned;
        for (const auto position : placed.pins_of.at(fragment.table->name))
            pinned.push_back(stream.pins.pinned()[position]);
        return pinned;
    }

    // All that the plan sends along, up to the first that is too large.
    Result<BroadcastList> read_broadcasts(const RunningStream& stream, const FragmentPlan& plan,
                                          const QueryPlan& placed, const FragmentCall& call) {
        BroadcastList list;
        for (const auto& broadcast : plan.broadcasts()) {
            DL_TRY_ASSIGN(auto rows, BroadcastRows::read(runner_, broadcast,
                                                         pinned_of(stream, placed, broadcast->rows), call));
            list.emplace_back(broadcast, std::move(rows));
            if (list.back().second->table() == nullptr) break;
        }
        return list;
    }

    // What a fragment reads: rows that are here already, or else the slaves.
    std::shared_ptr<ScanSource> source_of(const Fragment& fragment, std::vector<PinnedFragment> pinned,
                                          const BroadcastList& read, const FragmentCall& call) {
        std::vector<std::shared_ptr<const BroadcastTable>> along;
        for (const auto& [broadcast, rows] : read) {
            if (rows->has_rows_of(fragment)) return BroadcastRows::source(rows);
            const auto& wanted = fragment.broadcasts;
            if (std::find(wanted.begin(), wanted.end(), broadcast) != wanted.end())
                along.push_back(rows->table());
        }
        return std::make_shared<RemoteScan>(
            RemoteTable::make(runner_, fragment, std::move(pinned), call, std::move(along)));
    }

    // The statement on the master's DuckDB, over what the slaves send.
    Result<void> start_here(RunningStream& stream, const FragmentPlan& plan, const QueryPlan& placed,
                            const BroadcastList& read, const FragmentCall& call, bool one_row) {
        stream.fragments = plan.fragments;
        DL_TRY_ASSIGN(stream.session, database_->session());
        stream.on_cancel = stream.cancel->on_cancel(
            [session = stream.session.get()](ErrorCode why) { session->interrupt(why); });
        for (const auto& fragment : plan.fragments) {
            const auto handle = stream.session->add_scan(
                source_of(fragment, pinned_of(stream, placed, fragment), read, call));
            DL_TRY(stream.session->create_view(
                fragment.view, fragment.view_body("dl_scan(" + std::to_string(handle) + ")")));
        }
        DL_TRY_ASSIGN(stream.result, one_row ? query_at_once(*stream.session, plan.statement)
                                             : stream.session->query(plan.statement));
        return {};
    }

    std::shared_ptr<DuckDatabase> database_;
    FragmentRunner& runner_;
    const StatementReader reader_;
    KnownStatements statements_;
    const std::chrono::milliseconds pin_lease_;
    FragmentPlanner planner_{database_};
    DeadlineWatch deadlines_;
};

}  // namespace

std::unique_ptr<QueryCoordinator> QueryCoordinator::create(std::shared_ptr<DuckDatabase> database,
                                                           FragmentRunner& runner,
                                                           CoordinatorOptions options) {
    return std::make_unique<Coordinator>(std::move(database), runner, std::move(options));
}

}  // namespace dl::master
