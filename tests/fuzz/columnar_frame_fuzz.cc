// A columnar stream frame as a client gets it, as it is and with its checksums put right.
#include "common/base/crc32c.h"
#include "common/record/columnar_frame.h"
#include "tests/fuzz/fuzz_support.h"

namespace dl {

std::vector<std::string> fuzz_seeds() {
    ColumnBatchBuilder builder({{FieldId{1}, {TypeKind::int64}}, {FieldId{2}, {TypeKind::string}}});
    for (std::int64_t i = 0; i < 5; ++i) {
        builder.append_fixed(0, i);
        builder.append_bytes(1, "text");
        builder.finish_row(i == 2);
    }
    const std::string body = builder.encode();
    RecordBatchHeader header;
    header.body_crc = crc32c(0, body.data(), body.size());
    header.body_bytes = header.body_plain_bytes = static_cast<std::uint32_t>(body.size());
    header.table = TableId{1};
    header.epoch = LeaderEpoch{1};
    header.count = 5;
    header.schema = SchemaId{1};
    const std::vector<Offset> offsets = {3, 5, 8};
    return {columnar_batch_prefix(header, 0, 5, {}) + body,
            columnar_batch_prefix(header, 2, 5, offsets) + body};
}

namespace {

void decode(const std::string& bytes) {
    const auto frame = decode_columnar_frame(SharedBytes::copy_of(bytes.data(), bytes.size()));
    if (frame.has_error()) return;
    DL_CHECK(frame->first_row <= frame->end_row && frame->end_row <= frame->batch.rows(),
             "rows within the batch");
    for (std::uint32_t row = frame->first_row; row < frame->end_row; ++row)
        (void)frame->offset_of(row);
    (void)read_all_values(frame->batch);
}

}  // namespace
}  // namespace dl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace dl;
    std::string bytes(fuzz_text(data, size));
    decode(bytes);
    if (size < 16) return 0;
    const std::size_t head = 16 + std::size_t{load_le<std::uint32_t>(bytes.data() + 8)} * sizeof(Offset);
    const std::size_t body = head + RecordBatchHeader::kHeaderBytes;
    if (size < body) return 0;
    store_le(bytes.data() + head + 12, crc32c(0, bytes.data() + body, size - body));
    store_le(bytes.data() + head + 8,
             crc32c(0, bytes.data() + head + 12, RecordBatchHeader::kHeaderBytes - 12));
    // A body that claims far more than it holds is a matter of memory, not of decoding.
    if (load_le<std::uint32_t>(bytes.data() + head + 20) <= 1 << 20) decode(bytes);
    return 0;
}
