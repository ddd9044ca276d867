#include "common/rpc/rpc_server.h"

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <mutex>
#include <set>

#include "common/async/async_event.h"
#include "common/base/log.h"
#include "common/net/byte_budget.h"
#include "common/net/tcp_listener.h"
#include "common/rpc/frame_codec.h"

namespace dl::rpc {
namespace {

namespace asio = boost::asio;
using net::TcpConnection;

class Server;

// One connection. Its reader coroutine always has the next read pending, so that it sees the peer go while a
// handler runs; handlers run one at a time, as coroutines on the same loop.
class Session final : public std::enable_shared_from_this<Session> {
  public:
    Session(std::shared_ptr<Server> server, TcpConnection connection, net::SessionTicket ticket,
            std::uint64_t id)
        : server_(std::move(server)),
          connection_(std::move(connection)),
          ticket_(std::move(ticket)),
          id_(id) {}

    static asio::awaitable<void> read_requests(std::shared_ptr<Session> self);
    asio::any_io_executor executor() const { return connection_.executor(); }
    // On the session's loop: no further request; closes now when idle, else after the running one.
    void drain() {
        draining_ = true;
        if (!running_) connection_.close();
    }
    void close() { connection_.close(); }

  private:
    friend class Call;
    class Call;

    asio::awaitable<bool> read_request();
    static asio::awaitable<void> answer(std::shared_ptr<Session> self, std::shared_ptr<Call> call);
    asio::awaitable<void> refuse(Error error);
    asio::awaitable<Result<void>> write_frame(ReplyType type, std::span<const std::string_view> payload);
    void start(Method method, RequestPayload request, net::ByteBudget::Share share);
    void peer_gone();
    asio::awaitable<void> until_idle();

    std::shared_ptr<Server> server_;
    TcpConnection connection_;
    net::SessionTicket ticket_;
    const std::uint64_t id_;
    bool running_ = false;
    bool draining_ = false;
    std::shared_ptr<Call> call_;        // while running_
    std::unique_ptr<AsyncEvent> idle_;  // while the reader waits for the handler
    asio::cancellation_signal cancel_handler_;
};

class Session::Call final : public RpcCall {
  public:
    Call(Session& session, Method method, RequestPayload request, net::ByteBudget::Share share)
        : session_(session), method_(method), request_(std::move(request)), share_(std::move(share)) {}

    std::string_view json() const override { return request_.json.view(); }
    const SharedBytes& attachment() const override { return request_.attachment; }
    bool cancelled() const override { return cancelled_.load(std::memory_order_acquire); }
    std::uint64_t connection_id() const override { return session_.id_; }

    void on_cancel(std::function<void()> callback) override {
        if (cancelled() && callback)
            callback();
        else
            on_cancel_ = std::move(callback);
    }

    asio::awaitable<Result<void>> send_data(std::string_view bytes) override {
        const std::array<std::string_view, 1> parts{bytes};
        co_return co_await session_.write_frame(ReplyType::data, parts);
    }

    asio::awaitable<Result<void>> send_data(std::vector<SharedBytes> parts) override {
        std::vector<std::string_view> views;
        views.reserve(parts.size());
        for (const auto& part : parts)
            views.push_back(part.view());
        co_return co_await session_.write_frame(ReplyType::data, views);
    }

    asio::awaitable<Result<void>> send_frames(std::vector<SharedBytes> frames) override;
    void send_with_end(std::vector<SharedBytes> frames) override { last_frames_ = std::move(frames); }
    asio::awaitable<Result<void>> send_end(std::string_view json);

    Method method() const { return method_; }
    void cancel() {
        cancelled_.store(true, std::memory_order_release);
        if (auto callback = std::exchange(on_cancel_, nullptr)) callback();
    }
    void end() { on_cancel_ = nullptr; }

  private:
    Session& session_;
    const Method method_;
    const RequestPayload request_;
    std::vector<SharedBytes> last_frames_;
    net::ByteBudget::Share share_;
    std::atomic<bool> cancelled_{false};
    std::function<void()> on_cancel_;
};

class Server final : public RpcServer, public std::enable_shared_from_this<Server> {
  public:
    Server(std::shared_ptr<net::TcpListener> listener, std::map<Method, RpcHandler> handlers,
           RpcServerOptions options)
        : listener_(std::move(listener)),
          handlers_(std::move(handlers)),
          options_(std::move(options)),
          budget_(options_.requests_bytes_in_flight_max) {}

    void start(const asio::any_io_executor& own) {
        auto pick = options_.session_executor ? options_.session_executor : [own] { return own; };
        listener_->start(
            std::move(pick), [weak = weak_from_this()](TcpConnection connection, net::SessionTicket ticket) {
                auto self = weak.lock();
                if (!self) return;
                auto executor = connection.executor();
                auto session = std::make_shared<Session>(self, std::move(connection), std::move(ticket),
                                                         self->next_id_.fetch_add(1) + 1);
                if (!self->add(session)) return;
                asio::co_spawn(executor, Session::read_requests(session), asio::detached);
            });
    }

