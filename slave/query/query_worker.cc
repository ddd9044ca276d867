#include "slave/query/query_worker.h"

#include "common/base/failpoint.h"
#include "common/worker/worker_process.h"
#include "slave/query/fragment_codec.h"
#include "slave/query/query_executor.h"

namespace dl::slave {
namespace {

class FragmentRole final : public WorkerRole {
  public:
    Result<void> open(std::shared_ptr<DuckDatabase> database, WorkerLink&) override {
        executor_ = std::make_unique<QueryExecutor>(std::move(database));
        FragmentQuery query;
        query.sql = "SELECT 1";
        query.view = std::make_shared<QueryView>();
        query.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        query.cancel = std::make_shared<QueryCancel>();
        DL_TRY_ASSIGN(auto rows, executor_->start(std::move(query)));
        for (;;) {
            DL_TRY_ASSIGN(const auto batch, rows->next());
            if (!batch) return {};
        }
    }

    Result<void> run(WorkerTask task, WorkerLink& link) override {
        DL_TRY_ASSIGN(auto query, decode_fragment(task.statement, std::move(task.fds)));
        query.cancel = std::move(task.cancel);
        DL_FAILPOINT("worker.mapped");
        DL_TRY_ASSIGN(const auto rows, executor_->start(std::move(query)));
        DL_FAILPOINT("worker.before-reply");
        link.send_later(WorkerFrame::columns, encode_columns(rows->columns()));
        for (;;) {
            DL_TRY_ASSIGN(const auto batch, rows->next());
            if (!batch) return {};
            link.send_rows(*batch);
        }
    }

  private:
    std::unique_ptr<QueryExecutor> executor_;
};

}  // namespace

std::optional<int> run_as_query_worker(int argc, char** argv) {
    if (!is_worker_process(argc, argv)) return std::nullopt;
    FragmentRole role;
    serve_as_worker(role);
}

}  // namespace dl::slave
