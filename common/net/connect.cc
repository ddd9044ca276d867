#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "common/net/address.h"
#include "common/net/connection.h"

namespace dl::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
}

asio::awaitable<Result<Connection>> connect(std::string address, Deadline deadline, MakeTransport transport) {
    auto target = parse_address(address);
    if (target.has_error())
        co_return make_error(target.error().code, "address '" + address + "' " + target.error().message);
    const auto executor = co_await asio::this_coro::executor;
    const auto unreachable = [&](const std::string& why) {
        return make_error(ErrorCode::unavailable, address + " cannot be reached: " + why);
    };

    // One timer for resolving and connecting; it stops whichever is under way.
    struct Attempt {
        explicit Attempt(const asio::any_io_executor& on) : resolver(on), socket(on), timer(on) {}
        tcp::resolver resolver;
        tcp::socket socket;
        asio::steady_timer timer;
        bool late = false;
    };
    auto attempt = std::make_shared<Attempt>(executor);
    attempt->timer.expires_at(deadline);
    attempt->timer.async_wait([weak = std::weak_ptr<Attempt>(attempt)](const error_code& error) {
        auto self = weak.lock();
        if (error || !self) return;
        self->late = true;
        self->resolver.cancel();
        error_code ignored;
        self->socket.close(ignored);
    });

    std::vector<tcp::endpoint> endpoints;
    error_code error;
    if (const auto literal = asio::ip::make_address(target->host, error); !error) {
        endpoints.emplace_back(literal, target->port);
    } else {
        auto [failed, found] =
            co_await attempt->resolver.async_resolve(target->host, std::to_string(target->port), kAwait);
        if (attempt->late) co_return unreachable("its name was not resolved in time");
        if (failed) co_return unreachable("its name cannot be resolved: " + failed.message());
        for (const auto& entry : found)
            endpoints.push_back(entry.endpoint());
    }
    std::string why = "no address";
    for (const auto& endpoint : endpoints) {
        if (attempt->late) break;
        error_code ignored;
        attempt->socket.close(ignored);
        auto [failed] = co_await attempt->socket.async_connect(endpoint, kAwait);
        if (!failed && !attempt->late) {
            attempt->timer.cancel();
            co_return Connection(std::move(attempt->socket), transport);
        }
        why = failed ? failed.message() : why;
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none)
            co_return make_error(ErrorCode::cancelled, "cancelled while connecting to " + address);
    }
    co_return unreachable(attempt->late ? "no answer in time" : why);
}

}  // namespace dl::net
