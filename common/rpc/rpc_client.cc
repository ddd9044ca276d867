#include "common/rpc/rpc_client.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <mutex>

#include "common/base/log.h"
#include "common/net/byte_budget.h"
#include "common/net/connection.h"
#include "common/rpc/frame_codec.h"

namespace dl::rpc {
namespace {

// A caller waits out a back-off that ends so soon; longer ones fail at once.
constexpr std::chrono::milliseconds kBackoffWaitMax{250};
// Beside RpcClientOptions::connections_max, which is of requests that work: `wait` costs a connection only
// and what asks for a slave's health takes no time, and neither may keep the others from a connection.
// Together below the connections that a slave allows (slave.connections.max).
constexpr std::size_t kWaitsPerConnection = 6;
constexpr std::size_t kControlsMax = 16;

namespace asio = boost::asio;
using net::Connection;
using Clock = std::chrono::steady_clock;

// Idle connections of one event loop: used on that loop only, so that no reply crosses threads.
using IdleByLoop = std::map<const asio::execution_context*, std::vector<Connection>>;

const asio::execution_context* loop_of(const asio::any_io_executor& executor) {
    return &asio::query(executor, asio::execution::context);
}

struct Leased {
    Connection connection;
    net::ByteBudget::Share slot;
    bool pooled = false;
};

class Client final : public RpcClient, public std::enable_shared_from_this<Client> {
  public:
    Client(std::string address, RpcClientOptions options)
        : address_(std::move(address)),
          options_(options),
          slots_(options.connections_max),
          waits_(options.connections_max * kWaitsPerConnection),
          controls_(kControlsMax) {}

    ~Client() override {
        // Connections die on their own loops.
        for (auto& [loop, connections] : idle_)
            for (auto& connection : connections) {
                auto executor = connection.executor();
                asio::post(executor, [dying = std::move(connection)]() mutable { dying.close(); });
            }
    }

    const std::string& address() const override { return address_; }
    bool reachable() const override { return reachable_.load(); }

    asio::awaitable<Result<RpcReply>> call(Method method, std::string json,
                                           std::vector<SharedBytes> attachments, Deadline deadline,
                                           CallTrace* trace) override;
    asio::awaitable<Result<std::unique_ptr<RpcStream>>> open(Method method, std::string json,
                                                             std::vector<SharedBytes> attachments,
                                                             Deadline deadline, CallTrace* trace) override;

    // The request on a pooled or new connection; nothing was done when it fails.
    asio::awaitable<Result<Leased>> send(Method method, const std::string& json,
                                         const std::vector<SharedBytes>& attachments, bool fresh,
                                         Deadline deadline);
    void give_back(Leased leased);

    std::size_t reply_bytes_max() const { return options_.reply_bytes_max; }
    // What a connection error after sending means for the caller.
    Error lost(Method method, const Error& error) const;

  private:
    std::optional<Connection> take_idle(const asio::any_io_executor& executor);
    asio::awaitable<Result<Connection>> connect_now(Deadline deadline);
    // What bounds the connections of such requests.
    asio::awaitable<Result<net::ByteBudget::Share>> take_slot(Method method, Deadline deadline);

    const std::string address_;
    const RpcClientOptions options_;
    net::ByteBudget slots_, waits_, controls_;
    std::atomic<bool> reachable_{true};
    std::mutex mutex_;
    IdleByLoop idle_;
    std::size_t idle_count_ = 0;
    std::chrono::milliseconds backoff_{0};
    Clock::time_point retry_at_{};
    std::string last_failure_;
};

// Reads the frames of one reply.
class Stream final : public RpcStream {
  public:
    Stream(std::shared_ptr<Client> client, Method method, Leased leased)
        : client_(std::move(client)), method_(method), leased_(std::move(leased)) {}

    asio::awaitable<Result<std::optional<SharedBytes>>> next(Deadline deadline) override {
        co_await asio::this_coro::throw_if_cancelled(false);
        if (ended_) co_return std::optional<SharedBytes>{};
        auto frame = co_await next_frame(deadline);
        if (frame.has_error()) {
            leased_.reset();  // closes the connection unless it went back to the pool
            co_return std::move(frame).error();
        }
        co_return std::move(*frame);
    }
    const std::string& end_json() const override { return end_json_; }
    bool started() const { return started_; }  // a byte of the reply was seen
    bool lost() const override { return lost_; }
    bool pooled() const { return pooled_; }

