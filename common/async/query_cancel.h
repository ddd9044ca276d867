// Tells everything that works for one query to stop: sessions, remote fragments, waiting queues. Thread-safe;
// shared by the handler (who cancels when the client is gone) and the query. The first reason wins.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/base/error.h"

namespace dl {

class QueryCancel {
  public:
    // `why` is CANCELLED, TIMEOUT, or UNAVAILABLE when the node stops. Runs every registered callback once,
    // on this thread. `said`: what the client is told instead of the usual words for the reason.
    void cancel(ErrorCode why = ErrorCode::cancelled, std::string said = {});
    // Set once cancelled.
    std::optional<ErrorCode> reason() const;
    std::string said() const;  // of the first cancel()

    // Keeps a callback registered while it lives; its destructor waits for a running call of it.
    class Registration {
      public:
        Registration() = default;
        Registration(Registration&& other) noexcept;
        Registration& operator=(Registration&& other) noexcept;
        ~Registration();

      private:
        friend class QueryCancel;
        Registration(QueryCancel* owner, std::uint64_t id) : owner_(owner), id_(id) {}
        QueryCancel* owner_ = nullptr;
        std::uint64_t id_ = 0;
    };
    // `callback` gets the reason, on the thread that cancels; at once when already cancelled. It must not
    // block, nor register or release callbacks here. This object outlives the registration.
    [[nodiscard]] Registration on_cancel(std::function<void(ErrorCode)> callback);

  private:
    mutable std::mutex mutex_;
    std::optional<ErrorCode> reason_;
    std::string said_;
    std::uint64_t next_id_ = 1;
    std::map<std::uint64_t, std::function<void(ErrorCode)>> callbacks_;
};

}  // namespace dl
