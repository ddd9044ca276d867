#include "master/routing/slave_call.h"

#include <algorithm>
#include <utility>

#include "common/async/pause.h"
#include "common/base/limits.h"
#include "common/rpc/messages/table_messages.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPauseFirst{20};
constexpr milliseconds kPauseMax{500};

}  // namespace

SlaveCall::SlaveCall(const RouteTable& routes, RetryOptions options, std::vector<TablePtr> tables,
                     LostAnswer lost, rpc::Deadline deadline, rpc::Deadline ask_until)
    : routes_(routes),
      tables_(std::move(tables)),
      lost_answer_(lost),
      deadline_(deadline),
      wait_until_(std::min(deadline, steady_clock::now() + options.slave_wait)),
      ask_until_(std::min(deadline, ask_until)),
      pause_(kPauseFirst) {}

asio::awaitable<Result<void>> SlaveCall::settle(const Route& route, Error error, rpc::CallTrace trace) {
    const bool is_over = error.code == ErrorCode::timeout || error.code == ErrorCode::cancelled;
    const bool is_lost = trace.lost && !is_over;
    if (is_lost && lost_answer_ == LostAnswer::is_asked_for) lost_ = error;
    if (error.code == ErrorCode::schema_mismatch && !schema_sent_) {
        schema_sent_ = true;
        auto told = co_await tell(route);
        if (told.has_error()) co_return final_error(std::move(told).error());
        co_return Result<void>();
    }
    const bool may_be_elsewhere =
        error.code == ErrorCode::not_leader || is_lost ||
        (error.code == ErrorCode::unavailable && lost_answer_ != LostAnswer::is_an_error);
    if (may_be_elsewhere && have_copies()) co_return make_error(ErrorCode::not_leader, error.message);
    if (error.code == ErrorCode::not_leader) {
        const bool in_time = co_await pause(wait_until_);
        if (!in_time) co_return final_error(std::move(error));
        // Either the route that is taken next is another one, or the slave has not heard of its leadership.
        auto told = co_await tell(route);
        if (told.has_error()) co_return final_error(std::move(told).error());
        co_return Result<void>();
    }
    const bool not_sent = error.code == ErrorCode::unavailable && !trace.sent;
    if (!not_sent && !(is_lost && lost_answer_ != LostAnswer::is_an_error))
        co_return final_error(std::move(error));
    const bool again = co_await pause(lost_ ? ask_until_ : wait_until_);
    if (!again) co_return final_error(std::move(error));
    co_return Result<void>();
}

asio::awaitable<Result<void>> SlaveCall::tell(const Route& route) {
    for (const auto& table : tables_) {
        const auto placement = routes_.catalog().placement(table->id);
        const auto epochs = placement == nullptr ? LeaderEpochs() : unassigned_epochs(*placement, route.node);
        const rpc::UpdateTableRequest request{*table, rpc::partition_epochs(epochs)};
        DL_CO_TRY(co_await route.slave->call(rpc::Method::update_table, rpc::encode(request), {}, deadline_));
    }
    co_return Result<void>();
}

bool SlaveCall::have_copies() const {
    return std::any_of(tables_.begin(), tables_.end(), [&](const TablePtr& table) {
        const auto placement = routes_.catalog().placement(table->id);
        return placement != nullptr && has_copies(*placement);
    });
}

asio::awaitable<bool> SlaveCall::pause(rpc::Deadline until) {
    const bool in_time = co_await pause_before(until, pause_);
    pause_ = std::min(pause_ * 2, kPauseMax);
    co_return in_time;
}

Error SlaveCall::final_error(Error error) const {
    if (!lost_) return error;
    return make_error(ErrorCode::unknown_outcome,
                      lost_->message + "; repeat the batch with the same batch_id to find out");
}

}  // namespace dl::master
