// One connection on an event loop: reads of exact lengths into memory that grows only as bytes arrive,
// gathered writes, a deadline on every wait. The bytes go through a Transport; protocol code (frames, JSON)
// lives elsewhere.
//
// Threads: everything from the connection's one executor (a thread of NetPool), except abort(). One reader
// and one writer coroutine at a time. Small reads are served from an internal buffer of kReadAheadBytes, so a
// pipelined small request costs no system call of its own; an idle connection costs about 3 KiB. Errors:
// TIMEOUT at a deadline, UNAVAILABLE "connection closed by ..." at end of stream or reset, CANCELLED when the
// coroutine was cancelled. After an error the connection is of no further use: close it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/base/shared_bytes.h"
#include "common/net/byte_budget.h"
#include "common/net/transfer_limits.h"
#include "common/net/transport.h"

namespace dl::net {

using Deadline = std::chrono::steady_clock::time_point;
inline constexpr Deadline kNoDeadline = Deadline::max();

// Where the memory of a body is accounted; of none without a budget.
struct BodyMemory {
    enum class Charge : std::uint8_t {
        whole,     // all of it once the first bytes are there: for peers whose word is good
        arriving,  // as much as has arrived: a claim alone keeps memory from nobody
    };
    ByteBudget* budget = nullptr;
    ByteBudget::Share* share = nullptr;  // empty; gets what is taken
    Charge charge = Charge::whole;
    // How long it waits for more of the budget (one wait) before it gives up.
    std::chrono::milliseconds patience = std::chrono::milliseconds::max();
};

inline constexpr BodyMemory kNoBodyMemory{};

class Connection {
  public:
    static constexpr std::size_t kReadAheadBytes = 2048;
    static constexpr std::size_t kUnbudgetedBytes =
        64u << 10;  // of a frame, before its share of a budget is taken

    Connection() = default;  // none yet: only is_open() and assignment
    // Takes the socket over: TCP_NODELAY, keep-alive, non-blocking.
    explicit Connection(boost::asio::ip::tcp::socket socket,
                        const MakeTransport& transport = plain_transport);
    ~Connection();
    Connection(Connection&&) noexcept;
    Connection& operator=(Connection&&) noexcept;

    boost::asio::any_io_executor executor() const;
    const std::string& peer() const;  // "10.0.0.7:51234"; kept after closing

    // Waits until at least one byte is there (true) or the peer has closed (false): the idle wait between
    // frames.
    boost::asio::awaitable<Result<bool>> wait_for_bytes(Deadline deadline);
    // Exactly `size` bytes into `out`, for headers.
    boost::asio::awaitable<Result<void>> read_exactly(void* out, std::size_t size, Deadline deadline);
    // A body of `size` bytes; the caller has checked `size` against its limit. Memory grows with what has
    // arrived: 64 KiB, then doubling. The first 64 KiB are of no budget; what follows is taken into the share
    // as BodyMemory says. OVERLOADED when the budget has no room in time, or when others wait for it and the
    // peer sends slowly; what the peer still sends of the body is dropped then, for a few seconds, so that it
    // can be answered. Nothing but that and close() may follow.
    boost::asio::awaitable<Result<SharedBytes>> read_body(std::size_t size, const TransferLimits& limits,
                                                          Deadline deadline = kNoDeadline,
                                                          const BodyMemory& memory = kNoBodyMemory);
    // Reads and drops `size` bytes (the body of a refused frame).
    boost::asio::awaitable<Result<void>> skip(std::size_t size, const TransferLimits& limits,
                                              Deadline deadline = kNoDeadline);

    // All parts, gathered, in as few system calls as the socket allows. The parts live until it completes.
    boost::asio::awaitable<Result<void>> write(std::span<const std::string_view> parts,
                                               const TransferLimits& limits, Deadline deadline = kNoDeadline);
    boost::asio::awaitable<Result<void>> write(std::string_view bytes, const TransferLimits& limits,
                                               Deadline deadline = kNoDeadline);

    std::size_t buffered() const;  // bytes read ahead and not yet asked for
    // Without waiting: false when the peer has closed or has sent bytes nobody asked for; for pooled
    // connections.
    bool idle_and_open() const;
    bool is_open() const;
    // Wakes readers and writers with an error. Idempotent.
    void close();
    // From any thread: the same with a reset, so that nothing unsent lingers.
    void abort();
    // After a last reply: no more is sent, what the peer still sends is dropped until it closes too or
    // `patience` is over, so that the reply is not lost to a reset. Then close().
    boost::asio::awaitable<void> finish(std::chrono::milliseconds patience = std::chrono::milliseconds(1000));

  private:
    struct State;
    std::shared_ptr<State> state_;
};

// Connects to "host:port" within the deadline, on the caller's executor. UNAVAILABLE names the address and
// the cause.
boost::asio::awaitable<Result<Connection>> connect(std::string address, Deadline deadline,
                                                   MakeTransport transport = plain_transport);

}  // namespace dl::net
