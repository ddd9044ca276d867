#include "master/server/client_session.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "common/async/guarded.h"
#include "common/async/run_on.h"
#include "common/base/byte_io.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "master/handlers/handler_registry.h"
#include "master/handlers/reply_codec.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr std::string_view kComponent = "master.session";
constexpr std::size_t kParseHereBytesMax = 16u << 10;
// The head of a binary batch is far smaller, whatever its options.
constexpr std::size_t kBatchHeadBytesMax = 16u << 10;

// A refused head of a binary batch: its second frame comes all the same and must not be taken for a
// statement.
bool announces_binary_batch(std::string_view text) {
    std::string squeezed;
    for (char c : text)
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') squeezed += c;
    return squeezed.starts_with("\"batch_insert\"") ||
           squeezed.find("{\"batch_insert\":null") != std::string::npos ||
           squeezed.find(",\"batch_insert\":null") != std::string::npos;
}

bool is_binary_batch(const Result<JsonRequest>& request, std::string_view text) {
    if (request.has_value()) return request->kind() == JsonRequest::Kind::batch_insert_binary;
    return announces_binary_batch(text);
}

}  // namespace

ClientSession::ClientSession(std::uint64_t id, net::Connection connection, net::SessionTicket ticket,
                             Services& services, net::ByteBudget& request_bytes,
                             const SessionOptions& options)
    : ticket_(std::move(ticket)),
      id_(id),
      connection_(std::move(connection)),
      services_(services),
      request_bytes_(request_bytes),
      options_(options),
      room_(connection_.executor()) {}

ClientSession::~ClientSession() = default;

void ClientSession::start() {
    auto self = shared_from_this();
    asio::co_spawn(connection_.executor(), read_loop(), [self](std::exception_ptr thrown) {
        if (thrown) {
            log_error(kComponent, "reading failed unexpectedly", {{"connection", self->id_}});
            self->failed_ = true;
        }
        self->reading_ended(true);
    });
}

void ClientSession::drain() {
    draining_ = true;
    room_.cancel();
    if (running_waits_) cancel_running(ErrorCode::unavailable);
    // What has been read is answered; the reader is woken by closing once nothing is left.
    if (!answering_ && queue_.empty()) connection_.close();
}

void ClientSession::abort() {
    failed_ = true;
    cancel_running();
    room_.cancel();
    connection_.close();
}

asio::awaitable<void> ClientSession::read_loop() {
    while (!failed_ && !draining_) {
        if (queue_.size() >= limits::pipelined_frames_max) {
            room_.expires_at(steady_clock::time_point::max());
            (void)co_await room_.async_wait(asio::as_tuple(asio::use_awaitable));
            continue;
        }
        auto more = co_await connection_.wait_for_bytes(net::kNoDeadline);
        if (more.has_error() || !*more) co_return;
        const bool go_on = co_await read_one();
        if (!go_on) co_return;
    }
}

// False when nothing can follow.
asio::awaitable<bool> ClientSession::read_one() {
    Item item;
    auto frame = co_await read_frame(item.share);
    if (frame.has_error()) {
        if (frame.error().code == ErrorCode::invalid_request ||
            frame.error().code == ErrorCode::limit_exceeded)
            push_framing_error(std::move(frame).error());
        co_return false;
    }
    item.received = steady_clock::now();
    item.frame = std::move(*frame);
    item.bytes = item.frame.size();
    if (item.bytes <= kBatchHeadBytesMax) {
        item.request.emplace(JsonRequest::parse(item.frame.view()));
        if (is_binary_batch(*item.request, item.frame.view())) {
            auto batch = co_await read_frame(item.batch_share);
            if (batch.has_error()) {
                if (batch.error().code == ErrorCode::invalid_request ||
                    batch.error().code == ErrorCode::limit_exceeded)
                    push_framing_error(std::move(batch).error());
                co_return false;
            }
            item.batch = std::move(*batch);
        }
        item.frame = SharedBytes();
    }
    DL_FAILPOINT("append.after-frame-read");
    push(std::move(item));
    co_return true;
}

asio::awaitable<Result<SharedBytes>> ClientSession::read_frame(net::ByteBudget::Share& share) {
    std::array<char, 4> head{};
    auto read = co_await connection_.read_exactly(head.data(), head.size(),
                                                  steady_clock::now() + options_.read_transfer.stall);
    if (read.has_error()) co_return make_error(ErrorCode::unavailable, "the client left within a frame");
    const auto length = static_cast<std::int32_t>(load_be32(head.data()));
    if (length == 0) co_return SharedBytes();  // a frame without a statement: bad content, not bad framing
    if (length < 0)
        co_return make_error(ErrorCode::invalid_request,
                             "a frame of length " + std::to_string(length) +
                                 "; a request is a big-endian length above 0 and that many "
                                 "bytes of JSON; this connection is closed");
    const auto size = static_cast<std::size_t>(length);
    if (size > options_.frame_bytes_max)
        co_return make_error(ErrorCode::limit_exceeded,
                             "a frame of " + std::to_string(size) + " bytes, master.frame.bytes.max is " +
                                 std::to_string(options_.frame_bytes_max) +
                                 "; send smaller batches, or raise it; this connection is closed");
    auto body = co_await connection_.read_body(size, options_.read_transfer, net::kNoDeadline,
                                               &request_bytes_, &share);
    if (body.has_error()) co_return make_error(ErrorCode::unavailable, "the client left within a frame");
    co_return body;
}

