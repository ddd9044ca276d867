// How far a partition was known to be committed: `log.committed` beside the directory `log` (docs/formats/
// log.md). True for ever: what is committed is never cut. Behind what was committed by up to
// kCommitMarkInterval while records come; exact after a stop in good order.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/ids.h"
#include "common/io/file_system.h"

namespace dl::slave {

inline constexpr std::chrono::seconds kCommitMarkInterval{10};

// "directory/log.committed"; `directory`: of the partition.
std::string commit_mark_path(const std::string& directory);

std::string encode_commit_mark(Offset committed, TableId table, PartitionId partition);
// CORRUPT_DATA for anything but an intact mark of this partition; NOT_SUPPORTED for an intact one of another
// version.
Result<Offset> decode_commit_mark(std::string_view bytes, TableId table, PartitionId partition);

// 0: there is none, or it is damaged and proves nothing (a warning says so). Errors: the disk's, and
// NOT_SUPPORTED.
Result<Offset> read_commit_mark(FileSystem& files, const std::string& directory, TableId table,
                                PartitionId partition);
// Durable on return; all or nothing. Records below `committed` have been synced before.
Result<void> write_commit_mark(FileSystem& files, const std::string& directory, TableId table,
                               PartitionId partition, Offset committed);

}  // namespace dl::slave
