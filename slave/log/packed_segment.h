// A closed segment as a packed file, docs/formats/log.md: the bytes of its batches in blocks that are
// compressed one by one, so that readers of any place unpack little. Everything else of the log knows the
// plain bytes and their positions only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/io/file_system.h"
#include "slave/log/segment_scanner.h"

namespace dl::slave {

inline constexpr std::uint32_t kPackedBlockBytes = 256u << 10;    // plain, of what is written
inline constexpr std::uint32_t kPackedBlockBytesMax = 16u << 20;  // of what is read

struct PackedBlock {
    std::uint32_t stored_bytes = 0;
    std::uint32_t crc = 0;  // of the stored bytes
};

// What stands at the end of a packed file.
struct PackedFooter {
    TableId table;
    PartitionId partition;
    Offset first_offset = 0;
    Offset end_offset = 0;
    std::uint64_t plain_bytes = 0;
    std::uint32_t block_bytes = kPackedBlockBytes;  // plain bytes of each block but the last
    std::vector<PackedBlock> blocks;
};

// Writes one: the plain bytes in order, then the end. One thread.
class PackedSegmentWriter {
  public:
    explicit PackedSegmentWriter(WritableFile& file);
    ~PackedSegmentWriter();
    Result<void> add(std::string_view plain);
    // The file is complete, not synced. The footer's bytes and blocks are filled in here.
    Result<void> finish(PackedFooter footer);

  private:
    Result<void> write_block(std::string_view plain);
    struct Compressor;
    WritableFile& file_;
    std::unique_ptr<Compressor> compressor_;
    std::string pending_;  // less than a block
    PackedFooter footer_;
    bool begun_ = false;
};

// A file of a segment, packed or not: `file` reads plain bytes.
struct SegmentFile {
    std::shared_ptr<ReadableFile> file;
    bool packed = false;
    std::uint64_t stored_bytes = 0;  // of a packed one
    Offset end_offset = 0;           // of a packed one
};
// CORRUPT_DATA when it is packed and damaged, of a newer version, or of another table, partition or offset.
// Blocks are compared with their checksums when they are read.
Result<SegmentFile> open_segment_file(FileSystem& files, const std::string& path, const BatchPlace& place);

// Replaces a packed file by its plain bytes, durably.
Result<void> unpack_segment_file(FileSystem& files, const std::string& path, const ReadableFile& packed);

}  // namespace dl::slave
