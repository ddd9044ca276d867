// Offsets of the partitions of one table.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "common/base/ids.h"

namespace dl::master {

using OffsetMap = std::map<std::uint32_t, Offset>;                          // by partition
using OffsetRangeMap = std::map<std::uint32_t, std::pair<Offset, Offset>>;  // first, last

}  // namespace dl::master