  private:
    asio::awaitable<Result<std::optional<SharedBytes>>> next_frame(Deadline deadline) {
        if (!leased_)
            co_return make_error(ErrorCode::unavailable,
                                 "the reply of slave " + client_->address() + " failed before");
        pooled_ = leased_->pooled;
        auto& connection = leased_->connection;
        FrameHeaderBytes bytes;
        const auto read = co_await connection.read_exactly(bytes.data(), bytes.size(), deadline);
        if (read.has_error()) co_return fail(read.error());
        started_ = true;
        auto header = decode_frame_header(bytes, client_->reply_bytes_max());
        if (header.has_error()) co_return fail(header.error());
        auto payload = co_await connection.read_body(header->payload_bytes, net::TransferLimits{}, deadline);
        if (payload.has_error()) co_return fail(payload.error());
        switch (static_cast<ReplyType>(header->type)) {
            case ReplyType::data:
                co_return std::optional<SharedBytes>(std::move(*payload));
            case ReplyType::end:
                ended_ = true;
                end_json_ = payload->view();
                release();
                co_return std::optional<SharedBytes>{};
            case ReplyType::error: {
                auto error = Error::from_text(payload->view());
                release();
                co_return error;
            }
        }
        co_return fail(make_error(ErrorCode::internal, "unknown frame type " + std::to_string(header->type)));
    }

    Error fail(const Error& error) {
        lost_ = true;
        return client_->lost(method_, error);
    }
    void release() {
        client_->give_back(std::move(*leased_));
        leased_.reset();
    }

