// A counting semaphore over bytes (or anything counted), for what all sessions of a daemon may hold together.
// First come, first served. Thread-safe; waiting coroutines run on serial executors (async_event.h).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <memory>

#include "common/base/error.h"

namespace dl::net {

class ByteBudget {
    struct State;

  public:
    // Bytes held; given back on destruction. May outlive the budget.
    class Share {
      public:
        Share() = default;
        Share(Share&& other) noexcept;
        Share& operator=(Share&& other) noexcept;
        ~Share() { release(); }
        std::size_t bytes() const { return bytes_; }
        void release();
        // Gives back all but `bytes` of it.
        void shrink_to(std::size_t bytes);

      private:
        friend class ByteBudget;
        void add(Share&& more);
        Share(std::shared_ptr<State> state, std::size_t bytes) : state_(std::move(state)), bytes_(bytes) {}
        std::shared_ptr<State> state_;
        std::size_t bytes_ = 0;
    };

    explicit ByteBudget(std::size_t total);
    ~ByteBudget();

    // Waits its turn. More than the total is granted as the total, so that it passes alone. OVERLOADED at the
    // deadline, CANCELLED when the coroutine was cancelled.
    boost::asio::awaitable<Result<Share>> acquire(std::size_t bytes,
                                                  std::chrono::steady_clock::time_point deadline);
    // The same until `share`, of this budget or empty, holds `bytes`; what it holds meanwhile it keeps. Who
    // waits here while holding something may wait for others that do the same: the deadline ends that.
    boost::asio::awaitable<Result<void>> grow(Share& share, std::size_t bytes,
                                              std::chrono::steady_clock::time_point deadline);
    // At once or not at all (an empty Share: bytes() == 0).
    Share try_acquire(std::size_t bytes);

    std::size_t total() const;
    std::size_t in_use() const;
    bool contended() const;  // somebody waits

  private:
    std::shared_ptr<State> state_;
};

}  // namespace dl::net
