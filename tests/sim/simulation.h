// One simulated run from one seed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace dl::sim {

struct RunOptions {
    std::uint64_t seed = 1;
    std::vector<std::string> faults;  // only these kinds; empty: drawn from the seed
    bool trace = false;
};

struct RunResult {
    std::string violation;  // "": all held
    std::uint64_t steps = 0, digest = 0, committed = 0, acknowledged = 0, statements = 0, unknown = 0,
                  epochs = 0;
    std::map<std::string, int> faults;
};

RunResult run_simulation(const RunOptions& options);

}  // namespace dl::sim
