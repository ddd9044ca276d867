#include "master/sql/worker_coordinator.h"

#include <algorithm>
#include <utility>

#include "common/base/hash.h"
#include "common/worker/worker_run.h"
#include "master/sql/call_server.h"
#include "master/sql/cut_check.h"
#include "master/sql/key_lookup.h"
#include "master/sql/remote_stream.h"
#include "master/sql/whole_plans.h"

namespace dl::master {
namespace {

using Clock = std::chrono::steady_clock;

// What statements share.
struct Shared {
    std::unique_ptr<WorkerHost> host;
    FragmentRunner& runner;
    std::shared_ptr<const SystemTables> system_tables;
    TableTexts texts;
    WholePlans plans;
    DeadlineWatch deadlines;
};

// What one slave runs as it is, without a process of ours. `sent` is the statement as the client wrote it.
Result<std::unique_ptr<QueryStream>> run_on_slave(Shared& shared, const WholePlan& plan,
                                                  const std::string& sent, const QueryOptions& options,
                                                  const std::shared_ptr<QueryCancel>& cancel) {
    auto deadline = shared.deadlines.watch(options.deadline, cancel);
    if (const auto why = cancel->reason())
        return told_error(make_error(*why, "the query was stopped before it began"), *cancel, sent);
    const FragmentCall call{options.deadline, cancel, options.number};
    auto& runner = options.runner != nullptr ? *options.runner : shared.runner;
    auto whole = runner.pin_and_query(plan.pin, plan.sql, plan.names, call);
    if (!whole) return told_error(whole.error(), *cancel, sent);
    ResultCut cut;
    cut.note(plan.tables, whole->cut);
    return std::unique_ptr<QueryStream>(std::make_unique<RemoteStream>(
        sent, cancel, std::move(cut), std::move(whole->stream), std::move(deadline)));
}

std::vector<PartitionOffset> list_of(const std::map<std::uint32_t, Offset>& offsets) {
    std::vector<PartitionOffset> list;
    for (const auto& [partition, offset] : offsets)
        list.push_back({partition, offset});
    return list;
}

std::string encode_task(StatementTask::Work work, std::string_view sql, const QueryOptions& options,
                        std::vector<ForeseenTable> tables) {
    StatementTask task;
    task.tables = std::move(tables);
    task.work = work;
    const auto now = Clock::now();
    const auto most = std::chrono::milliseconds(rpc::kQueryTimeMsMax);
    task.timeout_ms = options.deadline > now + most
                          ? most.count()
                          : std::chrono::ceil<std::chrono::milliseconds>(options.deadline - now).count();
    task.min_offsets = list_of(options.cut.min_offsets);
    if (options.cut.as_of) task.as_of = list_of(*options.cut.as_of);
    for (const auto& value : options.params)
        task.parameters.push_back({static_cast<std::uint32_t>(value.kind), value.text});
    auto bytes = sealed_json(rpc::encode(task));
    bytes += sql;
    return bytes;
}

// A statement in its process and what that asks for meanwhile. Members die from the last to the first; the
// process is ended before.
class Statement {
  public:
    Statement(Shared& shared, const TableLookup& lookup, const QueryOptions& options,
              std::shared_ptr<QueryCancel> cancel, std::string_view sql)
        : cancel_(std::move(cancel)),
          lookup_(lookup),
          run_(*shared.host, cancel_, nullptr, partition_hash(sql), options.number),
          calls_({options.runner != nullptr ? *options.runner : shared.runner, lookup_,
                  options.system_tables != nullptr ? options.system_tables : shared.system_tables.get(),
                  shared.texts},
                 {options.deadline, nullptr, options.number}, *cancel_, run_) {}
    ~Statement() { run_.end(); }

    // Gives back what comes before the rows.
    template <class Head>
    Result<Head> start(StatementTask::Work work, std::string_view sql, const QueryOptions& options) {
        DL_TRY(run_.watch(options.deadline));
        DL_TRY(run_.send(encode_task(work, sql, options, calls_.foresee(sql)), {}));
        DL_TRY_ASSIGN(const auto frame, receive());
        if (frame.kind != static_cast<std::uint32_t>(WorkerFrame::columns)) return out_of_turn();
        auto envelope = open_envelope(frame.bytes);
        if (!envelope) return run_.nonsense(envelope.error());
        auto head = read_worker_message<Head>(envelope->json);
        if (!head) return run_.nonsense(head.error());
        attached_ = std::move(envelope->attached);
        return head;
    }

    // The process has said all there is.
    Result<void> finish() {
        DL_TRY_ASSIGN(const auto frame, receive());
        if (frame.kind != static_cast<std::uint32_t>(WorkerFrame::end)) return out_of_turn();
        return {};
    }

