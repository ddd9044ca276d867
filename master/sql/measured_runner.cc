#include "master/sql/measured_runner.h"

#include <utility>

namespace dl::master {
namespace {

using Clock = std::chrono::steady_clock;

std::chrono::microseconds since(Clock::time_point begin) {
    return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
}

std::uint64_t bytes_of(const ColumnBatch& batch) {
    std::uint64_t bytes = 0;
    for (const auto& column : batch.columns()) {
        const auto width = physical_width(physical_type(column.type));
        bytes += std::uint64_t{batch.rows()} * (width != 0 ? width : 4) + column.heap_bytes;
    }
    return bytes;
}

}  // namespace

class MeasuredRunner::Stream final : public FragmentStream {
  public:
    Stream(MeasuredRunner& runner, std::size_t at, MeasuredStep step, std::unique_ptr<FragmentStream> stream)
        : runner_(runner), at_(at), step_(std::move(step)), stream_(std::move(stream)) {
        step_.whole = false;
        runner_.update(at_, step_);
    }

    const std::vector<ResultColumn>& columns() const override { return stream_->columns(); }

    Result<std::optional<ColumnBatch>> next() override {
        const auto begin = Clock::now();
        auto batch = stream_->next();
        step_.time += since(begin);
        if (batch.has_value() && *batch) {
            step_.rows += (*batch)->rows();
            step_.bytes += bytes_of(**batch);
        }
        step_.whole = batch.has_value() && !*batch;
        runner_.update(at_, step_);
        return batch;
    }

  private:
    MeasuredRunner& runner_;
    const std::size_t at_;
    MeasuredStep step_;
    std::unique_ptr<FragmentStream> stream_;
};

std::vector<MeasuredStep> MeasuredRunner::steps() const {
    const std::lock_guard lock(mutex_);
    return steps_;
}

std::size_t MeasuredRunner::begin(MeasuredStep step) {
    const std::lock_guard lock(mutex_);
    steps_.push_back(std::move(step));
    return steps_.size() - 1;
}

void MeasuredRunner::update(std::size_t at, const MeasuredStep& step) {
    const std::lock_guard lock(mutex_);
    steps_[at] = step;
}

Result<std::string> MeasuredRunner::leader_of(const TableMeta& table, PartitionId partition) const {
    return runner_.leader_of(table, partition);
}

Result<std::vector<PinnedFragment>> MeasuredRunner::pin(const std::vector<FragmentPin>& pins,
                                                        std::chrono::milliseconds lease,
                                                        const FragmentCall& call) {
    const auto begun = Clock::now();
    auto pinned = runner_.pin(pins, lease, call);
    // All are asked at the same time.
    for (const auto& one : pins) {
        MeasuredStep step{"cut", one.node, {}, 0, 0, since(begun), pinned.has_value()};
        begin(std::move(step));
    }
    return pinned;
}

Result<std::unique_ptr<FragmentStream>> MeasuredRunner::query(const PinnedFragment& pinned,
                                                              const FragmentStatement& statement,
                                                              const FragmentCall& call) {
    MeasuredStep step{"fragment", pinned.node, statement.sql, 0, 0, {}, false};
    const auto at = begin(step);
    const auto begun = Clock::now();
    DL_TRY_ASSIGN(auto stream, runner_.query(pinned, statement, call));
    step.time = since(begun);
    return std::unique_ptr<FragmentStream>(
        std::make_unique<Stream>(*this, at, std::move(step), std::move(stream)));
}

Result<PinnedStream> MeasuredRunner::pin_and_query(const FragmentPin& pin, const std::string& sql,
                                                   const std::map<std::string, TableId>& names,
                                                   const FragmentCall& call) {
    MeasuredStep step{"statement", pin.node, sql, 0, 0, {}, false};
    const auto at = begin(step);
    const auto begun = Clock::now();
    DL_TRY_ASSIGN(auto answer, runner_.pin_and_query(pin, sql, names, call));
    step.time = since(begun);
    answer.stream = std::make_unique<Stream>(*this, at, std::move(step), std::move(answer.stream));
    return answer;
}

}  // namespace dl::master
