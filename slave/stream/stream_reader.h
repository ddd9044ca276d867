// Reads the records of one partition from an offset on and encodes them as frames for a consumer, chunk by
// chunk, so that one chunk can be sent while the next is made. Blocking (work pool); one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/shared_bytes.h"
#include "common/meta/table_meta.h"
#include "slave/partition/partition.h"

namespace dl::slave {

enum class StreamFormat : std::uint8_t { rows, json, columnar };

// "rows", "json", "columnar"; INVALID_VALUE lists them.
Result<StreamFormat> parse_stream_format(std::string_view name);

// One frame as the client gets it, in parts; a columnar body is the log's own bytes.
using StreamFrame = std::vector<SharedBytes>;

struct StreamChunk {
    std::vector<StreamFrame> frames;
    std::uint64_t rows = 0;
    std::size_t bytes = 0;  // before compression, about
    bool empty() const { return frames.empty(); }
};

class StreamReader {
  public:
    // Plain bytes of one frame at most, about (a single record may be larger).
    static constexpr std::size_t kFramePlainBytes = 4u << 20;

    StreamReader(std::shared_ptr<Partition> partition, std::shared_ptr<const TableMeta> table, PartitionId id,
                 Offset from, std::uint64_t rows_max, StreamFormat format);

    // The next records, about `bytes_max` of them and at least one while there are some; empty at the end of
    // the partition or when rows_max records were given.
    Result<StreamChunk> next(std::size_t bytes_max);
    // Where to go on: behind the last record given; where it began when none was.
    Offset next_offset() const { return next_offset_; }
    // First and last of the offsets read over that have no record any more: compaction has dropped them.
    const std::optional<std::pair<Offset, Offset>>& dropped() const { return dropped_; }

  private:
    void encode_rows(StreamChunk& chunk, std::size_t bytes_max);
    void encode_json(StreamChunk& chunk, std::size_t bytes_max);
    void encode_columnar(StreamChunk& chunk, std::size_t bytes_max);
    Result<void> widen(ReadSlice& slice) const;
    std::size_t row_bytes(const ReadSlice& slice) const;
    void note_dropped(const ReadSlice& slice, std::uint32_t end_row);
    void took(const ReadSlice& slice, std::uint32_t end_row, StreamChunk& chunk);

    std::shared_ptr<Partition> partition_;
    std::shared_ptr<const TableMeta> table_;
    const PartitionId id_;
    const StreamFormat format_;
    Offset next_offset_;
    std::optional<std::pair<Offset, Offset>> dropped_;
    std::uint64_t rows_left_;
    std::vector<ReadSlice> slices_;  // read and not yet encoded, from position_ on
    std::size_t position_ = 0;
};

}  // namespace dl::slave
