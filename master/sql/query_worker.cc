#include "master/sql/query_worker.h"

#include <memory>
#include <utility>

#include "common/base/failpoint.h"
#include "common/worker/worker_process.h"
#include "master/sql/forwarded_slaves.h"
#include "master/sql/query_coordinator.h"

namespace dl::master {
namespace {

using PartitionOffsets = std::map<std::uint32_t, Offset>;

PartitionOffsets offsets_of(const std::vector<PartitionOffset>& list) {
    PartitionOffsets offsets;
    for (const auto& one : list)
        offsets[one.partition] = one.offset;
    return offsets;
}

QueryOptions options_of(StatementTask& task) {
    QueryOptions options;
    options.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(task.timeout_ms);
    options.cut.min_offsets = offsets_of(task.min_offsets);
    if (task.as_of) options.cut.as_of = offsets_of(*task.as_of);
    for (auto& parameter : task.parameters)
        options.params.push_back({static_cast<SqlLiteral::Kind>(parameter.kind), std::move(parameter.text)});
    return options;
}

class SelectRole final : public WorkerRole {
  public:
    Result<void> open(std::shared_ptr<DuckDatabase> database, WorkerLink& link) override {
        calls_ = std::make_unique<DaemonCalls>(link);
        slaves_ = std::make_unique<ForwardedSlaves>(*calls_);
        CoordinatorOptions options;
        // Of the role, which lives as long as the process.
        options.system_tables = std::shared_ptr<const SystemTables>(std::shared_ptr<void>(), slaves_.get());
        coordinator_ = QueryCoordinator::create(std::move(database), *slaves_, std::move(options));
        QueryOptions soon;
        soon.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        DL_TRY_ASSIGN(auto rows,
                      coordinator_->run("SELECT 1", tables_, soon, std::make_shared<QueryCancel>()));
        for (;;) {
            DL_TRY_ASSIGN(const auto batch, rows->next());
            if (!batch) return {};
        }
    }

    Result<void> run(WorkerTask asked, WorkerLink& link) override {
        const auto bytes = SharedBytes::copy_of(asked.statement.data(), asked.statement.size());
        DL_TRY_ASSIGN(const auto envelope, open_envelope(bytes));
        DL_TRY_ASSIGN(auto task, read_worker_message<StatementTask>(envelope.json));
        DL_FAILPOINT("worker.mapped");
        slaves_->begin(asked.cancel, std::move(task.tables));
        auto done = run_task(envelope.attached.view(), std::move(task), asked.cancel, link);
        slaves_->begin(nullptr, {});
        return done;
    }

    void answered(Frame frame) override { calls_->answered(std::move(frame)); }

  private:
    Result<void> run_task(std::string_view sql, StatementTask task,
                          const std::shared_ptr<QueryCancel>& cancel, WorkerLink& link) {
        const auto options = options_of(task);
        switch (task.work) {
            case StatementTask::awaited: {
                DL_TRY_ASSIGN(const auto awaited, coordinator_->awaited(sql, tables_, options));
                tell(link, AwaitedHead{awaited.table ? awaited.table->name : std::string()});
                return {};
            }
            case StatementTask::describe: {
                DL_TRY_ASSIGN(auto shape, coordinator_->describe(sql, tables_, options, cancel));
                ShapeHead head;
                for (auto& column : shape.columns)
                    head.columns.push_back({std::move(column.name), column.type});
                for (std::size_t i = 0; i < shape.origins.size() && i < head.columns.size(); ++i) {
                    if (!shape.origins[i]) continue;
                    head.columns[i].table = std::move(shape.origins[i]->table);
                    head.columns[i].field = shape.origins[i]->field;
                }
                for (const auto& type : shape.parameters)
                    head.parameters.push_back({type});
                tell(link, head);
                return {};
            }
            default:
                return send_rows(sql, options, cancel, link);
        }
    }

    Result<void> send_rows(std::string_view sql, const QueryOptions& options,
                           const std::shared_ptr<QueryCancel>& cancel, WorkerLink& link) {
        DL_TRY_ASSIGN(const auto rows, coordinator_->run(sql, tables_, options, cancel));
        DL_FAILPOINT("worker.before-reply");
        if (const auto* left = dynamic_cast<const LeftToMaster*>(rows->untouched())) {
            tell(link, ResultHead{{}, left->asked()}, left->sql());
            return {};
        }
        ResultHead head;
        for (const auto& column : rows->columns())
            head.columns.push_back({column.name, column.type});
        tell(link, head);
        for (;;) {
            DL_TRY_ASSIGN(const auto batch, rows->next());
            if (!batch) return {};
            link.send_rows(*batch);
        }
    }

    template <class M>
    static void tell(WorkerLink& link, const M& head, std::string_view attached = {}) {
        link.send_later(WorkerFrame::columns, sealed_json(rpc::encode(head)) + std::string(attached));
    }

    std::unique_ptr<DaemonCalls> calls_;
    std::unique_ptr<ForwardedSlaves> slaves_;
    std::unique_ptr<QueryCoordinator> coordinator_;
    const TableLookup tables_ = [this](const std::string& name) { return slaves_->find(name); };
};

}  // namespace

std::optional<int> run_as_query_worker(int argc, char** argv) {
    if (!is_worker_process(argc, argv)) return std::nullopt;
    SelectRole role;
    serve_as_worker(role);
}

}  // namespace dl::master
