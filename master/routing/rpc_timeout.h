// The times that RPCs carry: the slave ends the work by itself when nobody waits for it any more.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "common/rpc/rpc_client.h"

namespace dl::master {

// Rounded up; `least` when the deadline is nearer than that, or past.
inline std::int64_t milliseconds_until(rpc::Deadline deadline, std::int64_t least) {
    const auto left = deadline - std::chrono::steady_clock::now();
    return std::max<std::int64_t>(least, std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

}  // namespace dl::master
