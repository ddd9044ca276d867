// Requests about partitions with several copies: whatever becomes of a slave, the next try goes to whom the
// catalog names then, as long as that is safe and there is time.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "common/async/pause.h"
#include "common/async/run_all.h"
#include "master/routing/led_attempt.h"
#include "master/routing/partition_caller.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPauseFirst{20}, kPauseMax{200};

// One call, over all its tries.
class CallWithCopies {
  public:
    CallWithCopies(const PartitionCaller& caller, const PartitionCaller::Call& call)
        : caller_(caller), call_(call) {}

    asio::awaitable<void> run(std::vector<PartitionId> partitions) {
        auto length = kPauseFirst;
        while (!partitions.empty()) {
            again_.clear();
            co_await try_once(partitions);
            if (again_.empty()) co_return;
            const bool in_time = co_await pause(length);
            length = std::min(length * 2, kPauseMax);
            if (!in_time) break;
            partitions.clear();
            for (const auto& [partition, error] : again_)
                partitions.push_back(partition);
        }
        for (auto& [partition, error] : again_)
            call_.failed(SlaveShare{{}, {{partition, {}}}}, std::move(error));
    }

  private:
    asio::awaitable<void> try_once(const std::vector<PartitionId>& partitions) {
        const auto unled = [this](const SlaveShare& share, Error error) {
            const bool may_come = error.code == ErrorCode::unavailable;
            if (may_come)
                keep(share, error);
            else
                call_.failed(share, std::move(error));
        };
        auto shares = caller_.group(*call_.table, partitions, unled);
        if (shares.size() == 1) {
            co_await try_share(shares.front());
            co_return;
        }
        std::vector<Task> tasks;
        for (auto& share : shares)
            tasks.emplace_back([this, &share]() -> asio::awaitable<void> { co_await try_share(share); });
        co_await run_all(std::move(tasks));
    }

    asio::awaitable<void> try_share(SlaveShare& share) {
        std::vector<LedPartition> led;
        for (const auto& part : share.partitions)
            led.push_back({call_.table->id, part.partition, share.route.node, part.leader_epoch});
        rpc::CallTrace trace;
        Result<void> result = make_error(ErrorCode::cancelled, "the request was cancelled");
        Task attempt = [&]() -> asio::awaitable<void> {
            auto done = co_await call_.attempt(share, trace);
            result = std::move(done);
        };
        const bool moved = co_await run_while_led(caller_.routes(), std::move(led), std::move(attempt));
        if (result.has_value()) co_return;
        auto error = std::move(result).error();
        if (moved && (error.code == ErrorCode::cancelled || error.code == ErrorCode::timeout)) {
            // Where nothing tells whether it was done, nobody may do it again.
            if (trace.sent && call_.lost == LostAnswer::is_an_error) {
                call_.failed(share, make_error(ErrorCode::unknown_outcome,
                                               "slave " + share.route.address +
                                                   " did not answer, and another leads the partition now"));
                co_return;
            }
            may_be_done_ = may_be_done_ || trace.sent;
            keep(share, make_error(ErrorCode::unavailable,
                                   "slave " + share.route.address +
                                       " does not lead the partition any more; repeat the statement"));
            co_return;
        }
        // Each slave once: several may not have learned it yet.
        if (error.code == ErrorCode::schema_mismatch && schema_told_.insert(share.route.address).second) {
            const auto request = rpc::encode(rpc::UpdateTableRequest{*call_.table, {}});
            auto told =
                co_await share.route.slave->call(rpc::Method::update_table, request, {}, call_.deadline);
            if (told.has_value())
                error = make_error(ErrorCode::unavailable, "the slave has learned the schema");
        }
        if (!is_repeated(error, trace)) {
            call_.failed(share, std::move(error));
            co_return;
        }
        may_be_done_ = may_be_done_ || trace.lost;
        keep(share, error);
    }

    bool is_repeated(const Error& error, const rpc::CallTrace& trace) const {
        if (error.code == ErrorCode::not_leader) return true;
        const bool told_by_slave = trace.sent && !trace.lost;
        if (error.code == ErrorCode::unavailable && (!trace.sent || told_by_slave)) return true;
        const bool is_over = error.code == ErrorCode::timeout || error.code == ErrorCode::cancelled;
        if (trace.lost && !is_over) return call_.lost != LostAnswer::is_an_error;
        return error.code == ErrorCode::unknown_outcome && call_.lost == LostAnswer::is_asked_for;
    }

    void keep(const SlaveShare& share, const Error& error) {
        for (const auto& part : share.partitions)
            again_.insert_or_assign(part.partition, error);
    }

    // From the first failure on; what may have been done is asked for longer.
    asio::awaitable<bool> pause(milliseconds length) {
        if (!wait_until_) wait_until_ = steady_clock::now() + caller_.options().copies_wait;
        const auto until = std::min(call_.deadline, may_be_done_ ? call_.ask_until : *wait_until_);
        co_return co_await pause_before(until, length);
    }

    const PartitionCaller& caller_;
    const PartitionCaller::Call& call_;
    std::map<PartitionId, Error> again_;
    std::optional<rpc::Deadline> wait_until_;
    bool may_be_done_ = false;
    std::set<std::string> schema_told_;  // to slaves, by address
};

}  // namespace

asio::awaitable<void> PartitionCaller::until_led(TablePtr table, std::vector<PartitionId> partitions,
                                                 rpc::Deadline deadline) const {
    const auto until = std::min(deadline, steady_clock::now() + options_.copies_wait);
    for (;;) {
        const auto placement = routes_.catalog().placement(table->id);
        if (placement == nullptr || !has_copies(*placement)) co_return;
        const bool led = std::all_of(partitions.begin(), partitions.end(), [&](PartitionId partition) {
            return partition.value >= placement->partitions.size() ||
                   placement->partitions[partition.value].leader != NodeId{};
        });
        if (led) co_return;
        const bool in_time = co_await pause_before(until, kPauseMax / 4);
        if (!in_time) co_return;
    }
}

asio::awaitable<void> PartitionCaller::run_with_copies(const Call& call,
                                                       std::vector<PartitionId> partitions) const {
    CallWithCopies calling(*this, call);
    co_await calling.run(std::move(partitions));
}

}  // namespace dl::master
