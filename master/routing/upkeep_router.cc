#include "master/routing/upkeep_router.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "common/async/run_all.h"
#include "common/base/log.h"
#include "common/json/json_writer.h"
#include "master/routing/rpc_timeout.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Sums up what the slaves report and passes it on, at most so often.
class ProgressSum {
  public:
    explicit ProgressSum(UpkeepRouter::ProgressSink sink) : sink_(std::move(sink)) {}

    // A report that is not understood is left out: the work itself goes on.
    asio::awaitable<void> report(NodeId node, std::string_view json, bool last) {
        if (!sink_) co_return;
        auto now = rpc::decode_reply<CompressProgress>(json);
        if (now.has_value()) by_node_[node] = *now;
        const auto time = steady_clock::now();
        if (last || sending_ || time < next_) co_return;
        next_ = time + kInterval;
        co_await send();
    }
    asio::awaitable<void> send() {
        if (!sink_ || failed_) co_return;
        CompressProgress sum;
        for (const auto& [node, now] : by_node_) {
            sum.rows_done += now.rows_done;
            sum.rows_total += now.rows_total;
            sum.bytes += now.bytes;
        }
        sending_ = true;
        auto sent = co_await sink_(sum);
        sending_ = false;
        failed_ = sent.has_error();
    }

  private:
    static constexpr milliseconds kInterval{400};
    std::map<NodeId, CompressProgress> by_node_;
    UpkeepRouter::ProgressSink sink_;
    bool sending_ = false;
    bool failed_ = false;
    steady_clock::time_point next_{};
};

asio::awaitable<Result<void>> compress_copies(const CopyShare& share, const TableMeta& table,
                                              rpc::Deadline deadline) {
    const rpc::CompressRequest request{rpc::table_ref(table), share.partitions};
    const auto json = rpc::encode(request);
    std::vector<SharedBytes> nothing;
    auto stream = co_await share.route.slave->open(rpc::Method::compress, json, std::move(nothing), deadline);
    if (stream.has_error()) co_return std::move(stream).error();
    for (;;) {
        auto frame = co_await (*stream)->next(deadline);
        if (frame.has_error()) co_return std::move(frame).error();
        if (!frame->has_value()) co_return Result<void>();
    }
}

// As clients get it: with the slave's address.
std::string check_row_json(const rpc::CheckRow& row, const std::string& node) {
    std::string json = "{\"partition\":" + std::to_string(row.partition.value) + ",\"slave\":";
    append_json_string(json, node);
    json += ",\"live_rows\":" + std::to_string(row.live_rows) +
            ",\"records\":" + std::to_string(row.records) + ",\"bytes\":" + std::to_string(row.bytes) +
            ",\"hash\":";
    append_json_string(json, row.hash);
    json += ",\"problems\":[";
    for (std::size_t i = 0; i < row.problems.size(); ++i) {
        if (i != 0) json += ',';
        append_json_string(json, row.problems[i]);
    }
    return json + "]}";
}

// A check whose first row has come.
struct OpenCheck {
    std::unique_ptr<rpc::RpcStream> stream;
    std::optional<SharedBytes> row;  // nullopt: it has ended
};

}  // namespace

asio::awaitable<Result<void>> UpkeepRouter::compress(TablePtr table, rpc::Deadline deadline,
                                                     ProgressSink progress) {
    ProgressSum sum(std::move(progress));
    std::vector<std::string> done;
    std::optional<Error> failure;
    PartitionCaller::Call call;
    call.table = table;
    call.partitions = all_partitions(*table);
    call.deadline = deadline;
    call.lost = LostAnswer::is_an_error;
    call.attempt = [&](const SlaveShare& share, rpc::CallTrace& trace) -> asio::awaitable<Result<void>> {
        const rpc::CompressRequest request{rpc::table_ref(*table), share.ids()};
        auto stream = co_await share.route.slave->open(rpc::Method::compress, rpc::encode(request), {},
                                                       deadline, &trace);
        if (stream.has_error()) co_return std::move(stream).error();
        for (;;) {
            auto frame = co_await (*stream)->next(deadline);
            trace.lost = (*stream)->lost();
            if (frame.has_error()) co_return std::move(frame).error();
            if (!frame->has_value()) break;
            const auto json = (**frame).view();
            co_await sum.report(share.route.node, json, false);
        }
        const auto& end = (*stream)->end_json();
        co_await sum.report(share.route.node, end, true);
        done.push_back(share.route.address);
        co_return Result<void>();
    };
    call.failed = [&](const SlaveShare&, Error error) {
        if (!failure) failure = std::move(error);
    };
    // Copies are compacted each on its own, all at once; only those that lead are counted in the progress.
    auto followers = follower_shares(caller_.routes(), *table);
    std::vector<Task> tasks;
    tasks.emplace_back([&]() -> asio::awaitable<void> { co_await caller_.run(call); });
    for (const auto& share : followers)
        tasks.emplace_back([&]() -> asio::awaitable<void> {
            auto compressed = co_await compress_copies(share, *table, deadline);
            if (compressed.has_value()) co_return;
            const auto& error = compressed.error();
            // One that is away, or has left meanwhile, is compacted when it is there again.
            const bool is_away = error.code == ErrorCode::unavailable ||
                                 error.code == ErrorCode::partition_not_found ||
                                 error.code == ErrorCode::table_not_found;
            if (is_away)
                log_warn("master.upkeep", "a slave's copies were not compacted: it is away",
                         {{"slave", share.route.address}, {"table", table->name}, {"error", error}});
            else if (!failure)
                failure = error.in("the copies on slave " + share.route.address);
        });
    co_await run_all(std::move(tasks));
    if (!failure) {
        co_await sum.send();
        co_return Result<void>();
    }
    if (done.empty()) co_return std::move(*failure);
    std::sort(done.begin(), done.end());
    std::string names;
    for (const auto& name : done)
        names += (names.empty() ? "" : ", ") + name;
    co_return make_error(ErrorCode::partial, "compaction is complete on " + names +
                                                 " only: " + failure->to_text() + "; repeat it");
}

