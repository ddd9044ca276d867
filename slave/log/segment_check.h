// Reads the whole file of a closed segment, packed or not, and checks every batch of it (INV-4).
#pragma once

#include <string>

#include "common/io/file_system.h"
#include "slave/log/segment_index.h"
#include "slave/log/segment_scanner.h"

namespace dl::slave {

// Its index. CORRUPT_DATA names what is not as it was written. Blocks.
Result<SegmentIndex> check_segment(FileSystem& files, const std::string& path, const BatchPlace& place);

}  // namespace dl::slave
