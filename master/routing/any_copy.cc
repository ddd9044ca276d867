#include "master/routing/any_copy.h"

#include <algorithm>

namespace dl::master {

namespace {
std::atomic<std::uint64_t> connections{0};
}

AnyCopyReads::AnyCopyReads() : spread_(connections.fetch_add(1, std::memory_order_relaxed)) {}

std::optional<Route> AnyCopyReads::copy_of(const RouteTable& routes, const TableMeta& table,
                                           PartitionId partition) const {
    {
        const std::lock_guard lock(mutex_);
        if (full_) return std::nullopt;
    }
    const auto placement = routes.catalog().placement(table.id);
    if (placement == nullptr || partition.value >= placement->partitions.size()) return std::nullopt;
    const auto& placed = placement->partitions[partition.value];
    if (placed.leader == NodeId{} || placed.in_sync.size() < 2) return std::nullopt;
    auto copies = placed.in_sync;
    std::sort(copies.begin(), copies.end());
    auto route = routes.node(copies[(spread_ + partition.value) % copies.size()]);
    if (route.has_error()) return std::nullopt;
    route->epoch = placed.leader_epoch;
    return std::move(*route);
}

std::optional<Offset> AnyCopyReads::seen(TableId table, PartitionId partition) const {
    const std::lock_guard lock(mutex_);
    const auto found = seen_.find({table, partition});
    if (found == seen_.end()) return std::nullopt;
    return found->second;
}

void AnyCopyReads::saw(const rpc::Cut& cut, bool from_leaders) {
    const std::lock_guard lock(mutex_);
    if (full_) return;
    for (const auto& table : cut)
        for (const auto& part : table.partitions) {
            auto& seen = seen_[{table.table, part.partition}];
            seen = from_leaders ? part.offset : std::max(seen, part.offset);
        }
    if (seen_.size() <= kSeenMax) return;
    full_ = true;
    seen_.clear();
}

// Rows of a copy.
class AnyCopyRunner::Stream final : public FragmentStream {
  public:
    Stream(AnyCopyRunner& runner, std::unique_ptr<FragmentStream> rows)
        : runner_(runner), rows_(std::move(rows)) {}
    const std::vector<ResultColumn>& columns() const override { return rows_->columns(); }
    Result<std::optional<ColumnBatch>> next() override {
        if (error_) return *error_;
        auto batch = rows_->next();
        if (batch.has_value()) return batch;
        error_ = runner_.failed(std::move(batch).error());
        return *error_;
    }

  private:
    AnyCopyRunner& runner_;
    const std::unique_ptr<FragmentStream> rows_;
    std::optional<Error> error_;
};

namespace {

// What is the matter with one copy, perhaps, and not with the query.
bool is_of_copy(ErrorCode code) {
    switch (code) {
        case ErrorCode::unavailable:
        case ErrorCode::not_leader:
        case ErrorCode::corrupt_data:
        case ErrorCode::io_error:
        case ErrorCode::table_not_found:
        case ErrorCode::partition_not_found:
            return true;
        default:
            return false;
    }
}

}  // namespace

Result<std::string> AnyCopyRunner::leader_of(const TableMeta& table, PartitionId partition) const {
    if (!leaders_only_)
        if (const auto copy = reads_.copy_of(routes_, table, partition)) return copy->address;
    return runner_.leader_of(table, partition);
}

FragmentPin AnyCopyRunner::of_any(FragmentPin pin) const {
    if (leaders_only_) return pin;
    for (auto& table : pin.tables) {
        table.asked.any = true;
        for (auto& part : table.asked.partitions) {
            if (part.as_of) continue;
            // Who leads shows at least what any copy has shown.
            const auto leader = runner_.leader_of(*table.meta, part.partition);
            if (leader.has_value() && *leader == pin.node) continue;
            const auto seen = reads_.seen(table.meta->id, part.partition);
            if (seen) part.min_offset = std::max(part.min_offset.value_or(0), *seen);
        }
    }
    return pin;
}

Error AnyCopyRunner::failed(Error error) {
    if (!is_of_copy(error.code) || leaders_only_.exchange(true)) return error;
    return make_error(ErrorCode::not_leader, error.message);
}

Result<std::vector<PinnedFragment>> AnyCopyRunner::pin(const std::vector<FragmentPin>& pins,
                                                       std::chrono::milliseconds lease,
                                                       const FragmentCall& call) {
    const bool from_leaders = leaders_only_;
    std::vector<FragmentPin> asked;
    asked.reserve(pins.size());
    for (const auto& one : pins)
        asked.push_back(of_any(one));
    auto pinned = runner_.pin(asked, lease, call);
    if (pinned.has_error()) return failed(std::move(pinned).error());
    for (const auto& one : *pinned)
        reads_.saw(one.cut, from_leaders);
    return pinned;
}

Result<std::unique_ptr<FragmentStream>> AnyCopyRunner::query(const PinnedFragment& pinned,
                                                             const FragmentStatement& statement,
                                                             const FragmentCall& call) {
    auto stream = runner_.query(pinned, statement, call);
    if (stream.has_error()) return failed(std::move(stream).error());
    return std::unique_ptr<FragmentStream>(std::make_unique<Stream>(*this, std::move(*stream)));
}

Result<PinnedStream> AnyCopyRunner::pin_and_query(const FragmentPin& pin, const std::string& sql,
                                                  const std::map<std::string, TableId>& names,
                                                  const FragmentCall& call) {
    const bool from_leaders = leaders_only_;
    auto answer = runner_.pin_and_query(of_any(pin), sql, names, call);
    if (answer.has_error()) return failed(std::move(answer).error());
    reads_.saw(answer->cut.cut, from_leaders);
    answer->stream = std::make_unique<Stream>(*this, std::move(answer->stream));
    return answer;
}

}  // namespace dl::master
