#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "tests/sim/call.h"
#include "tests/sim/world.h"

namespace dl::sim {
namespace {

constexpr Micros kConnectTimeout = 2'000'000;

bool changes_something(rpc::Method method) {
    using rpc::Method;
    return method == Method::append || method == Method::compress || method == Method::create_table ||
           method == Method::drop_table || method == Method::update_table;
}

// What may come twice: all that says which one it is, or that is the same each time.
bool may_come_twice(rpc::Method method) {
    return method != rpc::Method::append && method != rpc::Method::create_table;
}

}  // namespace

class ServedCall final : public rpc::RpcCall, public std::enable_shared_from_this<ServedCall> {
  public:
    ServedCall(std::shared_ptr<Call> call, std::uint64_t number) : call_(std::move(call)), number_(number) {}
    std::string_view json() const override { return call_->json; }
    const SharedBytes& attachment() const override { return call_->attachment; }
    boost::asio::awaitable<Result<void>> send_data(std::string_view bytes) override {
        data.push_back(SharedBytes::from_string(std::string(bytes)));
        co_return gone();
    }
    boost::asio::awaitable<Result<void>> send_data(std::vector<SharedBytes> parts) override {
        data.push_back(joined(parts));
        co_return gone();
    }
    boost::asio::awaitable<Result<void>> send_frames(std::vector<SharedBytes> frames) override {
        send_with_end(std::move(frames));
        co_return gone();
    }
    void send_with_end(std::vector<SharedBytes> frames) override {
        for (const auto& frame : frames)
            data.push_back(SharedBytes::from_string(std::string(frame.view())));
    }
    void send_with_end(std::vector<std::vector<SharedBytes>> frames) override {
        for (const auto& frame : frames)
            data.push_back(joined(frame));
    }
    bool cancelled() const override { return cancelled_; }
    void on_cancel(std::function<void()> callback) override {
        on_cancel_ = std::move(callback);
        if (cancelled_ && on_cancel_) on_cancel_();
    }
    std::uint64_t connection_id() const override { return number_; }

    // The peer has gone.
    void cancel() {
        if (std::exchange(cancelled_, true) || ended) return;
        if (on_cancel_) on_cancel_();
        signal.emit(boost::asio::cancellation_type::terminal);
    }
    boost::asio::cancellation_signal signal;
    std::vector<SharedBytes> data;
    bool ended = false;