asio::awaitable<Result<void>> UpkeepRouter::check(TablePtr table, bool repair, RowSink sink,
                                                  RepairCopy repair_copy, rpc::Deadline deadline) {
    CopyComparison comparison(caller_.routes(), table, repair, deadline);
    std::multimap<std::string, OpenCheck> checks;  // by address
    std::optional<Error> failure;
    PartitionCaller::Call call;
    call.table = table;
    call.partitions = all_partitions(*table);
    call.deadline = deadline;
    call.attempt = [&](const SlaveShare& share, rpc::CallTrace& trace) -> asio::awaitable<Result<void>> {
        const rpc::CheckRequest request{rpc::table_ref(*table), share.ids(), repair,
                                        std::min(milliseconds_until(deadline, 1), rpc::kUpkeepTimeMsMax)};
        auto opened =
            co_await share.route.slave->open(rpc::Method::check, rpc::encode(request), {}, deadline, &trace);
        if (opened.has_error()) co_return std::move(opened).error();
        auto first = co_await (*opened)->next(deadline);
        trace.lost = (*opened)->lost();
        if (first.has_error()) co_return std::move(first).error();
        auto& check = checks.emplace(share.route.address, OpenCheck{})->second;
        check.stream = std::move(*opened);
        check.row = std::move(*first);
        co_return Result<void>();
    };
    call.failed = [&](const SlaveShare&, Error error) {
        if (!failure) failure = std::move(error);
    };
    co_await caller_.run(call);
    for (auto& [address, check] : checks) {
        while (check.row) {
            auto row = rpc::decode_reply<rpc::CheckRow>(check.row->view());
            if (row.has_error()) co_return std::move(row).error();
            if (comparison.has_followers()) {
                comparison.leader_row(address, std::move(*row));
            } else {
                DL_CO_TRY(co_await sink(check_row_json(*row, address)));
            }
            DL_CO_TRY_ASSIGN(auto next, co_await check.stream->next(deadline));
            check.row = std::move(next);
        }
        check.stream.reset();
    }
    if (comparison.has_followers()) {
        auto rows = co_await comparison.run();
        for (auto& copy : rows) {
            if (copy.repair != CopyRepair::none && repair && repair_copy) {
                auto done = co_await repair_copy(copy.row.partition, copy.address, copy.repair);
                copy.row.problems.push_back(std::move(done));
            }
            DL_CO_TRY(co_await sink(check_row_json(copy.row, copy.address)));
        }
    }
    if (failure) co_return std::move(*failure);
    co_return Result<void>();
}

asio::awaitable<Result<rpc::AcceptLossReply>> UpkeepRouter::lost_records(TablePtr table,
                                                                         PartitionId partition, bool accept,
                                                                         rpc::Deadline deadline) {
    rpc::AcceptLossReply lost;
    std::optional<Error> failure;
    PartitionCaller::Call call;
    call.table = table;
    call.partitions = {partition};
    call.deadline = deadline;
    call.lost = accept ? LostAnswer::is_an_error : LostAnswer::is_read_again;
    call.attempt = [&](const SlaveShare& share, rpc::CallTrace& trace) -> asio::awaitable<Result<void>> {
        const rpc::AcceptLossRequest request{rpc::table_ref(*table), partition,
                                             share.partitions.front().leader_epoch, accept};
        const auto json = rpc::encode(request);
        auto reply = co_await share.route.slave->call(rpc::Method::accept_loss, json, {}, deadline, &trace);
        if (reply.has_error()) co_return std::move(reply).error();
        auto decoded = rpc::decode_reply<rpc::AcceptLossReply>(reply->end_json);
        if (decoded.has_error()) co_return std::move(decoded).error();
        lost = std::move(*decoded);
        co_return Result<void>();
    };
    call.failed = [&](const SlaveShare&, Error error) { failure = std::move(error); };
    co_await caller_.run(call);
    if (failure) co_return std::move(*failure);
    co_return lost;
}

}  // namespace dl::master
