#include "common/record/record_batch.h"

#include <lz4.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>
#include <limits>

#include "common/base/byte_io.h"
#include "common/base/crc32c.h"
#include "common/base/limits.h"

namespace dl {
namespace {

constexpr std::size_t kCrcFrom = 12;
constexpr std::uint64_t kBatchIdSeed = 0x446c426174636849;  // frozen: ids in stored logs were hashed with it
constexpr std::uint64_t kProducerIdSeed = 0x446c50726f644964;  // frozen too
// lz4 cannot expand by more than this, so a body that claims more is refused before memory is taken for it.
constexpr std::uint64_t kLz4RatioMax = 255;

Error corrupt(std::string what) {
    return make_error(ErrorCode::corrupt_data, "record batch: " + std::move(what));
}

Hash128 id_hash(std::string_view id, std::uint64_t seed) {
    const XXH128_hash_t h = XXH3_128bits_withSeed(id.data(), id.size(), seed);
    if (h.high64 == 0 && h.low64 == 0) return {0, 1};
    return {h.high64, h.low64};
}

std::string hex(std::uint32_t value) {
    char text[11];
    std::snprintf(text, sizeof text, "0x%08x", value);
    return text;
}

// The codec byte lies outside the header CRC; these rules make every flip of it visible.
bool sizes_fit_codec(const RecordBatchHeader& header) {
    if (header.codec == BodyCodec::none) return header.body_bytes == header.body_plain_bytes;
    return header.body_bytes < header.body_plain_bytes &&
           header.body_plain_bytes <= std::uint64_t{header.body_bytes} * kLz4RatioMax + 64;
}

}  // namespace

void encode_record_batch_header(const RecordBatchHeader& header, char* out) {
    store_le(out, RecordBatchHeader::kMagic);
    store_le(out + 4, header.producer_sequence == 0 ? RecordBatchHeader::kVersion
                                                    : RecordBatchHeader::kProducerVersion);
    store_le(out + 6, static_cast<std::uint8_t>(header.codec));
    store_le(out + 7, std::uint8_t{0});
    store_le(out + 12, header.body_crc);
    store_le(out + 16, header.body_bytes);
    store_le(out + 20, header.body_plain_bytes);
    store_le(out + 24, header.table.value);
    store_le(out + 32, header.partition.value);
    store_le(out + 36, header.epoch.value);
    store_le(out + 40, header.base_offset);
    store_le(out + 48, header.count);
    store_le(out + 52, header.schema.value);
    store_le(out + 56, header.append_time_us);
    store_le(out + 64, header.batch_id.high);
    store_le(out + 72, header.batch_id.low);
    store_le(out + 80, header.producer_sequence);
    store_le(out + 88, header.synced_end);
    store_le(out + 8, crc32c(0, out + kCrcFrom, RecordBatchHeader::kHeaderBytes - kCrcFrom));
}

Result<RecordBatchHeader> decode_record_batch_header(std::string_view bytes) {
    if (bytes.size() < RecordBatchHeader::kHeaderBytes)
        return corrupt("header has " + std::to_string(bytes.size()) + " of 96 bytes");
    const char* at = bytes.data();
    if (const auto magic = load_le<std::uint32_t>(at); magic != RecordBatchHeader::kMagic)
        return corrupt("magic is " + hex(magic) + " instead of " + hex(RecordBatchHeader::kMagic));
    const auto version = load_le<std::uint16_t>(at + 4);
    if (version != RecordBatchHeader::kVersion && version != RecordBatchHeader::kProducerVersion)
        return corrupt("format version " + std::to_string(version) + " is unknown (known: 1, 2)");
    const auto stored_crc = load_le<std::uint32_t>(at + 8);
    const auto crc = crc32c(0, at + kCrcFrom, RecordBatchHeader::kHeaderBytes - kCrcFrom);
    if (crc != stored_crc) return corrupt("header CRC is " + hex(crc) + ", stored " + hex(stored_crc));
    const auto codec = load_le<std::uint8_t>(at + 6);
    if (codec > static_cast<std::uint8_t>(BodyCodec::lz4))
        return corrupt("codec " + std::to_string(codec) + " is unknown");
    if (const auto flags = load_le<std::uint8_t>(at + 7); flags != 0)
        return corrupt("flags " + std::to_string(flags) + " are unknown");
    const auto sequence = load_le<std::uint64_t>(at + 80);
    if ((sequence != 0) != (version == RecordBatchHeader::kProducerVersion))
        return corrupt("producer sequence " + std::to_string(sequence) + " does not fit format version " +
                       std::to_string(version));

    RecordBatchHeader header;
    header.codec = static_cast<BodyCodec>(codec);
    header.body_crc = load_le<std::uint32_t>(at + 12);
    header.body_bytes = load_le<std::uint32_t>(at + 16);
    header.body_plain_bytes = load_le<std::uint32_t>(at + 20);
    header.table = TableId{load_le<std::uint64_t>(at + 24)};
    header.partition = PartitionId{load_le<std::uint32_t>(at + 32)};
    header.epoch = LeaderEpoch{load_le<std::uint32_t>(at + 36)};
    header.base_offset = load_le<Offset>(at + 40);
    header.count = load_le<std::uint32_t>(at + 48);
    header.schema = SchemaId{load_le<std::uint32_t>(at + 52)};
    header.append_time_us = load_le<std::int64_t>(at + 56);
    header.batch_id = {load_le<std::uint64_t>(at + 64), load_le<std::uint64_t>(at + 72)};
    header.producer_sequence = sequence;
    header.synced_end = load_le<Offset>(at + 88);
    if (sequence != 0 && !header.has_batch_id()) return corrupt("a producer sequence without a producer");

    if (header.body_bytes > limits::record_batch_bytes_max ||
        header.body_plain_bytes > limits::batch_plain_bytes_max)
        return corrupt("body of " + std::to_string(header.body_bytes) + " bytes, " +
                       std::to_string(header.body_plain_bytes) + " decompressed, is over the limit");
    if (!sizes_fit_codec(header))
        return corrupt("body sizes " + std::to_string(header.body_bytes) + " and " +
                       std::to_string(header.body_plain_bytes) + " do not fit codec " +
                       std::to_string(codec));
    if (header.count == 0) return corrupt("record count is 0");
    if (header.base_offset < 0 || header.base_offset > std::numeric_limits<Offset>::max() - header.count)
        return corrupt("base offset " + std::to_string(header.base_offset) + " is out of range");
    if (header.synced_end < 0 || header.synced_end > header.base_offset)
        return corrupt("synced end " + std::to_string(header.synced_end) + " is behind the base offset " +
                       std::to_string(header.base_offset));
    return header;
}

Result<ColumnBatch> decode_record_batch_body(const RecordBatchHeader& header, SharedBytes stored_body,
                                             bool check_utf8) {
    if (stored_body.size() != header.body_bytes)
        return corrupt("body has " + std::to_string(stored_body.size()) + " of " +
                       std::to_string(header.body_bytes) + " bytes");
    const auto crc = crc32c(0, stored_body.data(), stored_body.size());
    if (crc != header.body_crc)
        return corrupt("body CRC is " + hex(crc) + ", stored " + hex(header.body_crc));
    if (!sizes_fit_codec(header) || header.body_plain_bytes > limits::batch_plain_bytes_max)
        return corrupt("body sizes do not fit the codec");
    if (header.codec == BodyCodec::none)
        return ColumnBatch::decode(std::move(stored_body), header.count, check_utf8);

    auto plain = std::make_shared_for_overwrite<char[]>(header.body_plain_bytes);
    const int written =
        LZ4_decompress_safe(stored_body.view().data(), plain.get(), static_cast<int>(header.body_bytes),
                            static_cast<int>(header.body_plain_bytes));
    if (written < 0 || static_cast<std::uint32_t>(written) != header.body_plain_bytes)
        return corrupt("lz4 body does not decompress to " + std::to_string(header.body_plain_bytes) +
                       " bytes");
    const void* data = plain.get();
    return ColumnBatch::decode(SharedBytes(std::move(plain), data, header.body_plain_bytes), header.count,
                               check_utf8);
}

Result<std::optional<std::string>> compress_record_batch_body(std::string_view plain_body) {
    if (plain_body.size() > limits::batch_plain_bytes_max)
        return make_error(ErrorCode::limit_exceeded,
                          "batch body of " + std::to_string(plain_body.size()) + " bytes; the limit is " +
                              std::to_string(limits::batch_plain_bytes_max) + "; send smaller batches");
    if (plain_body.size() < 2) return std::optional<std::string>{};
    // One byte less than the input: lz4 gives up as soon as it would not be smaller.
    std::string stored(plain_body.size() - 1, '\0');
    const int size =
        LZ4_compress_default(plain_body.data(), stored.data(), static_cast<int>(plain_body.size()),
                             static_cast<int>(stored.size()));
    if (size <= 0) return std::optional<std::string>{};
    stored.resize(static_cast<std::size_t>(size));
    return std::optional<std::string>{std::move(stored)};
}

Hash128 batch_id_hash(std::string_view batch_id) {
    return id_hash(batch_id, kBatchIdSeed);
}

Hash128 producer_id_hash(std::string_view producer_id) {
    return id_hash(producer_id, kProducerIdSeed);
}

}  // namespace dl