    Result<std::optional<ColumnBatch>> next(const std::vector<ResultColumn>& columns) {
        DL_TRY_ASSIGN(const auto frame, receive());
        if (frame.kind == static_cast<std::uint32_t>(WorkerFrame::end)) return std::optional<ColumnBatch>{};
        if (frame.kind != static_cast<std::uint32_t>(WorkerFrame::rows)) return out_of_turn();
        auto batch = decode_rows(frame.bytes, columns);
        if (!batch) return run_.nonsense(batch.error());
        return std::optional<ColumnBatch>(std::move(*batch));
    }

    // Sends what one slave runs as it is; the process has ended its part.
    Result<std::unique_ptr<FragmentStream>> run_whole(const WholeAsked& asked) {
        auto pin = calls_.pin_of(asked.pin);
        if (!pin) return run_.nonsense(pin.error());
        DL_TRY(finish());
        pin_ = std::move(*pin);
        return calls_.run_whole(pin_, asked, std::string(attached_.view()));
    }
    // After run_whole(): for the same text again. nullopt when it depends on more than its tables.
    std::optional<WholePlan> plan_of(const WholeAsked& asked) const {
        if (!calls_.knew_all()) return std::nullopt;
        return WholePlan{calls_.tables(), pin_, names_of(asked.names), std::string(attached_.view())};
    }

    const CallServer& calls() const { return calls_; }
    const QueryCancel& cancel() const { return *cancel_; }

  private:
    // The next frame that is no call.
    Result<Frame> receive() {
        for (;;) {
            DL_TRY_ASSIGN(auto frame, run_.receive());
            if (frame.kind != static_cast<std::uint32_t>(WorkerFrame::call)) return frame;
            auto served = calls_.serve(frame);
            if (!served) return run_.nonsense(served.error());
        }
    }

    Error out_of_turn() {
        return run_.nonsense(
            make_error(ErrorCode::corrupt_data, "a process for queries answers out of turn"));
    }

    const std::shared_ptr<QueryCancel> cancel_;
    const TableLookup lookup_;
    WorkerRun run_;
    CallServer calls_;
    SharedBytes attached_;  // to what came before the rows
    FragmentPin pin_;       // of run_whole()
};

class WorkerStream final : public QueryStream {
  public:
    WorkerStream(Shared& shared, std::unique_ptr<Statement> statement, std::string sent)
        : shared_(shared), statement_(std::move(statement)), sent_(std::move(sent)) {}

    Result<void> start(const QueryOptions& options) {
        DL_TRY_ASSIGN(auto head, statement_->start<ResultHead>(StatementTask::run, sent_, options));
        for (auto& column : head.columns)
            columns_.push_back({std::move(column.name), column.type});
        if (!head.whole) return {};
        auto rows = statement_->run_whole(*head.whole);
        if (!rows) return told_error(rows.error(), statement_->cancel(), sent_);
        remote_ = std::move(*rows);
        if (auto plan = statement_->plan_of(*head.whole))
            shared_.plans.keep(sent_, options, std::move(*plan));
        return {};
    }

    const std::vector<ResultColumn>& columns() const override {
        return remote_ ? remote_->columns() : columns_;
    }

    Result<std::optional<ColumnBatch>> next() override {
        if (error_) return *error_;
        if (ended_) return std::optional<ColumnBatch>{};
        auto batch = remote_ ? remote_->next() : statement_->next(columns_);
        if (!batch) error_ = remote_ ? told_error(batch.error(), statement_->cancel(), sent_) : batch.error();
        if (error_) return *error_;
        ended_ = !*batch;
        return batch;
    }

    const std::map<std::string, std::map<std::uint32_t, Offset>>& offsets() const override {
        return statement_->calls().cut().offsets;
    }
    const std::map<std::string, std::uint64_t>& behind() const override {
        return statement_->calls().cut().behind;
    }

  private:
    Shared& shared_;
    const std::unique_ptr<Statement> statement_;
    const std::string sent_;
    std::vector<ResultColumn> columns_;
    std::unique_ptr<FragmentStream> remote_;
    std::optional<Error> error_;
    bool ended_ = false;
};

class Coordinator final : public WorkerCoordinator {
  public:
    Coordinator(std::unique_ptr<WorkerHost> host, FragmentRunner& runner,
                std::shared_ptr<const SystemTables> system_tables)
        : shared_{std::move(host), runner, std::move(system_tables), {}, {}, {}} {}

