// Reads a segment batch by batch, in large reads, checking everything that can be checked (INV-4). Not
// thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/io/file_system.h"
#include "slave/log/partition_log.h"

namespace dl::slave {

// Whose batch is expected where.
struct BatchPlace {
    TableId table;
    PartitionId partition;
    Offset offset = 0;  // base offset of the next batch
};

// Header at the start of `bytes` (>= 96 of them), and that it is the batch expected. CORRUPT_DATA otherwise.
Result<RecordBatchHeader> check_batch_header(std::string_view bytes, const BatchPlace& place);
// The CRC of the body and the zeros behind it; `batch` is header.total_bytes() long, with the header.
Result<void> check_batch_body(const RecordBatchHeader& header, std::string_view batch);

class SegmentScanner {
  public:
    // Batches in [position, end) of the file; `place.offset` is the one at `position`.
    SegmentScanner(std::shared_ptr<ReadableFile> file, std::string path, BatchPlace place,
                   std::uint64_t position, std::uint64_t end);

    // True: batch() is the next one. False: the end is reached exactly. CORRUPT_DATA (with path and byte
    // offset): what lies at position() is not the batch expected; any other error: reading failed, nothing is
    // known.
    Result<bool> next();
    const StoredBatch& batch() const { return batch_; }
    std::uint64_t batch_position() const { return batch_position_; }
    // Behind the last good batch, and the offset expected there.
    std::uint64_t position() const { return position_; }
    Offset offset() const { return place_.offset; }

    // After CORRUPT_DATA: whether something behind proves that the batch expected at position() had been
    // synced: an intact header of a newer batch of this partition that knew a synced end beyond it.
    Result<bool> damage_is_proven();

  private:
    Result<bool> bad(const Error& why) const;
    // At least `length` bytes from `position` in the buffer, fewer at the end.
    Result<std::string_view> bytes_at(std::uint64_t position, std::uint64_t length);

    std::shared_ptr<ReadableFile> file_;
    std::string path_;
    BatchPlace place_;
    std::uint64_t position_;
    std::uint64_t end_;
    StoredBatch batch_;
    std::uint64_t batch_position_ = 0;
    SharedBytes buffer_;
    std::uint64_t buffer_position_ = 0;
};

}  // namespace dl::slave
