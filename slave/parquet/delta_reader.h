// Numbers in Parquet's DELTA_BINARY_PACKED. Never reads beyond its bytes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace dl::slave {

// Appends the first `count` numbers of a page to `out`. False at damage: when there are not as many, or their
// blocks are not what the format knows.
bool read_delta_numbers(std::string_view bytes, std::uint64_t count, std::vector<std::int64_t>& out);

}  // namespace dl::slave
