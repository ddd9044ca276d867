// The net pool: N threads, each with an event loop of its own. A coroutine spawned on executor() stays on
// that one thread for life, so the state of a session needs no lock and no strand; other threads reach it by
// asio::post to its executor. Nothing that blocks may run here.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <memory>
#include <string>

namespace dl::net {

class NetPool {
  public:
    NetPool(std::string name, std::size_t threads);
    ~NetPool();  // stop()
    NetPool(const NetPool&) = delete;
    NetPool& operator=(const NetPool&) = delete;

    // The next loop, in turn: one for each session.
    boost::asio::any_io_executor executor();
    // The loop of thread `index`, for what must share one (listener, signals).
    boost::asio::any_io_executor executor_of(std::size_t index) const;
    std::size_t size() const;

    // Drops what has not run, joins the threads. Sessions end before (their servers' stop()). Idempotent, not
    // to be called from a thread of the pool.
    void stop();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace dl::net
