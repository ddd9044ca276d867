// The header of a record batch and its stored body, as they are and with the checksums put right, so that
// what is behind them is reached.
#include <cstring>

#include "common/base/crc32c.h"
#include "common/record/record_batch.h"
#include "tests/fuzz/fuzz_support.h"

namespace dl {

std::vector<std::string> fuzz_seeds() {
    ColumnBatchBuilder builder({{FieldId{1}, {TypeKind::int64}}, {FieldId{2}, {TypeKind::string}}});
    for (std::int64_t i = 0; i < 50; ++i) {
        builder.append_fixed(0, i);
        builder.append_bytes(1, "the same text");
        builder.finish_row(i % 7 == 0);
    }
    const std::string body = builder.encode();
    RecordBatchHeader header;
    header.body_crc = crc32c(0, body.data(), body.size());
    header.body_bytes = header.body_plain_bytes = static_cast<std::uint32_t>(body.size());
    header.table = TableId{1};
    header.epoch = LeaderEpoch{1};
    header.count = 50;
    header.schema = SchemaId{1};
    std::string plain(RecordBatchHeader::kHeaderBytes, '\0');
    encode_record_batch_header(header, plain.data());
    plain += body;
    std::vector<std::string> seeds = {plain};
    if (const auto packed = compress_record_batch_body(body); packed && *packed) {
        header.codec = BodyCodec::lz4;
        header.body_bytes = static_cast<std::uint32_t>((*packed)->size());
        header.body_crc = crc32c(0, (*packed)->data(), (*packed)->size());
        std::string compressed(RecordBatchHeader::kHeaderBytes, '\0');
        encode_record_batch_header(header, compressed.data());
        seeds.push_back(compressed + **packed);
    }
    return seeds;
}

namespace {

void decode(const std::string& bytes) {
    const auto header = decode_record_batch_header(bytes);
    if (header.has_error()) return;
    std::string again(RecordBatchHeader::kHeaderBytes, '\0');
    encode_record_batch_header(*header, again.data());
    DL_CHECK(std::memcmp(again.data(), bytes.data(), again.size()) == 0, "encode(decode(x)) == x");
    // Not a test of memory: a body may claim up to a gigabyte.
    if (header->body_plain_bytes > 1 << 20) return;
    const std::string_view rest = std::string_view(bytes).substr(RecordBatchHeader::kHeaderBytes);
    if (rest.size() < header->body_bytes) return;
    const auto batch =
        decode_record_batch_body(*header, SharedBytes::copy_of(rest.data(), header->body_bytes), true);
    if (batch) (void)read_all_values(*batch);
}

}  // namespace
}  // namespace dl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace dl;
    constexpr std::size_t kHead = RecordBatchHeader::kHeaderBytes;
    if (size < kHead) return 0;
    std::string bytes(fuzz_text(data, size));
    decode(bytes);
    const auto body_bytes = load_le<std::uint32_t>(bytes.data() + 16);
    if (body_bytes <= size - kHead) store_le(bytes.data() + 12, crc32c(0, bytes.data() + kHead, body_bytes));
    store_le(bytes.data() + 8, crc32c(0, bytes.data() + 12, kHead - 12));
    decode(bytes);
    return 0;
}
