// What check of a partition is asked and finds.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace dl::slave {

struct CheckOptions {
    bool repair = false;  // rebuilds the key indexes and delete vectors that differ
    std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
    std::function<bool()> stop;  // asked often, from the checking thread; empty: never
};

// Of one cut, recomputed from what is stored.
struct CheckReport {
    std::uint64_t live_rows = 0;  // keys whose newest record is an insert
    std::uint64_t records = 0;    // stored
    std::uint64_t bytes = 0;      // of log and files
    std::uint64_t hash = 0;       // of (key hash, offset) of the live rows, in no order
    std::vector<std::string> problems;
    std::int64_t end_offset = 0;  // of the cut: behind its last record
};

}  // namespace dl::slave