    std::uint16_t port() const override { return listener_->port(); }
    const RpcServerOptions& options() const { return options_; }
    net::ByteBudget& budget() { return budget_; }

    const RpcHandler* handler(Method method) const {
        const auto found = handlers_.find(method);
        return found == handlers_.end() ? nullptr : &found->second;
    }

    void remove(const std::shared_ptr<Session>& session) {
        std::lock_guard lock(mutex_);
        sessions_.erase(session);
        if (stopping_ && sessions_.empty()) gone_.set();
    }

    asio::awaitable<void> stop(std::chrono::milliseconds grace) override {
        auto self = shared_from_this();
        listener_->stop();
        for_each([](Session& session) { session.drain(); }, true);
        const bool gone = co_await gone_.wait(std::chrono::steady_clock::now() + grace);
        if (!gone) {
            for_each([](Session& session) { session.close(); }, false);
            (void)co_await gone_.wait(net::kNoDeadline);
        }
    }

  private:
    bool add(const std::shared_ptr<Session>& session) {
        std::lock_guard lock(mutex_);
        if (stopping_) return false;
        sessions_.insert(session);
        return true;
    }

    template <class Fn>
    void for_each(Fn fn, bool stopping) {
        std::lock_guard lock(mutex_);
        if (stopping) stopping_ = true;
        if (sessions_.empty()) gone_.set();
        for (const auto& session : sessions_)
            asio::post(session->executor(), [session, fn] { fn(*session); });
    }

    std::shared_ptr<net::TcpListener> listener_;
    const std::map<Method, RpcHandler> handlers_;
    const RpcServerOptions options_;
    net::ByteBudget budget_;
    std::atomic<std::uint64_t> next_id_{0};
    std::mutex mutex_;
    std::set<std::shared_ptr<Session>> sessions_;
    bool stopping_ = false;
    AsyncEvent gone_;
};

// Several frames as the parts of one write, which point into it and into what is added.
class GatheredFrames {
  public:
    explicit GatheredFrames(std::size_t frames_max) {
        headers_.reserve(frames_max);
        parts_.reserve(frames_max * 2);
    }
    void add(ReplyType type, std::string_view payload) {
        headers_.push_back(encode_frame_header(static_cast<std::uint8_t>(type), payload.size()));
        parts_.emplace_back(headers_.back().data(), headers_.back().size());
        parts_.push_back(payload);
    }
    std::span<const std::string_view> parts() const { return parts_; }

