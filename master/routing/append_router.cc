#include "master/routing/append_router.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "common/async/run_all.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/rpc/messages/append_messages.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kRetryFirst{20};
constexpr milliseconds kRetryMax{1000};

// The part of a batch that goes to one slave.
struct Share {
    Route route;
    std::vector<std::pair<const PartitionBody*, LeaderEpoch>> bodies;
    std::optional<Result<rpc::AppendReply>> reply;
};

Result<std::vector<Share>> group_by_slave(const TableRoutes& routes, const PartitionedBatch& batch) {
    std::vector<Share> shares;
    for (const auto& body : batch.partitions) {
        DL_TRY_ASSIGN(auto route, routes.find(body.partition));
        auto share = std::find_if(shares.begin(), shares.end(),
                                  [&](const Share& s) { return s.route.node == route.node; });
        if (share == shares.end()) {
            shares.emplace_back();
            share = shares.end() - 1;
            share->route = route;
        }
        share->bodies.emplace_back(&body, route.epoch);
    }
    return shares;
}

bool is_lost_answer(ErrorCode code) {
    return code == ErrorCode::unknown_outcome;
}

asio::awaitable<Result<rpc::AppendReply>> send_once(rpc::RpcClient& slave, const TableMeta& table,
                                                    std::shared_ptr<const PartitionedBatch> batch,
                                                    const Share& share,
                                                    const std::optional<std::string>& batch_id,
                                                    rpc::Deadline deadline) {
    std::vector<SharedBytes> attachments;
    attachments.reserve(share.bodies.size());
    for (const auto& [body, epoch] : share.bodies)
        attachments.emplace_back(batch, body->body.data(), body->body.size());
    rpc::AppendRequest request;
    request.table = rpc::table_ref(table);
    request.schema = table.schema.id;
    request.batch_id = batch_id.value_or("");
    request.partitions.reserve(share.bodies.size());
    for (const auto& [body, epoch] : share.bodies)
        request.partitions.push_back(
            {body->partition, epoch, body->rows, static_cast<std::uint32_t>(body->body.size()), body->crc});
    auto reply =
        co_await slave.call(rpc::Method::append, rpc::encode(request), std::move(attachments), deadline);
    if (reply.has_error()) co_return std::move(reply).error();
    co_return rpc::decode_reply<rpc::AppendReply>(reply->end_json);
}

asio::awaitable<Result<rpc::AppendReply>> send_share(const TableMeta& table,
                                                     std::shared_ptr<const PartitionedBatch> batch,
                                                     const Share& share,
                                                     const std::optional<std::string>& batch_id,
                                                     rpc::Deadline deadline) {
    const auto& slave = share.route.slave;
    bool schema_sent = false;
    std::optional<Error> lost;  // an attempt whose outcome is not known
    auto pause = kRetryFirst;
    for (;;) {
        auto reply = co_await send_once(*slave, table, batch, share, batch_id, deadline);
        if (reply.has_value()) co_return reply;
        const auto code = reply.error().code;
        if (code == ErrorCode::schema_mismatch && !schema_sent) {
            schema_sent = true;
            auto updated = co_await slave->call(
                rpc::Method::update_table, rpc::encode(rpc::UpdateTableRequest{table, {}}), {}, deadline);
            if (updated.has_error()) co_return std::move(updated).error();
            continue;
        }
        const bool unsettled = is_lost_answer(code) || (lost && code == ErrorCode::unavailable);
        if (!batch_id || !unsettled) co_return reply;
        lost = std::move(reply).error();
        if (steady_clock::now() + pause >= deadline)
            co_return make_error(ErrorCode::unknown_outcome,
                                 lost->message + "; repeat the batch with the same batch_id to find out");
        asio::steady_timer timer(co_await asio::this_coro::executor, pause);
        co_await timer.async_wait(asio::use_awaitable);
        pause = std::min(pause * 2, kRetryMax);
    }
}

void add_to_list(std::string& list, PartitionId partition) {
    list += (list.empty() ? "" : ",") + std::to_string(partition.value);
}

