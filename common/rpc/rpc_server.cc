#include "common/rpc/rpc_server.h"

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "common/async/async_event.h"
#include "common/base/log.h"
#include "common/net/byte_budget.h"
#include "common/net/session_server.h"
#include "common/rpc/frame_codec.h"

namespace dl::rpc {
namespace {

namespace asio = boost::asio;
using net::Connection;

// What all sessions of a server share.
struct Service {
    Service(std::map<Method, RpcHandler> all, RpcServerOptions with)
        : handlers(std::move(all)), options(std::move(with)), budget(options.requests_bytes_in_flight_max) {}

    const RpcHandler* handler(Method method) const {
        const auto found = handlers.find(method);
        return found == handlers.end() ? nullptr : &found->second;
    }

    const std::map<Method, RpcHandler> handlers;
    const RpcServerOptions options;
    mutable net::ByteBudget budget;  // thread-safe
};

// One connection. Its reader coroutine always has the next read pending, so that it sees the peer go while a
// handler runs; handlers run one at a time, as coroutines on the same loop.
class Session final : public net::Session, public std::enable_shared_from_this<Session> {
  public:
    Session(std::shared_ptr<const Service> service, Connection connection, net::SessionTicket ticket,
            std::uint64_t id)
        : ticket_(std::move(ticket)),
          service_(std::move(service)),
          connection_(std::move(connection)),
          id_(id) {}

    void start() override {
        asio::co_spawn(connection_.executor(), read_requests(shared_from_this()), asio::detached);
    }
    // Closes now when idle, else after the running request.
    void drain() override {
        draining_ = true;
        if (!running_) connection_.close();
    }
    void abort() override { connection_.close(); }

  private:
    friend class Call;
    class Call;

    static asio::awaitable<void> read_requests(std::shared_ptr<Session> self);
    asio::awaitable<bool> read_request();
    static asio::awaitable<void> answer(std::shared_ptr<Session> self, std::shared_ptr<Call> call);
    asio::awaitable<void> refuse(Error error);
    asio::awaitable<Result<void>> write_frame(ReplyType type, std::span<const std::string_view> payload);
    void start(Method method, RequestPayload request, net::ByteBudget::Share share);
    void answered(bool failed);
    void peer_gone();
    asio::awaitable<void> until_idle();

    const net::SessionTicket ticket_;
    const std::shared_ptr<const Service> service_;
    Connection connection_;
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
    void send_with_end(std::vector<std::vector<SharedBytes>> frames) override {
        last_frames_in_parts_ = std::move(frames);
    }
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
    std::vector<std::vector<SharedBytes>> last_frames_in_parts_;
    net::ByteBudget::Share share_;
    std::atomic<bool> cancelled_{false};
    std::function<void()> on_cancel_;
};

class Server final : public RpcServer {
  public:
    explicit Server(std::shared_ptr<net::SessionServer> sessions) : sessions_(std::move(sessions)) {}
    std::uint16_t port() const override { return sessions_->port(); }
    bool stop(std::chrono::milliseconds grace) override { return sessions_->stop(grace); }

  private:
    const std::shared_ptr<net::SessionServer> sessions_;
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
    void add(ReplyType type, const std::vector<SharedBytes>& payload) {
        std::size_t size = 0;
        for (const auto& part : payload)
            size += part.size();
        headers_.push_back(encode_frame_header(static_cast<std::uint8_t>(type), size));
        parts_.emplace_back(headers_.back().data(), headers_.back().size());
        for (const auto& part : payload)
            parts_.push_back(part.view());
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
    co_return co_await session_.connection_.write(gathered.parts(), session_.service_->options.transfer);
}

asio::awaitable<Result<void>> Session::Call::send_end(std::string_view json) {
    GatheredFrames gathered(last_frames_.size() + last_frames_in_parts_.size() + 1);
    for (const auto& frame : last_frames_)
        gathered.add(ReplyType::data, frame.view());
    for (const auto& frame : last_frames_in_parts_)
        gathered.add(ReplyType::data, frame);
    gathered.add(ReplyType::end, json);
    co_return co_await session_.connection_.write(gathered.parts(), session_.service_->options.transfer);
}

asio::awaitable<void> Session::read_requests(std::shared_ptr<Session> self) {
    co_await asio::this_coro::throw_if_cancelled(false);
    for (bool more = true; more;)
        more = co_await self->read_request();
    self->peer_gone();
    co_await self->until_idle();
    self->connection_.close();
}

// False when the connection is at its end.
asio::awaitable<bool> Session::read_request() {
    auto there = co_await connection_.wait_for_bytes(net::kNoDeadline);
    if (there.has_error() || !*there) co_return false;
    co_await until_idle();  // a peer that sends ahead waits
    if (draining_) co_return false;

    const auto& options = service_->options;
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
    const net::BodyMemory memory{&service_->budget, &share};
    auto payload =
        co_await connection_.read_body(header->payload_bytes, options.transfer, net::kNoDeadline, memory);
    if (payload.has_error()) {
        share.release();
        const auto code = payload.error().code;
        if (code == ErrorCode::timeout || code == ErrorCode::overloaded) co_await refuse(payload.error());
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
    // The coroutine uses the slot until its completion handler runs, also behind its own last step. Until
    // then the session must live, and the slot must not be given to another.
    asio::co_spawn(connection_.executor(), answer(shared_from_this(), call_),
                   asio::bind_cancellation_slot(cancel_handler_.slot(),
                                                [self = shared_from_this()](std::exception_ptr thrown) {
                                                    self->answered(thrown != nullptr);
                                                }));
}

void Session::answered(bool failed) {
    if (failed) {
        log_error("rpc.server", "an answer ended by an exception", {{"peer", connection_.peer()}});
        connection_.close();
    }
    call_ = nullptr;
    running_ = false;
    if (idle_) idle_->set();
    if (draining_) connection_.close();
}

asio::awaitable<void> Session::answer(std::shared_ptr<Session> self, std::shared_ptr<Call> call) {
    co_await asio::this_coro::throw_if_cancelled(false);
    Result<std::string> result = make_error(ErrorCode::internal, "not answered");
    if (const auto* handler = self->service_->handler(call->method()); handler == nullptr) {
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
    co_return co_await connection_.write(parts, service_->options.transfer);
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
    net::SessionServerOptions listening;
    listening.sessions_max = options.connections_max;
    listening.config_key = options.config_key;
    listening.session_executor = options.session_executor;
    listening.refusal = error_frame(make_error(
        ErrorCode::overloaded, "this slave has " + std::to_string(options.connections_max) +
                                   " connections already (" + options.connections_config_key + ")"));
    auto make_session = [service = std::make_shared<const Service>(std::move(handlers), std::move(options))](
                            std::uint64_t id, Connection connection, net::SessionTicket ticket) {
        return std::make_shared<Session>(service, std::move(connection), std::move(ticket), id);
    };
    DL_TRY_ASSIGN(auto sessions, net::SessionServer::start(std::move(executor), address, std::move(listening),
                                                           std::move(make_session)));
    return std::shared_ptr<RpcServer>(std::make_shared<Server>(std::move(sessions)));
}

}  // namespace dl::rpc
