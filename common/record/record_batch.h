// The record batch: unit of the log, of replication and of columnar streaming. Format:
// docs/formats/record-batch.md.
//
// header, 96 bytes, little-endian:
//    0 u32 magic "DLRB" (0x42524c44)   4 u16 format version (1, 2)   6 u8 codec (0 none, 1 lz4)   7 u8 flags
//    (0) 8 u32 header_crc: CRC-32C of bytes 12..96    12 u32 body_crc: CRC-32C of the stored body
//   16 u32 body_bytes stored           20 u32 body_plain_bytes       24 u64 table id
//   32 u32 partition                   36 u32 leader epoch           40 i64 base offset
//   48 u32 record count (>= 1)         52 u32 schema id              56 i64 append time, microseconds UTC
//   64 u64 batch id hash, high         72 u64 batch id hash, low (both 0: no batch id)
//   80 u64 producer sequence (0: none) 88 i64 synced end: the writer's log was known to be on disk below this
//   offset
//                                          when the batch was written; recovery tells damage from a torn
//                                          write by it
// then body_bytes of body (ColumnBatch, compressed by codec), then zeros up to a multiple of 8.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/base/hash.h"
#include "common/base/ids.h"
#include "common/base/shared_bytes.h"
#include "common/record/column_batch.h"

namespace dl {

enum class BodyCodec : std::uint8_t { none = 0, lz4 = 1 };

struct RecordBatchHeader {
    BodyCodec codec = BodyCodec::none;
    std::uint32_t body_crc = 0;
    std::uint32_t body_bytes = 0;
    std::uint32_t body_plain_bytes = 0;
    TableId table;
    PartitionId partition;
    LeaderEpoch epoch;
    Offset base_offset = 0;
    std::uint32_t count = 0;
    SchemaId schema;
    std::int64_t append_time_us = 0;
    Hash128 batch_id;  // {0,0}: none
    // > 0: batch_id is that of a producer, and this the number of the batch among its own.
    std::uint64_t producer_sequence = 0;
    Offset synced_end = 0;  // set by the log on append; <= base_offset

    bool has_batch_id() const { return batch_id != Hash128{}; }
    Offset end_offset() const { return base_offset + count; }  // first offset behind the batch
    std::size_t total_bytes() const {
        return kHeaderBytes + ((std::size_t{body_bytes} + 7) & ~std::size_t{7});
    }

    static constexpr std::size_t kHeaderBytes = 96;
    static constexpr std::uint32_t kMagic = 0x42524c44;
    static constexpr std::uint16_t kVersion = 1;
    static constexpr std::uint16_t kProducerVersion = 2;  // of a batch with a producer sequence
};

// Writes the 96 header bytes with their CRC.
void encode_record_batch_header(const RecordBatchHeader& header, char* out);

// Checks magic, version, header CRC, codec and that sizes and count are within limits. `bytes` needs >= 96
// bytes. CORRUPT_DATA says what does not fit.
Result<RecordBatchHeader> decode_record_batch_header(std::string_view bytes);

// Checks the body CRC, decompresses if needed and decodes. `stored_body` is body_bytes long.
Result<ColumnBatch> decode_record_batch_body(const RecordBatchHeader& header, SharedBytes stored_body,
                                             bool check_utf8 = false);

// The lz4 form of a body, or nothing when it would not be smaller (it is stored with codec none then).
// LIMIT_EXCEEDED above limits::batch_plain_bytes_max.
Result<std::optional<std::string>> compress_record_batch_body(std::string_view plain_body);

// The hash of a client's batch id; never {0,0}.
Hash128 batch_id_hash(std::string_view batch_id);
// The same for the id of a producer; a batch id of the same text has another one.
Hash128 producer_id_hash(std::string_view producer_id);

// What a batch is known by: a hash of its own, or that of its producer with its number there.
struct BatchName {
    Hash128 id;                  // {0,0}: none
    std::uint64_t sequence = 0;  // 0: id is the batch's own
    bool operator==(const BatchName&) const = default;
};
struct BatchNameHasher {
    std::size_t operator()(const BatchName& name) const {
        return Hash128Hasher()(name.id) ^ static_cast<std::size_t>(name.sequence * 0x9e3779b97f4a7c15);
    }
};

}  // namespace dl
