#include "slave/query/worker_executor.h"

#include <deque>
#include <utility>

#include "common/base/hash.h"
#include "common/worker/worker_run.h"
#include "slave/query/count_query.h"
#include "slave/query/fragment_codec.h"
#include "slave/query/point_query.h"

namespace dl::slave {
namespace {

constexpr std::size_t kWholeAnswerBytesMax = 64u << 10;

// One statement in a worker.
class WorkerRows final : public QueryRows {
  public:
    WorkerRows(WorkerHost& host, FragmentQuery query, std::uint64_t digest)
        : query_(std::make_shared<FragmentQuery>(std::move(query))),
          run_(host, query_->cancel, query_, digest, query_->number) {}

    Result<void> start(SealedCache& sealed) {
        DL_TRY(run_.watch(query_->deadline));
        DL_TRY_ASSIGN(const auto encoded, encode_fragment(*query_, sealed));
        std::vector<int> fds;
        for (const auto& memory : encoded.memory)
            fds.push_back(memory->fd());
        DL_TRY(run_.send(encoded.head, fds));
        DL_TRY_ASSIGN(const auto frame, run_.receive());
        if (frame.kind != static_cast<std::uint32_t>(WorkerFrame::columns)) return out_of_turn();
        auto columns = decode_columns(frame.bytes.view());
        if (!columns) return run_.nonsense(columns.error());
        columns_ = std::move(*columns);
        take_small_answer();
        return {};
    }

    const std::vector<ResultColumn>& columns() const override { return columns_; }

    Result<std::optional<ColumnBatch>> next() override {
        if (!held_.empty()) {
            auto batch = std::move(held_.front());
            held_.pop_front();
            return std::optional<ColumnBatch>(std::move(batch));
        }
        if (error_) return *error_;
        if (at_end_) return std::optional<ColumnBatch>{};
        auto batch = next_batch();
        if (!batch) error_ = batch.error();
        return batch;
    }
    bool is_whole() const override { return at_end_ && whole_; }

  private:
    // A small answer comes in one piece with its columns: taken along, it needs no further turn of who asks.
    void take_small_answer() {
        for (std::size_t bytes = 0; bytes <= kWholeAnswerBytesMax && run_.has_frame();) {
            auto batch = next_batch();
            if (!batch) {
                error_ = batch.error();
                return;
            }
            if (!*batch) break;
            bytes += (*batch)->body().size();
            held_.push_back(std::move(**batch));
            whole_ = bytes <= kWholeAnswerBytesMax;
        }
    }

    Result<std::optional<ColumnBatch>> next_batch() {
        DL_TRY_ASSIGN(const auto frame, run_.receive());
        if (frame.kind == static_cast<std::uint32_t>(WorkerFrame::end)) {
            at_end_ = true;
            return std::optional<ColumnBatch>{};
        }
        if (frame.kind != static_cast<std::uint32_t>(WorkerFrame::rows)) return out_of_turn();
        auto batch = decode_rows(frame.bytes, columns_);
        if (!batch) return run_.nonsense(batch.error());
        return std::optional<ColumnBatch>(std::move(*batch));
    }

    Error out_of_turn() {
        return run_.nonsense(
            make_error(ErrorCode::corrupt_data, "a process for queries answers out of turn"));
    }

    std::shared_ptr<FragmentQuery> query_;
    WorkerRun run_;
    std::vector<ResultColumn> columns_;
    std::deque<ColumnBatch> held_;  // came with the columns
    std::optional<Error> error_;
    bool at_end_ = false;
    bool whole_ = true;
};

class Executor final : public WorkerExecutor {
  public:
    Executor(std::unique_ptr<WorkerHost> host, std::uint64_t sealed_bytes)
        : host_(std::move(host)), sealed_(sealed_bytes) {}

    Result<std::unique_ptr<QueryRows>> start(FragmentQuery query) override {
        DL_TRY_ASSIGN(auto answer, answer_point_select(query.sql, query.names, *query.view));
        if (!answer) {
            DL_TRY_ASSIGN(answer, answer_count(query.sql, query.names, *query.view));
        }
        if (answer) return rows_of(std::move(*answer));
        const auto digest = partition_hash(query.sql);
        DL_TRY(host_->admit(digest));
        auto rows = std::make_unique<WorkerRows>(*host_, std::move(query), digest);
        DL_TRY(rows->start(sealed_));
        return std::unique_ptr<QueryRows>(std::move(rows));
    }

    void expire() override { sealed_.expire(); }
    std::uint64_t crashes() const override { return host_->crashes(); }
    std::map<std::uint64_t, std::uint64_t> memory() const override { return host_->memory(); }
    std::size_t ready_now() const override { return host_->ready_now(); }

  private:
    const std::unique_ptr<WorkerHost> host_;
    SealedCache sealed_;
};

}  // namespace

Result<std::unique_ptr<WorkerExecutor>> WorkerExecutor::create(WorkerSettings settings) {
    const auto sealed_bytes = settings.memory_bytes;
    settings.component = "slave.query";
    settings.memory_key = "slave.query.memory.bytes";
    DL_TRY_ASSIGN(auto host, WorkerHost::start(std::move(settings)));
    return std::unique_ptr<WorkerExecutor>(std::make_unique<Executor>(std::move(host), sealed_bytes));
}

}  // namespace dl::slave