  private:
    std::vector<FrameHeaderBytes> headers_;
    std::vector<std::string_view> parts_;
};

asio::awaitable<Result<void>> Session::Call::send_frames(std::vector<SharedBytes> frames) {
    if (cancelled())
        co_return make_error(ErrorCode::unavailable, "peer " + session_.connection_.peer() + " has gone");
    GatheredFrames gathered(frames.size());
    for (const auto& frame : frames)
        gathered.add(ReplyType::data, frame.view());
    co_return co_await session_.connection_.write(gathered.parts(), session_.server_->options().transfer);
}

asio::awaitable<Result<void>> Session::Call::send_end(std::string_view json) {
    GatheredFrames gathered(last_frames_.size() + 1);
    for (const auto& frame : last_frames_)
        gathered.add(ReplyType::data, frame.view());
    gathered.add(ReplyType::end, json);
    co_return co_await session_.connection_.write(gathered.parts(), session_.server_->options().transfer);
}

asio::awaitable<void> Session::read_requests(std::shared_ptr<Session> self) {
    co_await asio::this_coro::throw_if_cancelled(false);
    for (bool more = true; more;)
        more = co_await self->read_request();
    self->peer_gone();
    co_await self->until_idle();
    self->connection_.close();
    self->server_->remove(self);
}

// False when the connection is at its end.
asio::awaitable<bool> Session::read_request() {
    auto there = co_await connection_.wait_for_bytes(net::kNoDeadline);
    if (there.has_error() || !*there) co_return false;
    co_await until_idle();  // a peer that sends ahead waits
    if (draining_) co_return false;

    const auto& options = server_->options();
    FrameHeaderBytes bytes;
    const auto head = co_await connection_.read_exactly(
        bytes.data(), bytes.size(), std::chrono::steady_clock::now() + options.transfer.stall);
    if (head.has_error()) co_return false;
    auto header = decode_frame_header(bytes, options.request_bytes_max);
    if (header.has_error()) {
        co_await refuse(header.error());
        co_return false;
    }
    net::ByteBudget::Share share;
    auto payload = co_await connection_.read_body(header->payload_bytes, options.transfer, net::kNoDeadline,
                                                  &server_->budget(), &share);
    if (payload.has_error()) {
        share.release();
        if (payload.error().code == ErrorCode::timeout) co_await refuse(payload.error());
        co_return false;
    }
    auto request = split_request(*payload);
    if (request.has_error()) {
        co_await refuse(request.error());
        co_return false;
    }
    if (!draining_) start(static_cast<Method>(header->type), std::move(*request), std::move(share));
    co_return true;
}

void Session::start(Method method, RequestPayload request, net::ByteBudget::Share share) {
    running_ = true;
    call_ = std::make_shared<Call>(*this, method, std::move(request), std::move(share));
    asio::co_spawn(connection_.executor(), answer(shared_from_this(), call_),
                   asio::bind_cancellation_slot(cancel_handler_.slot(), asio::detached));
}

asio::awaitable<void> Session::answer(std::shared_ptr<Session> self, std::shared_ptr<Call> call) {
    co_await asio::this_coro::throw_if_cancelled(false);
    Result<std::string> result = make_error(ErrorCode::internal, "not answered");
    if (const auto* handler = self->server_->handler(call->method()); handler == nullptr) {
        result =
            make_error(ErrorCode::not_supported, "this slave does not know " + method_name(call->method()));
    } else {
        try {
            result = co_await (*handler)(*call);
        } catch (const std::exception& exception) {
            log_error("rpc.server", "handler threw",
                      {{"method", method_name(call->method())}, {"what", exception.what()}});
            result =
                make_error(ErrorCode::internal, method_name(call->method()) + " failed: " + exception.what());
        }
    }
    call->end();
    if (!call->cancelled()) {
        Result<void> written;
        if (result.has_value()) {
            written = co_await call->send_end(*result);
        } else {
            const auto text = result.error().to_text();
            const std::array<std::string_view, 1> parts{std::string_view(text).substr(0, kErrorBytesMax)};
            written = co_await self->write_frame(ReplyType::error, parts);
        }
        if (written.has_error()) self->connection_.close();
    }
    self->call_ = nullptr;
    self->running_ = false;
    if (self->idle_) self->idle_->set();
    if (self->draining_) self->connection_.close();
}

asio::awaitable<Result<void>> Session::write_frame(ReplyType type,
                                                   std::span<const std::string_view> payload) {
    if (call_ && call_->cancelled())
        co_return make_error(ErrorCode::unavailable, "peer " + connection_.peer() + " has gone");
    std::size_t size = 0;
    for (const auto& part : payload)
        size += part.size();
    const auto header = encode_frame_header(static_cast<std::uint8_t>(type), size);
    std::vector<std::string_view> parts;
    parts.reserve(payload.size() + 1);
    parts.emplace_back(header.data(), header.size());
    parts.insert(parts.end(), payload.begin(), payload.end());
    co_return co_await connection_.write(parts, server_->options().transfer);
}

asio::awaitable<void> Session::refuse(Error error) {
    DL_LOG_LIMITED(5, LogLevel::warn, "rpc.server", "bad request, connection closed",
                   {"peer", connection_.peer()}, {"error", error});
    const auto frame = error_frame(error);
    const auto sent =
        co_await connection_.write(frame, net::TransferLimits{std::chrono::seconds(1), 1u << 20});
    if (sent.has_value()) co_await connection_.finish();
}

// The peer's end of the connection is closed: what runs for it ends early.
void Session::peer_gone() {
    if (!running_) return;
    const auto call = call_;
    call->cancel();
    connection_.close();  // a write that waits for the peer ends
    cancel_handler_.emit(asio::cancellation_type::terminal);
}

asio::awaitable<void> Session::until_idle() {
    if (!running_) co_return;
    idle_ = std::make_unique<AsyncEvent>();
    (void)co_await idle_->wait(net::kNoDeadline);
    idle_.reset();
}

}  // namespace

Result<std::shared_ptr<RpcServer>> RpcServer::listen(asio::any_io_executor executor,
                                                     const std::string& address,
                                                     std::map<Method, RpcHandler> handlers,
                                                     RpcServerOptions options) {
    net::ListenerOptions listening;
    listening.sessions_max = options.connections_max;
    listening.config_key = options.config_key;
    listening.refusal = error_frame(make_error(
        ErrorCode::overloaded, "this slave has " + std::to_string(options.connections_max) +
                                   " connections already (" + options.connections_config_key + ")"));
    auto listener = net::TcpListener::listen(executor, address, std::move(listening));
    if (listener.has_error()) return std::move(listener).error();
    auto server = std::make_shared<Server>(std::move(*listener), std::move(handlers), std::move(options));
    server->start(executor);
    return std::shared_ptr<RpcServer>(std::move(server));
}

}  // namespace dl::rpc
