// A small file that says something about one partition by a few offsets, replaced whole: `log.seal`
// and `log.committed` (both in docs/formats/log.md). All numbers little-endian:
//   0 magic u32 | 4 version u16 | 6 flags u16 | 8 CRC-32C of all other bytes u32 | 12 partition u32 |
//   16 table u64 | 24 offsets i64 ...
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/ids.h"
#include "common/io/file_system.h"

namespace dl::slave {

struct PartitionMarkFormat {
    static constexpr std::size_t kOffsetsMax = 2;

    std::uint32_t magic = 0;
    std::uint16_t version = 0;
    std::uint16_t flags = 0;     // all that there are
    std::size_t offsets = 0;     // at most kOffsetsMax
    std::string_view name;       // "seal"
    std::string_view full_name;  // "seal of a log"
};

struct PartitionMark {
    std::uint16_t flags = 0;
    std::array<Offset, PartitionMarkFormat::kOffsetsMax> offsets{};  // none is negative
};

std::string encode_partition_mark(const PartitionMarkFormat& format, const PartitionMark& mark, TableId table,
                                  PartitionId partition);
// CORRUPT_DATA for anything but an intact one of this partition; NOT_SUPPORTED for an intact one of another
// version.
Result<PartitionMark> decode_partition_mark(const PartitionMarkFormat& format, std::string_view bytes,
                                            TableId table, PartitionId partition);
// nullopt: there is none, or it is damaged and proves nothing (a warning says so). Errors: the disk's, and
// NOT_SUPPORTED. Blocking.
Result<std::optional<PartitionMark>> read_partition_mark(FileSystem& files, const PartitionMarkFormat& format,
                                                         const std::string& path, TableId table,
                                                         PartitionId partition);

}  // namespace dl::slave
