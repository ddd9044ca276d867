#include "master/routing/append_router.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "common/async/run_all.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"

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
    std::vector<const PartitionBody*> bodies;
    std::optional<Result<AppendReply>> reply;

    std::string partitions() const {
        std::string text;
        for (const auto* body : bodies)
            text += (text.empty() ? "" : ",") + std::to_string(body->partition.value);
        return text;
    }
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
            share->route = std::move(route);
        }
        share->bodies.push_back(&body);
    }
    return shares;
}

bool is_lost_answer(ErrorCode code) {
    return code == ErrorCode::unknown_outcome;
}

asio::awaitable<Result<AppendReply>> send_once(rpc::RpcClient& slave, const TableMeta& table,
                                               std::shared_ptr<const PartitionedBatch> batch,
                                               const Share& share, const std::optional<std::string>& batch_id,
                                               rpc::Deadline deadline) {
    std::vector<SharedBytes> attachments;
    attachments.reserve(share.bodies.size());
    for (const auto* body : share.bodies)
        attachments.emplace_back(batch, body->body.data(), body->body.size());
    auto json = encode_append(table, batch_id, share.bodies);
    auto reply = co_await slave.call(rpc::Method::append, std::move(json), std::move(attachments), deadline);
    if (reply.has_error()) co_return std::move(reply).error();
    co_return decode_append_reply(reply->end_json);
}

asio::awaitable<Result<AppendReply>> send_share(const TableMeta& table,
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
            auto updated =
                co_await slave->call(rpc::Method::update_table, encode_update_table(table), {}, deadline);
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

Error share_error(const Share& share) {
    return share.reply->error();
}

Result<AppendOutcome> combine(std::vector<Share>& shares, bool has_batch_id) {
    AppendOutcome outcome;
    outcome.duplicate = !shares.empty();
    const Share* failed = nullptr;
    const Share* uncertain = nullptr;
    std::string written;
    std::string missing;
    for (auto& share : shares) {
        if (share.reply->has_value()) {
            outcome.duplicate = outcome.duplicate && (*share.reply)->duplicate;
            outcome.offsets.merge((*share.reply)->offsets);
            written += (written.empty() ? "" : ",") + share.partitions();
            continue;
        }
        missing += (missing.empty() ? "" : ",") + share.partitions();
        if (failed == nullptr) failed = &share;
        const auto kind = error_outcome(share.reply->error().code);
        if (kind != Outcome::nothing_done && uncertain == nullptr) uncertain = &share;
    }
    if (failed == nullptr) return outcome;
    if (shares.size() == 1) return share_error(shares[0]);
    const auto& cause = uncertain != nullptr ? *uncertain : *failed;
    const auto cause_text = cause.reply->error().to_text();
    const std::string advice =
        has_batch_id ? "; repeat the batch with the same batch_id"
                     : "; read the rows back, or repeat the batch: the same rows again do no harm";
    if (uncertain != nullptr)
        return make_error(ErrorCode::unknown_outcome,
                          "partitions written: " + (written.empty() ? "none" : written) +
                              "; not known of: " + missing + " (" + cause_text + ")" + advice);
    if (written.empty()) return share_error(*failed);
    return make_error(ErrorCode::partial, "partitions written: " + written + "; not written: " + missing +
                                              " (" + cause_text + ")" + advice);
}

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
    co_return combine(shares, batch_id.has_value());
}

}  // namespace dl::master
