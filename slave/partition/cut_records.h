// Records that are cut off a copy because its leader has others, or none, in their place: kept beside the log
// (INV-18). They were never known to be committed here; after a loss elsewhere they may be wanted all the
// same.
#pragma once

#include <cstdint>
#include <string>

#include "slave/log/partition_log.h"

namespace dl::slave {

inline constexpr std::uint64_t kCutBytesKept = 64u << 20;  // of one cut; the first ones
inline constexpr std::size_t kCutFilesKept = 4;            // of one partition; the newest

// Writes the batches of [from, end) of the log into "directory/log.cut-<epoch>-<from>", as a segment holds
// them; durable on return. Older files beyond kCutFilesKept go.
Result<std::string> keep_cut_records(FileSystem& files, const std::string& directory, const SharedLog& log,
                                     Offset from, Offset end, LeaderEpoch epoch);

}  // namespace dl::slave