    std::shared_ptr<Client> client_;
    Method method_;
    std::optional<Leased> leased_;
    std::string end_json_;
    bool ended_ = false;
    bool started_ = false;
    bool lost_ = false;
    bool pooled_ = false;
};

Error Client::lost(Method method, const Error& error) const {
    const auto what = "slave " + address_ + ": " + method_name(method);
    if (error.code == ErrorCode::timeout)
        return make_error(ErrorCode::timeout, what + " did not finish in time");
    if (changes_state(method))
        return make_error(
            ErrorCode::unknown_outcome,
            what + " lost its connection before the answer (" + error.message + ")" +
                (method == Method::append ? "; it may have been done, repeat it with the same batch id"
                                          : ""));
    if (error.code == ErrorCode::cancelled) return make_error(ErrorCode::cancelled, what + " was cancelled");
    if (error.code == ErrorCode::unavailable)
        return make_error(ErrorCode::unavailable, what + " lost its connection: " + error.message);
    return error.in(what);
}

std::optional<Connection> Client::take_idle(const asio::any_io_executor& executor) {
    for (;;) {
        std::optional<Connection> taken;
        {
            std::lock_guard lock(mutex_);
            const auto found = idle_.find(loop_of(executor));
            if (found == idle_.end() || found->second.empty()) return std::nullopt;
            taken.emplace(std::move(found->second.back()));
            found->second.pop_back();
            --idle_count_;
        }
        if (taken->idle_and_open()) return taken;
    }
}

void Client::give_back(Leased leased) {
    std::lock_guard lock(mutex_);
    if (idle_count_ >= options_.idle_connections_max) return;
    idle_[loop_of(leased.connection.executor())].push_back(std::move(leased.connection));
    ++idle_count_;
}

asio::awaitable<Result<Connection>> Client::connect_now(Deadline deadline) {
    auto now = Clock::now();
    Clock::time_point retry_at;
    Error refused;
    {
        std::lock_guard lock(mutex_);
        retry_at = retry_at_;
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(retry_at_ - now).count();
        refused = make_error(ErrorCode::unavailable,
                             "slave " + last_failure_ + " (next try in " + std::to_string(left + 1) + " ms)");
    }
    if (now < retry_at) {
        // A short wait costs the caller less than an error: both programs may just be starting.
        if (retry_at - now > kBackoffWaitMax || retry_at >= deadline) co_return refused;
        asio::steady_timer timer(co_await asio::this_coro::executor, retry_at);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        now = Clock::now();
    }
    const auto until = std::min(deadline, now + options_.connect_timeout);
    auto connected = co_await net::connect(address_, until);
    std::lock_guard lock(mutex_);
    if (connected.has_value()) {
        if (!reachable_.exchange(true))
            log_info("rpc.client", "slave is reachable again", {{"slave", address_}});
        backoff_ = std::chrono::milliseconds{0};
        retry_at_ = {};
        co_return std::move(*connected);
    }
    if (connected.error().code != ErrorCode::unavailable) co_return std::move(connected).error();
    if (reachable_.exchange(false))
        log_warn("rpc.client", "slave cannot be reached",
                 {{"slave", address_}, {"error", connected.error().message}});
    // Failures of attempts that began before the current back-off do not lengthen it.
    if (now >= retry_at_) {
        backoff_ =
            backoff_.count() == 0 ? options_.backoff_first : std::min(backoff_ * 2, options_.backoff_max);
        retry_at_ = Clock::now() + backoff_;
    }
    last_failure_ = connected.error().message;
    co_return make_error(ErrorCode::unavailable, "slave " + connected.error().message);
}

asio::awaitable<Result<net::ByteBudget::Share>> Client::take_slot(Method method, Deadline deadline) {
    if (method == Method::wait) {
        // Not in a queue: who would wait for a place to wait can ask again as well.
        auto place = waits_.try_acquire(1);
        if (place.bytes() == 0)
            co_return make_error(ErrorCode::overloaded, "as many clients as may (" +
                                                            std::to_string(waits_.total()) +
                                                            ") wait for records of slave " + address_ +
                                                            " already; ask again later, or without waiting");
        co_return std::move(place);
    }
    const bool control = method == Method::ping || method == Method::register_node ||
                         method == Method::inventory || method == Method::heartbeat ||
                         method == Method::assign_replicas;
    auto& slots = control ? controls_ : slots_;
    auto slot = slots.try_acquire(1);
    if (slot.bytes() > 0) co_return std::move(slot);
    auto granted = co_await slots.acquire(1, deadline);
    if (granted.has_error())
        co_return make_error(granted.error().code, "all " + std::to_string(slots.total()) +
                                                       " connections to slave " + address_ + " stayed busy");
    co_return granted;
}

asio::awaitable<Result<Leased>> Client::send(Method method, const std::string& json,
                                             const std::vector<SharedBytes>& attachments, bool fresh,
                                             Deadline deadline) {
    std::size_t attached = 0;
    for (const auto& part : attachments)
        attached += part.size();
    if (json.size() > kRequestJsonBytesMax || attached > (std::size_t{1} << 31))
        co_return make_error(ErrorCode::limit_exceeded,
                             method_name(method) + " of " + std::to_string(json.size()) + " + " +
                                 std::to_string(attached) + " bytes is too large for one request");
    Leased leased;
    DL_CO_TRY_ASSIGN(leased.slot, co_await take_slot(method, deadline));
    const auto executor = co_await asio::this_coro::executor;
    const auto prefix = encode_request_prefix(method, json.size(), attached);
    std::vector<std::string_view> parts;
    parts.reserve(2 + attachments.size());
    parts.emplace_back(prefix.data(), prefix.size());
    parts.emplace_back(json);
    for (const auto& part : attachments)
        parts.push_back(part.view());
    for (;;) {
        auto idle = fresh ? std::nullopt : take_idle(executor);
        leased.pooled = idle.has_value();
        if (idle) {
            leased.connection = std::move(*idle);
        } else {
            DL_CO_TRY_ASSIGN(leased.connection, co_await connect_now(deadline));
        }
        auto written = co_await leased.connection.write(parts, net::TransferLimits{}, deadline);
        if (written.has_value()) co_return std::move(leased);
        // An incomplete frame is never acted on, so nothing was done.
        leased.connection.close();
        if (written.error().code != ErrorCode::unavailable || !leased.pooled)
            co_return written.error().in("slave " + address_ + ": " + method_name(method));
    }
}

asio::awaitable<Result<RpcReply>> Client::call(Method method, std::string json,
                                               std::vector<SharedBytes> attachments, Deadline deadline,
                                               CallTrace* trace) {
    co_await asio::this_coro::throw_if_cancelled(false);
    CallTrace unused;
    auto& traced = trace == nullptr ? unused : *trace;
    for (bool fresh = false;; fresh = true) {
        traced = {};
        DL_CO_TRY_ASSIGN(auto leased, co_await send(method, json, attachments, fresh, deadline));
        traced.sent = true;
        Stream stream(shared_from_this(), method, std::move(leased));
        RpcReply reply;
        std::size_t bytes = 0;
        bool again = false;
        for (;;) {
            auto frame = co_await stream.next(deadline);
            if (frame.has_error()) {
                // A pooled connection the slave closed at this very moment: nothing was lost but the
                // connection.
                again = !fresh && stream.lost() && !stream.started() && stream.pooled() &&
                        frame.error().code == ErrorCode::unavailable;
                if (again) break;
                traced.lost = stream.lost();
                co_return std::move(frame).error();
            }
            if (!frame->has_value()) {
                reply.end_json = stream.end_json();
                co_return std::move(reply);
            }
            bytes += (*frame)->size();
            if (bytes > options_.reply_bytes_max)
                co_return make_error(ErrorCode::limit_exceeded,
                                     "slave " + address_ + ": reply of " + method_name(method) +
                                         " is above the limit of " +
                                         std::to_string(options_.reply_bytes_max) + " bytes");
            reply.data.push_back(std::move(**frame));
        }
    }
}

asio::awaitable<Result<std::unique_ptr<RpcStream>>> Client::open(Method method, std::string json,
                                                                 std::vector<SharedBytes> attachments,
                                                                 Deadline deadline, CallTrace* trace) {
    co_await asio::this_coro::throw_if_cancelled(false);
    if (trace != nullptr) *trace = {};
    DL_CO_TRY_ASSIGN(auto leased, co_await send(method, json, attachments, false, deadline));
    if (trace != nullptr) trace->sent = true;
    co_return std::unique_ptr<RpcStream>(
        std::make_unique<Stream>(shared_from_this(), method, std::move(leased)));
}

}  // namespace

std::shared_ptr<RpcClient> RpcClient::create(asio::any_io_executor, std::string address,
                                             RpcClientOptions options) {
    return std::make_shared<Client>(std::move(address), options);
}

}  // namespace dl::rpc
