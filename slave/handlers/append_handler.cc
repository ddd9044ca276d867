#include <mutex>
#include <optional>

#include "common/async/async_event.h"
#include "common/async/run_on.h"
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

// All good: the offsets. All failed with nothing done: the first error. Else what holds is spelled out by
// partition.
Result<std::string> outcome(const AppendPlan& plan, const Answers& answers) {
    std::string offsets, done, failed;
    const Error* first_error = nullptr;
    const Error* unclear = nullptr;
    bool duplicate = true;
    for (std::size_t i = 0; i < plan.parts.size(); ++i) {
        const auto name = std::to_string(plan.parts[i].id.value);
        const auto& ack = *answers.acks[i];
        if (ack.has_error()) {
            if (first_error == nullptr) first_error = &ack.error();
            if (error_outcome(ack.error().code) != Outcome::nothing_done) unclear = &ack.error();
            failed += (failed.empty() ? "" : "; ") + name + " (" + ack.error().to_text() + ")";
            continue;
        }
        duplicate = duplicate && ack->duplicate;
        done += (done.empty() ? "" : ", ") + name;
        offsets += (offsets.empty() ? "\"" : ",\"") + name + "\":[" + std::to_string(ack->first) + "," +
                   std::to_string(ack->last) + "]";
    }
    if (first_error == nullptr)
        return "{\"offsets\":{" + offsets + "},\"duplicate\":" + (duplicate ? "true" : "false") + "}";
    if (!done.empty())
        return make_error(ErrorCode::partial, "table " + plan.table->name + ": partitions " + done +
                                                  " were written, not partitions " + failed);
    if (plan.parts.size() == 1 || unclear == nullptr)
        return make_error(first_error->code, "table " + plan.table->name + ", partition " +
                                                 std::to_string(plan.parts.front().id.value) + ": " +
                                                 first_error->message);
    return make_error(ErrorCode::unknown_outcome, "table " + plan.table->name + ": partitions " + failed);
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
        co_return outcome(*plan, *answers);
    };
}

}  // namespace dl::slave
