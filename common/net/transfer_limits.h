// How long the bytes of one frame may take. All of it counts while waiting for the peer only.
#pragma once

#include <chrono>
#include <cstddef>

namespace dl::net {

struct TransferLimits {
    std::chrono::milliseconds stall{30'000};  // longest time without a single byte
    // Over the whole transfer, beyond `stall`; what is received, in every window of `stall` too.
    std::size_t bytes_per_second_min = 16384;
};

}  // namespace dl::net
