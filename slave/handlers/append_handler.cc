#include <mutex>
#include <optional>

#include "common/async/async_event.h"
#include "common/async/run_on.h"
#include "common/base/check.h"
#include "common/rpc/messages/append_messages.h"
#include "slave/handlers/append_planner.h"
#include "slave/handlers/handlers.h"

namespace dl::slave {
namespace {

// Larger requests are checked on the work pool, so that other sessions of the loop do not wait.
constexpr std::size_t kCheckInlineBytes = 128u << 10;

// Where the partitions' answers meet; outlives the request when its peer has gone.
struct Answers {
    explicit Answers(std::size_t parts) : left(parts) { acks.resize(parts); }
    std::mutex mutex;
    std::size_t left;
    std::vector<std::optional<Result<AppendAck>>> acks;
    AsyncEvent all_there;

    void put(std::size_t index, Result<AppendAck> ack) {
        {
            std::lock_guard lock(mutex);
            DL_CHECK(left > 0 && !acks[index], "every partition of an append answers once");
            acks[index].emplace(std::move(ack));
            if (--left != 0) return;
        }
        all_there.set();
    }
};

std::shared_ptr<Answers> start_appends(AppendPlan& plan) {
    auto answers = std::make_shared<Answers>(plan.parts.size());
    for (std::size_t i = 0; i < plan.parts.size(); ++i)
        plan.parts[i].partition->append(
            std::move(plan.parts[i].request),
            [answers, i](Result<AppendAck> ack) { answers->put(i, std::move(ack)); });
    return answers;
}

rpc::AppendReply outcome(const AppendPlan& plan, const Answers& answers) {
    rpc::AppendReply reply;
    reply.partitions.reserve(plan.parts.size());
    for (std::size_t i = 0; i < plan.parts.size(); ++i) {
        auto& result = reply.partitions.emplace_back();
        result.partition = plan.parts[i].id;
        DL_CHECK(answers.acks[i], "an append is answered when all its partitions are");
        const auto& ack = *answers.acks[i];
        if (ack.has_error())
            result.error = ack.error();
        else
            result.appended = rpc::Appended{ack->first, ack->last, ack->duplicate};
        DL_CHECK(ack.has_error() || ack->first <= ack->last, "INV-2 an append has offsets");
    }
    return reply;
}

}  // namespace

rpc::RpcHandler make_append_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        Result<AppendPlan> plan = make_error(ErrorCode::internal, "not planned");
        if (call.attachment().size() <= kCheckInlineBytes) {
            plan = plan_append(*context.tables, call.json(), call.attachment());
        } else {
            // The call outlives the wait: a handler is not destroyed while it waits for the pool.
            auto work = [tables = context.tables, &call] {
                return plan_append(*tables, call.json(), call.attachment());
            };
            plan = co_await run_on(*context.work_pool, work);
        }
        if (plan.has_error()) co_return std::move(plan).error();
        const auto answers = start_appends(*plan);
        const bool complete = co_await answers->all_there.wait(std::chrono::steady_clock::time_point::max());
        if (!complete)
            co_return make_error(ErrorCode::unknown_outcome,
                                 "the peer went away while the append was under way");
        co_return rpc::encode(outcome(*plan, *answers));
    };
}

}  // namespace dl::slave