    Result<std::unique_ptr<QueryStream>> run(std::string_view sql, const TableLookup& lookup,
                                             const QueryOptions& options,
                                             std::shared_ptr<QueryCancel> cancel) override {
        if (options.params.empty()) {
            DL_TRY_ASSIGN(auto rows, run_point(sql, lookup, options, cancel));
            if (rows) return rows;
        }
        const auto& runner = options.runner != nullptr ? *options.runner : shared_.runner;
        if (const auto plan = shared_.plans.find(sql, options, lookup, runner))
            return run_on_slave(shared_, *plan, std::string(sql), options, cancel);
        DL_TRY(shared_.host->admit(partition_hash(sql)));
        auto stream = std::make_unique<WorkerStream>(
            shared_, std::make_unique<Statement>(shared_, lookup, options, std::move(cancel), sql),
            std::string(sql));
        auto started = stream->start(options);
        // Who ends like that may have lied before.
        if (!started && started.error().code == ErrorCode::crashed) shared_.plans.clear();
        DL_TRY(std::move(started));
        return std::unique_ptr<QueryStream>(std::move(stream));
    }

    Result<AwaitedOffsets> awaited(std::string_view sql, const TableLookup& lookup,
                                   const QueryOptions& options) override {
        QueryTables tables;
        if (auto point = find_point(sql, lookup)) {
            tables.emplace(point->table->name, std::move(point->table));
            DL_TRY(check_cut(tables, options.cut));
        } else {
            DL_TRY(shared_.host->admit(partition_hash(sql)));
            Statement statement(shared_, lookup, options, std::make_shared<QueryCancel>(), sql);
            DL_TRY_ASSIGN(const auto head,
                          statement.start<AwaitedHead>(StatementTask::awaited, sql, options));
            DL_TRY(statement.finish());
            if (const auto table = statement.calls().tables().find(head.table);
                table != statement.calls().tables().end())
                tables.insert(*table);
        }
        if (tables.size() != 1) return AwaitedOffsets{};
        return AwaitedOffsets{std::move(tables.begin()->second),
                              options.cut.as_of ? *options.cut.as_of : options.cut.min_offsets};
    }

    Result<StatementShape> describe(std::string_view sql, const TableLookup& lookup,
                                    const QueryOptions& options,
                                    std::shared_ptr<QueryCancel> cancel) override {
        DL_TRY(shared_.host->admit(partition_hash(sql)));
        Statement statement(shared_, lookup, options, std::move(cancel), sql);
        DL_TRY_ASSIGN(auto head, statement.start<ShapeHead>(StatementTask::describe, sql, options));
        DL_TRY(statement.finish());
        StatementShape shape;
        for (auto& column : head.columns) {
            shape.columns.push_back({std::move(column.name), column.type});
            shape.origins.push_back(column.table.empty()
                                        ? std::nullopt
                                        : std::optional(ColumnOrigin{std::move(column.table), column.field}));
        }
        for (const auto& parameter : head.parameters)
            shape.parameters.push_back(parameter.type);
        return shape;
    }

    std::uint64_t crashes() const override { return shared_.host->crashes(); }
    std::size_t ready_now() const override { return shared_.host->ready_now(); }
    std::map<std::uint64_t, std::uint64_t> memory() const override { return shared_.host->memory(); }

  private:
    // Null: another kind of statement, or one that several slaves answer.
    Result<std::unique_ptr<QueryStream>> run_point(std::string_view sql, const TableLookup& lookup,
                                                   const QueryOptions& options,
                                                   const std::shared_ptr<QueryCancel>& cancel) {
        std::unique_ptr<QueryStream> none;
        auto point = find_point(sql, lookup);
        if (!point) return none;
        const auto name = point->table->name;
        const QueryTables tables{{name, point->table}};
        KeyLookups lookups;
        lookups.emplace(name, std::move(point->keys));
        const auto& runner = options.runner != nullptr ? *options.runner : shared_.runner;
        const auto leader_of = [&runner](const TableMeta& table, PartitionId partition) {
            return runner.leader_of(table, partition);
        };
        DL_TRY_ASSIGN(const auto plan, plan_query(tables, leader_of, options.cut, std::move(lookups)));
        if (plan.way != QueryPlan::Way::whole) return none;
        const WholePlan whole{tables, plan.pins.front(), {{name, tables.at(name)->id}}, std::string(sql)};
        return run_on_slave(shared_, whole, whole.sql, options, cancel);
    }

    Shared shared_;
};

}  // namespace

Result<std::unique_ptr<WorkerCoordinator>> WorkerCoordinator::start(
    WorkerSettings settings, FragmentRunner& runner, std::shared_ptr<const SystemTables> system_tables) {
    settings.component = "master.query";
    settings.memory_key = "master.query.memory.bytes";
    DL_TRY_ASSIGN(auto host, WorkerHost::start(std::move(settings)));
    return std::unique_ptr<WorkerCoordinator>(
        std::make_unique<Coordinator>(std::move(host), runner, std::move(system_tables)));
}

}  // namespace dl::master
