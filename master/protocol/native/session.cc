#include "master/protocol/native/session.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "common/base/byte_io.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "master/execution/executor.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr std::string_view kComponent = "master.session";

// Of a frame that could not be read: the client is still there.
bool is_answered(const Error& error) {
    return error.code == ErrorCode::invalid_request || error.code == ErrorCode::limit_exceeded ||
           error.code == ErrorCode::overloaded;
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
      principal_{.address = connection_.peer()},
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
    if (running_waits_ || running_reads_only_) cancel_running(ErrorCode::unavailable);
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
        if (is_answered(frame.error())) push_framing_error(std::move(frame).error());
        co_return false;
    }
    item.statement = std::make_shared<NativeStatement>(std::move(*frame));
    if (item.statement->awaits_batch()) {
        auto batch = co_await read_frame(item.batch_share);
        if (batch.has_error()) {
            if (is_answered(batch.error())) push_framing_error(std::move(batch).error());
            co_return false;
        }
        item.statement->set_batch(std::move(*batch));
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
    const net::BodyMemory memory{&request_bytes_, &share, net::BodyMemory::Charge::arriving,
                                 options_.memory_wait};
    auto body = co_await connection_.read_body(size, options_.read_transfer, net::kNoDeadline, memory);
    if (body.has_error() && body.error().code == ErrorCode::overloaded)
        co_return body.error().in("a request of " + std::to_string(size) +
                                  " bytes (master.request.memory.bytes)");
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
    DL_LOG_LIMITED(5, LogLevel::warn, kComponent, "a frame was refused", {"connection", id_},
                   {"peer", connection_.peer()}, {"error", error});
    Item item;
    item.statement = std::make_shared<NativeStatement>(std::move(error));
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
    // A frame is not cut off in the middle: who is still there gets the error behind it.
    if (!writing_ || why == ErrorCode::cancelled) cancel_.emit(asio::cancellation_type::terminal);
}

void ClientSession::cancel_when_client_leaves() {
    running_reads_only_ = true;
    cancel_soon();
}

void ClientSession::waiting(bool waits) {
    running_waits_ = waits;
    if (waits) cancel_soon();
}

std::function<void(std::string said)> ClientSession::killer() {
    return [weak = weak_from_this(), cancel = running_](std::string said) {
        cancel->cancel(ErrorCode::cancelled, std::move(said));
        const auto self = weak.lock();
        if (self == nullptr) return;
        asio::post(self->connection_.executor(), [self, cancel] {
            const bool breaks = !self->writing_ && !self->running_writes_;
            if (self->running_ == cancel && breaks) self->cancel_.emit(asio::cancellation_type::terminal);
        });
    };
}

// What is no longer to go on. Not from within the running coroutine: it goes on from its next wait.
void ClientSession::cancel_soon() {
    if (!draining_ && !client_left_) return;
    asio::post(connection_.executor(), [self = shared_from_this(), cancel = running_] {
        if (self->running_ != cancel) return;
        if (self->client_left_ && self->running_reads_only_)
            self->cancel_running();
        else if (self->draining_ && (self->running_reads_only_ || self->running_waits_))
            self->cancel_running(ErrorCode::unavailable);
    });
}

asio::awaitable<Result<void>> ClientSession::write(std::span<const std::string_view> parts) {
    writing_ = true;
    auto written = co_await connection_.write(parts, options_.write_transfer);
    writing_ = false;
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
    NativeReply reply(*this);
    Result<void> done;
    try {
        done = co_await run(reply, std::move(item.statement));
    } catch (const std::exception& e) {
        done = make_error(ErrorCode::internal, std::string("the statement failed: ") + e.what());
        log_error(kComponent, "a statement failed unexpectedly",
                  {{"connection", id_}, {"error", done.error()}});
    }
    running_.reset();
    running_reads_only_ = running_waits_ = running_writes_ = writing_ = false;
    if (done.has_value() || failed_) co_return;
    // A cancelled statement is answered all the same.
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    (void)co_await reply.fail(done.error());
}

asio::awaitable<Result<void>> ClientSession::run(NativeReply& reply,
                                                 std::shared_ptr<NativeStatement> statement) {
    // It begins now, not when it was read: it may have waited behind others of this connection.
    CommandContext context{principal_, reply};
    if (any_copies_ == nullptr) any_copies_ = std::make_shared<AnyCopyReads>();
    context.any_copies = any_copies_;
    running_ = context.cancel;
    IncomingCommand incoming;
    incoming.bytes = statement->bytes();
    incoming.read = [statement] { return statement->read(); };
    reply.set_form(statement->form());
    DL_CO_TRY_ASSIGN(auto answer, co_await execute_command(services_, context, std::move(incoming)));
    co_return co_await reply.finish(std::move(answer), statement->form(), context.started);
}

}  // namespace dl::master
