// How far a log was known to reach: `log.seal` beside the directory `log` (docs/formats/log.md). Everything
// in it had been synced before it was written, so that a log that does not reach so far has lost acknowledged
// records. It stays true while the log grows, save `closed`, which the first append takes back before it
// writes; who cuts the log lowers it first.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/io/file_system.h"
#include "slave/log/log_files.h"

namespace dl::slave {

struct LogSeal {
    Offset first_offset = 0;  // where the log began
    Offset end_offset = 0;    // behind the last synced record
    bool closed = false;      // nothing was appended behind it
    friend bool operator==(const LogSeal&, const LogSeal&) = default;
};

// "directory.seal"
std::string seal_path(const std::string& log_directory);

std::string encode_seal(const LogSeal& seal, TableId table, PartitionId partition);
// CORRUPT_DATA for anything but an intact seal of this partition; NOT_SUPPORTED for an intact one of another
// version.
Result<LogSeal> decode_seal(std::string_view bytes, TableId table, PartitionId partition);

// nullopt: there is none, or it is damaged and proves nothing (a warning says so). Errors: the disk's, and
// NOT_SUPPORTED.
Result<std::optional<LogSeal>> read_seal(FileSystem& files, const LogIdentity& identity);
// Durable on return; all or nothing.
Result<void> write_seal(FileSystem& files, const LogIdentity& identity, const LogSeal& seal);

}  // namespace dl::slave
