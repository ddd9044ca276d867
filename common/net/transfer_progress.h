// Whether the bytes of one frame come fast enough: none may be missing for longer than TransferLimits::stall,
// every window of that length brings the least rate, and so does the transfer as a whole. Who holds memory
// that others wait for has to be quick. Pure: the time is given.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "common/net/transfer_limits.h"

namespace dl::net {

class TransferProgress {
  public:
    using Time = std::chrono::steady_clock::time_point;
    enum class Verdict : std::uint8_t {
        goes_on,
        too_slow,    // by its limits
        in_the_way,  // others wait for the memory it holds, and it fills that slowly
    };
    // What a transfer has to move in each look while others wait for its memory, and how many looks one after
    // the other may bring less.
    static constexpr std::size_t kBytesPerLookContended = 1u << 20;
    static constexpr std::chrono::milliseconds kLook{1000};
    static constexpr int kSlowLooksMax = 3;

    // `size` bytes from `now` on; all of them by `deadline`.
    TransferProgress(const TransferLimits& limits, std::size_t size, Time now, Time deadline);

    void moved(std::size_t bytes) {
        window_bytes_ += bytes;
        look_bytes_ += bytes;
    }
    // Until when to wait for bytes before judge() is to be asked again.
    Time look_at(bool holds_memory) const;
    // Any number of calls; `contended`: others wait for memory that this transfer holds.
    Verdict judge(Time now, bool contended);
    // The peer was not waited for from then until now.
    void pause(Time from, Time now);

  private:
    const std::chrono::milliseconds stall_;
    const std::size_t window_bytes_min_;
    const Time deadline_;
    Time end_;
    Time window_;
    Time look_;
    std::size_t window_bytes_ = 0;
    std::size_t look_bytes_ = 0;
    int slow_looks_ = 0;
};

}  // namespace dl::net