void ClientSession::push(Item item) {
    queue_.push_back(std::move(item));
    if (!answering_) start_answering();
}

void ClientSession::start_answering() {
    answering_ = true;
    auto self = shared_from_this();
    asio::co_spawn(connection_.executor(), answer_loop(),
                   asio::bind_cancellation_slot(cancel_.slot(), [self](std::exception_ptr thrown) {
                       if (thrown) {
                           log_error(kComponent, "a session ended unexpectedly", {{"connection", self->id_}});
                           self->failed_ = true;
                       }
                       self->answering_ = false;
                       // A frame may have come between the loop's last look and here.
                       if (!self->queue_.empty() && !self->failed_) self->start_answering();
                       self->close_when_done();
                   }));
}

void ClientSession::push_framing_error(Error error) {
    DL_LOG_LIMITED(5, LogLevel::warn, kComponent, "bad framing", {"connection", id_},
                   {"peer", connection_.peer()}, {"error", error});
    Item item;
    item.request.emplace(std::move(error));
    item.received = steady_clock::now();
    item.last = true;
    push(std::move(item));
}

void ClientSession::reading_ended(bool client_left) {
    reading_ = false;
    client_left_ = client_left && !(queue_.size() != 0 && queue_.back().last);
    if (client_left_ && running_reads_only_) cancel_running();
    close_when_done();
}

void ClientSession::close_when_done() {
    if (answering_ || (!failed_ && !draining_ && reading_)) return;
    connection_.close();
}

void ClientSession::cancel_running(ErrorCode why) {
    if (!running_) return;
    running_->cancel(why);
    cancel_.emit(asio::cancellation_type::terminal);
}

void ClientSession::cancel_when_client_leaves() {
    running_reads_only_ = true;
    // Not from within the running coroutine: it goes on from its next wait.
    if (client_left_)
        asio::post(connection_.executor(), [self = shared_from_this(), cancel = running_] {
            if (self->running_ == cancel) self->cancel_running();
        });
}

void ClientSession::waiting(bool waits) {
    running_waits_ = waits;
    if (waits && draining_)
        asio::post(connection_.executor(), [self = shared_from_this(), cancel = running_] {
            if (self->running_ == cancel && self->running_waits_)
                self->cancel_running(ErrorCode::unavailable);
        });
}

asio::awaitable<Result<void>> ClientSession::write(std::span<const std::string_view> parts) {
    auto written = co_await connection_.write(parts, options_.write_transfer);
    if (written.has_error()) failed_ = true;
    co_return written;
}

asio::awaitable<void> ClientSession::answer_loop() {
    co_await asio::this_coro::throw_if_cancelled(false);
    while (!queue_.empty() && !failed_) {
        Item item = std::move(queue_.front());
        queue_.pop_front();
        room_.cancel();
        const bool last = item.last;
        co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
        co_await answer(std::move(item));
        if (last) {
            co_await connection_.finish();
            failed_ = true;
        }
    }
    if (failed_) queue_.clear();
}

asio::awaitable<void> ClientSession::answer(Item item) {
    Result<void> done;
    try {
        done = co_await run(item);
    } catch (const std::exception& e) {
        done = make_error(ErrorCode::internal, std::string("the statement failed: ") + e.what());
    }
    running_.reset();
    running_reads_only_ = running_waits_ = false;
    if (done.has_value() || failed_) co_return;
    // A cancelled statement is answered all the same.
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    log_failure(done.error());
    (void)co_await write_one(error_reply(done.error()));
}

asio::awaitable<Result<void>> ClientSession::parse(Item& item) {
    if (!item.request) {
        if (item.bytes <= kParseHereBytesMax) {
            item.request.emplace(JsonRequest::parse(item.frame.view()));
        } else {
            auto work = [frame = std::move(item.frame)] {
                return guarded([&] { return JsonRequest::parse(frame.view()); });
            };
            item.request.emplace(co_await run_on(services_.work_pool, work));
        }
        item.frame = SharedBytes();
    }
    if (item.request->has_error()) co_return std::move(*item.request).error();
    co_return Result<void>();
}

asio::awaitable<Result<void>> ClientSession::run(Item& item) {
    auto parsed = co_await parse(item);
    if (parsed.has_error()) co_return parsed;
    Statement statement{std::move(**item.request), std::move(item.batch), item.received, {}};
    statement.connection = id_;
    statement.request_bytes = item.bytes;
    const auto timeout = statement.options().timeout_ms
                             ? std::chrono::milliseconds(*statement.options().timeout_ms)
                             : services_.limits.statement_timeout;
    // From now, not from when it was read: it may have waited behind others of this connection.
    statement.started = steady_clock::now();
    statement.deadline = statement.started + timeout;
    running_ = statement.cancel;
    co_return co_await handler_of(statement.request.kind())(services_, statement, *this);
}

void ClientSession::log_failure(const Error& error) const {
    const bool ours = error.code == ErrorCode::internal || error.code == ErrorCode::io_error ||
                      error.code == ErrorCode::corrupt_data;
    if (ours) {
        DL_LOG_LIMITED(20, LogLevel::error, kComponent, "statement failed", {"connection", id_},
                       {"error", error});
    } else {
        log_debug(kComponent, "statement refused", {{"connection", id_}, {"error", error}});
    }
}

}  // namespace dl::master
