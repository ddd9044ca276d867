// Threads and sockets of the product, as the simulation has them: these definitions take the place of those
// in the libraries (the linker takes the first).
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "common/async/worker_pool.h"
#include "common/net/connection.h"
#include "common/rpc/rpc_client.h"
#include "slave/server/retry_thread.h"
#include "tests/sim/call.h"
#include "tests/sim/fiber.h"
#include "tests/sim/world.h"

namespace dl {

namespace asio = boost::asio;
using sim::World;

struct WorkerPool::State : sim::Pool {};

WorkerPool::WorkerPool(std::string, std::size_t threads, int) : state_(std::make_unique<State>()) {
    auto* const world = World::get();
    state_->threads = threads;
    state_->process = world->current;
    if (state_->process != nullptr) state_->process->pools.push_back(state_.get());
}

WorkerPool::~WorkerPool() {
    stop();
    if (state_->process != nullptr) std::erase(state_->process->pools, static_cast<sim::Pool*>(state_.get()));
}

bool WorkerPool::post(std::function<void()> work) {
    if (state_->stopping || state_->process == nullptr || state_->process->dead) return false;
    state_->queue.push_back(std::move(work));
    return true;
}

void WorkerPool::stop() {
    state_->stopping = true;
    while (!state_->queue.empty() || state_->running > 0) {
        auto* const fiber = sim::Fiber::current();
        if (fiber == nullptr) {
            World::get()->run_a_fiber();
            continue;
        }
        fiber->awaited = static_cast<sim::Pool*>(state_.get());
        fiber->state = sim::Fiber::State::waiting;
        fiber->pause();
    }
}

std::size_t WorkerPool::queued() const {
    return state_->queue.size();
}

namespace slave {

void RetryThread::tick(std::function<bool()> work) {
    const auto state = state_.lock();
    if (state->stopped || state->running) return;
    if (state->ticks_to_wait > 0) {
        --state->ticks_to_wait;
        return;
    }
    state->running = true;
    World::get()->current->spawn([this, todo = std::move(work)] {
        const bool done = todo();
        const auto ended = state_.lock();
        ended->running = false;
        ended->ticks_to_wait = done ? 0 : 3;
    });
}

void RetryThread::stop() {
    for (;;) {
        {
            const auto state = state_.lock();
            state->stopped = true;
            if (!state->running) return;
        }
        const timespec briefly{0, 1'000'000};
        ::nanosleep(&briefly, nullptr);
    }
}

}  // namespace slave

namespace rpc {
namespace {

class CollectedStream final : public RpcStream {
  public:
    explicit CollectedStream(RpcReply reply) : reply_(std::move(reply)) {}
    asio::awaitable<Result<std::optional<SharedBytes>>> next(Deadline) override {
        if (at_ < reply_.data.size()) co_return std::optional<SharedBytes>(reply_.data[at_++]);
        co_return std::optional<SharedBytes>();
    }
    const std::string& end_json() const override { return reply_.end_json; }
    bool lost() const override { return false; }

  private:
    RpcReply reply_;
    std::size_t at_ = 0;
};

class SimulatedClient final : public RpcClient {
  public:
    explicit SimulatedClient(std::string address) : address_(std::move(address)) {}
    const std::string& address() const override { return address_; }
    bool reachable() const override { return reachable_; }

    asio::awaitable<Result<RpcReply>> call(Method method, std::string json,
                                           std::vector<SharedBytes> attachments, Deadline deadline,
                                           CallTrace* trace) override {
        const auto call = std::make_shared<sim::Call>();
        call->address = address_;
        call->method = method;
        call->json = std::move(json);
        std::string body;
        for (const auto& one : attachments)
            body += one.view();
        call->attachment = SharedBytes::from_string(std::move(body));
        World::get()->begin_call(call);
        (void)co_await call->answered->wait(deadline);
        if (!call->result) {
            const bool late = std::chrono::steady_clock::now() >= deadline;
            World::get()->abandon(call);
            if (trace != nullptr) *trace = call->trace;
            co_return make_error(late ? ErrorCode::timeout : ErrorCode::cancelled,
                                 "slave " + address_ + " has not answered in time");
        }
        reachable_ = call->result->has_value() || call->trace.sent;
        if (call->result->has_error() && trace != nullptr) *trace = call->trace;
        co_return std::move(*call->result);
    }

    asio::awaitable<Result<std::unique_ptr<RpcStream>>> open(Method method, std::string json,
                                                             std::vector<SharedBytes> attachments,
                                                             Deadline deadline, CallTrace* trace) override {
        auto reply = co_await call(method, std::move(json), std::move(attachments), deadline, trace);
        if (reply.has_error()) co_return std::move(reply).error();
        co_return std::unique_ptr<RpcStream>(new CollectedStream(std::move(*reply)));
    }

  private:
    const std::string address_;
    bool reachable_ = true;
};

}  // namespace

std::shared_ptr<RpcClient> RpcClient::create(asio::any_io_executor, std::string address, RpcClientOptions) {
    return std::make_shared<SimulatedClient>(std::move(address));
}

}  // namespace rpc

namespace net {

// Of who wants to know whether somebody listens.
asio::awaitable<Result<Connection>> connect(std::string address, Deadline deadline, MakeTransport) {
    auto* const world = World::get();
    auto* const target = world->host_at(address);
    const auto& source = world->current->host;
    const bool open = target != nullptr && target->powered && !world->is_cut(source, *target) &&
                      !world->is_cut(*target, source);
    asio::steady_timer timer(co_await asio::this_coro::executor);
    if (open)
        timer.expires_after(std::chrono::microseconds(2 * world->latency()));
    else
        timer.expires_at(deadline);
    co_await timer.async_wait(asio::use_awaitable);
    if (!open) co_return make_error(ErrorCode::timeout, "cannot connect to " + address + ": timed out");
    const auto& process = target->process;
    if (process == nullptr || process->dead)
        co_return make_error(ErrorCode::unavailable,
                             "cannot connect to " + address + ": " +
                                 boost::system::error_code(asio::error::connection_refused).message());
    co_return Connection();
}

}  // namespace net
}  // namespace dl
