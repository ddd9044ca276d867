// What every byte of every program goes through: a stream over one connected socket, plain or (one day)
// encrypted. It moves what can be moved now and never waits; who drives it waits on the socket, with its own
// deadlines: Connection on an event loop, the client library in poll(). The socket belongs to its owner, who
// closes it after the transport.
//
// Threads: one at a time, save for reading and writing, which one event loop may interleave.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/error.h"

namespace dl::net {

class Transport {
  public:
    // What the socket has to become before the same call is worth making again. An encrypted stream may have
    // to read before it can write.
    enum class Wait : std::uint8_t { none, readable, writable };
    struct Moved {
        std::size_t bytes = 0;
        Wait wait = Wait::none;
    };

    virtual ~Transport() = default;

    // Some bytes that are there. {0, none}: the peer has ended the stream. {n, readable}: these were the last
    // for now. Errors: UNAVAILABLE with the reason, without the peer's name.
    virtual Result<Moved> read_some(std::span<char> out) = 0;
    // Sends of `parts`, gathered, from byte `offset` of the first one on, what goes out now; of very many
    // parts the first ones only ({n, none}). Errors like read_some.
    virtual Result<Moved> write_some(std::span<const std::string_view> parts, std::size_t offset) = 0;
    // Half-close: the peer reads the end of the stream after what was written; reading goes on.
    virtual void end_writing() = 0;
    // The stream is open and holds no byte that was not read. For connections kept between requests.
    virtual bool is_idle() = 0;
    // The bytes of the stream are those of the socket: an event loop that waits to read may then let the
    // system hand it the bytes with the event, in place of a call of read_some().
    virtual bool socket_is_stream() const { return false; }
    // "10.0.0.7:51234", as it was at the beginning.
    virtual const std::string& peer() const = 0;
};

// Makes the transport of a connected socket.
using MakeTransport = std::function<std::unique_ptr<Transport>(int socket)>;

// The bytes of the stream are the bytes on the wire.
std::unique_ptr<Transport> plain_transport(int socket);

// TCP_NODELAY, and keep-alive that notices a dead peer after about two minutes.
void set_tcp_options(int socket);

}  // namespace dl::net
