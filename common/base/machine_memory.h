// How much memory this process may use, for defaults that are a share of it. Linux; reads a few files of
// /proc and /sys, at start.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace dl {

// Bytes of memory of the machine, or less where a control group of this process, or one above it, has a limit
// (memory.max; memory.limit_in_bytes of version 1). nullopt when none of it can be read. `root` stands before
// every path.
std::optional<std::uint64_t> machine_memory_bytes(const std::string& root = "");

// A share of the machine's memory as the text of a setting, in whole mebibytes ("6144m"): memory / divisor,
// at least `bytes_min`; `unknown` when `memory` is not known.
std::string memory_share_text(std::optional<std::uint64_t> memory, std::uint64_t divisor,
                              std::uint64_t bytes_min, std::uint64_t unknown);

}  // namespace dl