  private:
    static SharedBytes joined(const std::vector<SharedBytes>& parts) {
        std::string all;
        for (const auto& part : parts)
            all += part.view();
        return SharedBytes::from_string(std::move(all));
    }
    Result<void> gone() const {
        if (!cancelled_) return {};
        return make_error(ErrorCode::unavailable, "connection closed by the caller");
    }
    std::shared_ptr<Call> call_;
    const std::uint64_t number_;
    std::function<void()> on_cancel_;
    bool cancelled_ = false;
};

void World::begin_call(const std::shared_ptr<Call>& call) {
    call->from = current->host.process;
    std::erase_if(calls_, [](const auto& one) {
        const auto known = one.lock();
        return known == nullptr || known->ended();
    });
    calls_.push_back(call);
    auto* const target = host_at(call->address);
    auto& source = call->from->host;
    const auto unreachable = [this, call] {
        fail(call,
             make_error(ErrorCode::unavailable, "slave " + call->address + " cannot be reached: timed out"),
             false);
    };
    if (target == nullptr || !target->powered) return after(kConnectTimeout, unreachable);
    if (is_cut(source, *target) || is_cut(*target, source)) {
        // A connection that is there already takes the request, and nobody hears of it.
        const bool connects = chance(0.6) || is_cut(source, *target);
        if (connects && chance(0.7)) return after(kConnectTimeout, unreachable);
        call->trace.sent = true;
        if (is_cut(source, *target)) {
            // What was sent may still arrive when the line is whole again.
            if (chance(0.5)) return;
            auto again = std::make_shared<std::function<void()>>();
            *again = [this, call, target, &source, again] {
                if (call->ended() && chance(0.5)) return;
                if (is_cut(source, *target)) return after(200'000, *again);
                serve(call, true);
            };
            return after(200'000, *again);
        }
    }
    const bool breaks = chance(manners.loss_share);
    after(latency(), [this, call, breaks] {
        if (breaks && chance(0.5))
            return fail(call, make_error(ErrorCode::unavailable, "the connection broke"), true);
        serve(call, true);
        if (breaks)
            after(latency(), [this, call] {
                fail(call, make_error(ErrorCode::unavailable, "the connection broke"), true);
            });
    });
    if (may_come_twice(call->method) && chance(manners.duplicate_share))
        after(latency() + below(300'000), [this, call] { serve(call, false); });
}

void World::serve(const std::shared_ptr<Call>& call, bool is_first) {
    auto* const target = host_at(call->address);
    const auto to = target->process;
    if (to == nullptr || to->dead || !target->powered || (to->handlers.empty() && !to->paused)) {
        if (!is_first || !target->powered) return;
        after(latency(), [this, call] {
            fail(call,
                 make_error(ErrorCode::unavailable, "slave " + call->address + " cannot be reached: refused"),
                 false);
        });
        return;
    }
    if (to->paused) {
        to->backlog.push_back([this, call, is_first] { serve(call, is_first); });
        return;
    }
    if (is_first) {
        // Its caller has closed the connection; whether the request was read before nobody knows.
        if (call->ended() && chance(0.5)) return;
        call->trace.sent = true;
        call->to = to;
    }
    const auto handler = to->handlers.find(call->method);
    if (handler == to->handlers.end()) return;
    const auto served = std::make_shared<ServedCall>(call, next_event_);
    if (is_first) call->served = served;
    run_as(*to, [&] {
        auto run = [served, handle = handler->second]() -> boost::asio::awaitable<Result<std::string>> {
            co_await boost::asio::this_coro::throw_if_cancelled(false);
            auto end = co_await handle(*served);
            co_return end;
        };
        auto ended = [this, call, served, is_answer = is_first, to](std::exception_ptr thrown,
                                                                    Result<std::string> end) {
            served->ended = true;
            if (!is_answer) return;
            if (thrown) end = make_error(ErrorCode::internal, "a handler threw");
            if (end.has_error()) return reply(call, std::move(end).error());
            if (this->answered) this->answered(to->host, call->method, call->json, *end);
            rpc::RpcReply whole;
            whole.end_json = std::move(*end);
            whole.data = std::move(served->data);
            reply(call, std::move(whole));
        };
        boost::asio::co_spawn(to->io, std::move(run),
                              boost::asio::bind_cancellation_slot(served->signal.slot(), std::move(ended)));
    });
}

void World::reply(const std::shared_ptr<Call>& call, Result<rpc::RpcReply> result) {
    auto shared = std::make_shared<Result<rpc::RpcReply>>(std::move(result));
    auto deliver = std::make_shared<std::function<void()>>();
    *deliver = [this, call, shared, deliver] {
        if (call->ended() || call->from->dead) return;
        if (is_cut(call->to->host, call->from->host)) return after(150'000, *deliver);
        if (call->from->paused) {
            call->from->backlog.push_back(*deliver);
            return;
        }
        call->result.emplace(std::move(*shared));
        run_as(*call->from, [&] { call->answered->set(); });
    };
    after(latency(), *deliver);
}

void World::fail(const std::shared_ptr<Call>& call, Error error, bool lost) {
    if (call->ended() || call->from->dead) return;
    if (call->from->paused) {
        call->from->backlog.push_back([this, call, error, lost] { fail(call, error, lost); });
        return;
    }
    if (lost) {
        call->trace.sent = true;
        call->trace.lost = true;
        if (changes_something(call->method)) error.code = ErrorCode::unknown_outcome;
    } else {
        call->trace = {};
    }
    call->result.emplace(std::move(error));
    run_as(*call->from, [&] { call->answered->set(); });
    if (call->served != nullptr) abandon(call);
}

void World::abandon(const std::shared_ptr<Call>& call) {
    if (!call->result) call->given_up = true;
    after(latency(), [this, call] {
        if (call->served == nullptr || call->to == nullptr || !call->to->runs()) return;
        if (is_cut(call->from->host, call->to->host)) return;
        run_as(*call->to, [&] { call->served->cancel(); });
    });
}

void World::break_connections(const Host& one, const Host& other) {
    for (const auto& known : calls_) {
        const auto call = known.lock();
        if (call == nullptr || call->ended() || call->to == nullptr) continue;
        const auto* from = &call->from->host;
        const auto* to = &call->to->host;
        const bool between = (from == &one && to == &other) || (from == &other && to == &one);
        if (!between) continue;
        after(latency(), [this, call] {
            if (is_cut(call->to->host, call->from->host)) return;
            if (call->from->dead) return abandon(call);
            fail(call, make_error(ErrorCode::unavailable, "the connection broke"), true);
        });
    }
}

}  // namespace dl::sim
