// One connection of the native protocol. A reader coroutine takes frames off the socket, ahead of the
// statement that runs, so that it notices when the client leaves; a second one, there only while there is
// work, answers statement by statement, in order. Both on one event loop: no locks. An idle session holds no
// buffers beyond its connection's.
//
// Bad content: -2, and the session goes on. Bad framing (negative length, over the limit): -2 behind the
// replies that are still due, then close. A client that closes its side is still answered, but what only
// reads (queries, long polls) is cancelled. Draining cancels that too, with UNAVAILABLE, and answers the
// rest.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "common/net/session_server.h"
#include "master/execution/services.h"
#include "master/protocol/native/native_reply.h"

namespace dl::master {

struct SessionOptions {
    std::size_t frame_bytes_max = limits::frame_bytes_max_default;
    net::TransferLimits read_transfer;   // of one frame
    net::TransferLimits write_transfer;  // of one piece of a reply
    // How long a frame waits for memory of request_bytes_max; its statement, and with it the time that it may
    // take, is not known yet.
    std::chrono::milliseconds memory_wait{10'000};
};

class ClientSession final : public net::Session,
                            public std::enable_shared_from_this<ClientSession>,
                            private ReplyChannel {
  public:
    ClientSession(std::uint64_t id, net::Connection connection, net::SessionTicket ticket, Services& services,
                  net::ByteBudget& request_bytes, const SessionOptions& options);
    ~ClientSession() override;

    void start() override;
    void drain() override;
    void abort() override;

  private:
    // What was read.
    struct Item {
        std::shared_ptr<NativeStatement> statement;
        net::ByteBudget::Share share;
        net::ByteBudget::Share batch_share;
        bool last = false;  // the framing is broken: answer and close
    };

    boost::asio::awaitable<void> read_loop();
    boost::asio::awaitable<bool> read_one();
    boost::asio::awaitable<Result<SharedBytes>> read_frame(net::ByteBudget::Share& share);
    boost::asio::awaitable<void> answer_loop();
    boost::asio::awaitable<void> answer(Item item);
    boost::asio::awaitable<Result<void>> run(NativeReply& reply, std::shared_ptr<NativeStatement> statement);
    void push(Item item);
    void start_answering();
    void push_framing_error(Error error);
    void reading_ended(bool client_left);
    void close_when_done();

    boost::asio::awaitable<Result<void>> write(std::span<const std::string_view> parts) override;
    void cancel_when_client_leaves() override;
    void waiting(bool waits) override;
    void writing(bool writes) override { running_writes_ = writes; }
    std::function<void(std::string said)> killer() override;
    void cancel_running(ErrorCode why = ErrorCode::cancelled);
    void cancel_soon();

    const net::SessionTicket ticket_;
    const std::uint64_t id_;
    net::Connection connection_;
    Services& services_;
    net::ByteBudget& request_bytes_;
    const SessionOptions& options_;
    const Principal principal_;
    std::shared_ptr<AnyCopyReads> any_copies_;  // made with the first statement

    std::deque<Item> queue_;
    boost::asio::steady_timer room_;  // wakes the reader when the queue was full
    bool answering_ = false;
    bool reading_ = true;
    bool client_left_ = false;
    bool draining_ = false;
    bool failed_ = false;  // the connection is of no further use
    bool running_reads_only_ = false;
    bool running_waits_ = false;
    bool running_writes_ = false;  // CommandClient::writing()
    bool writing_ = false;
    std::shared_ptr<QueryCancel> running_;
    boost::asio::cancellation_signal cancel_;
};

}  // namespace dl::master