// What became of a batch, partition by partition.
class Summary {
  public:
    explicit Summary(const TableMeta& table) : table_(table) {}

    void add(const Share& share) {
        for (const auto& [body, epoch] : share.bodies) {
            const auto* result = share.reply->has_value() ? find(**share.reply, body->partition) : nullptr;
            if (result != nullptr && result->appended)
                add_written(body->partition, *result->appended);
            else if (result != nullptr)
                add_failed(body->partition, result->error->in(named(body->partition)));
            else if (share.reply->has_error())
                add_failed(body->partition, share.reply->error());
            else
                add_failed(body->partition, make_error(ErrorCode::internal, "slave " + share.route.address +
                                                                                " did not answer for " +
                                                                                named(body->partition)));
        }
    }

    Result<AppendOutcome> outcome(bool has_batch_id) && {
        if (failures_ == 0) return std::move(outcome_);
        const auto& cause = uncertain_ ? *uncertain_ : *failed_;
        // Nothing else to tell: all failed for one reason, or with nothing done.
        if (written_.empty() && (!uncertain_ || failures_ == 1 || (not_written_.empty() && same_cause_)))
            return cause;
        const auto cause_text = " (" + cause.to_text() + ")";
        const std::string advice =
            has_batch_id ? "; repeat the batch with the same batch_id"
                         : "; read the rows back, or repeat the batch: the same rows again do no harm";
        const auto written = "partitions written: " + (written_.empty() ? "none" : written_);
        const auto missing = not_written_.empty() ? "" : "; not written: " + not_written_;
        if (uncertain_)
            return make_error(ErrorCode::unknown_outcome,
                              written + "; not known of: " + unknown_ + missing + cause_text + advice);
        return make_error(ErrorCode::partial, written + missing + cause_text + advice);
    }

  private:
    static const rpc::AppendResult* find(const rpc::AppendReply& reply, PartitionId partition) {
        for (const auto& result : reply.partitions)
            if (result.partition == partition) return &result;
        return nullptr;
    }
    std::string named(PartitionId partition) const {
        return "table " + table_.name + ", partition " + std::to_string(partition.value);
    }
    void add_written(PartitionId partition, const rpc::Appended& appended) {
        outcome_.duplicate = (outcome_.offsets.empty() || outcome_.duplicate) && appended.duplicate;
        outcome_.offsets[partition.value] = {appended.first, appended.last};
        add_to_list(written_, partition);
    }
    void add_failed(PartitionId partition, const Error& error) {
        const bool is_certain = error_outcome(error.code) == Outcome::nothing_done;
        add_to_list(is_certain ? not_written_ : unknown_, partition);
        auto& first = is_certain ? failed_ : uncertain_;
        if (!is_certain && first) same_cause_ = same_cause_ && first->message == error.message;
        if (!first) first = error;
        ++failures_;
    }

    const TableMeta& table_;
    AppendOutcome outcome_;
    std::string written_, unknown_, not_written_;  // partitions
    std::optional<Error> failed_, uncertain_;      // the first of each
    bool same_cause_ = true;                       // of all that are uncertain
    std::size_t failures_ = 0;
};

}  // namespace

asio::awaitable<Result<AppendOutcome>> AppendRouter::append(TablePtr table,
                                                            std::shared_ptr<const PartitionedBatch> batch,
                                                            std::optional<std::string> batch_id,
                                                            rpc::Deadline deadline) {
    auto grouped = group_by_slave(routes_.of(*table), *batch);
    if (grouped.has_error()) co_return std::move(grouped).error();
    auto& shares = *grouped;
    DL_FAILPOINT("append.after-route");
    std::vector<Task> tasks;
    tasks.reserve(shares.size());
    for (auto& share : shares) {
        tasks.emplace_back([&share, &table, &batch, &batch_id, deadline]() -> asio::awaitable<void> {
            share.reply = co_await send_share(*table, batch, share, batch_id, deadline);
        });
    }
    co_await run_all(std::move(tasks));
    Summary summary(*table);
    for (const auto& share : shares)
        summary.add(share);
    co_return std::move(summary).outcome(batch_id.has_value());
}

}  // namespace dl::master
