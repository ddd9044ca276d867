#include "common/record/record_batch.h"

#include <gtest/gtest.h>

#include "common/base/byte_io.h"
#include "common/base/crc32c.h"

namespace dl {
namespace {

RecordBatchHeader sample() {
    RecordBatchHeader header;
    header.body_crc = 0x01020304;
    header.body_bytes = header.body_plain_bytes = 1000;
    header.table = TableId{0x1111111111111111};
    header.partition = PartitionId{2};
    header.epoch = LeaderEpoch{3};
    header.base_offset = 400;
    header.count = 50;
    header.schema = SchemaId{6};
    header.append_time_us = 1'700'000'000'000'000;
    header.batch_id = {8, 9};
    header.synced_end = 390;
    return header;
}

std::string encode(const RecordBatchHeader& header) {
    std::string bytes(RecordBatchHeader::kHeaderBytes, '\0');
    encode_record_batch_header(header, bytes.data());
    return bytes;
}

TEST(RecordBatch, HeaderComesBackAsWritten) {
    const auto decoded = decode_record_batch_header(encode(sample()));
    ASSERT_FALSE(decoded.has_error()) << decoded.error().to_text();
    EXPECT_EQ(encode(*decoded), encode(sample()));
    EXPECT_EQ(decoded->end_offset(), 450);
    EXPECT_EQ(decoded->synced_end, 390);
    EXPECT_EQ(decoded->batch_id, (Hash128{8, 9}));
    EXPECT_EQ(decoded->total_bytes(), 96u + 1000u);
}

TEST(RecordBatch, BatchesOfAProducerAreOfVersion2) {
    auto header = sample();
    header.producer_sequence = 0x0102030405060708;
    const auto bytes = encode(header);
    EXPECT_EQ(load_le<std::uint16_t>(bytes.data() + 4), 2);
    EXPECT_EQ(load_le<std::uint64_t>(bytes.data() + 80), 0x0102030405060708u);
    std::string hex;
    for (const unsigned char byte : bytes) {
        hex += "0123456789abcdef"[byte >> 4];
        hex += "0123456789abcdef"[byte & 15];
    }
    EXPECT_EQ(hex,
              "444c5242020000005ee2ae5704030201e8030000e80300001111111111111111"
              "02000000030000009001000000000000320000000600000000401e18240a0600"
              "0800000000000000090000000000000008070605040302018601000000000000");
    const auto decoded = decode_record_batch_header(bytes);
    ASSERT_FALSE(decoded.has_error()) << decoded.error().to_text();
    EXPECT_EQ(decoded->producer_sequence, 0x0102030405060708u);
    EXPECT_EQ(encode(*decoded), bytes);
    EXPECT_EQ(load_le<std::uint16_t>(encode(sample()).data() + 4), 1) << "others stay as they were";

    auto nobodys = header;
    nobodys.batch_id = {};
    EXPECT_EQ(decode_record_batch_header(encode(nobodys)).error().code, ErrorCode::corrupt_data);
    auto wrong = bytes;
    store_le(wrong.data() + 4, std::uint16_t{1});
    EXPECT_EQ(decode_record_batch_header(wrong).error().code, ErrorCode::corrupt_data);
    wrong = encode(sample());
    store_le(wrong.data() + 4, std::uint16_t{2});
    EXPECT_EQ(decode_record_batch_header(wrong).error().code, ErrorCode::corrupt_data);
}

TEST(RecordBatch, EveryBitOfTheHeaderIsGuarded) {
    for (const auto codec : {BodyCodec::none, BodyCodec::lz4, BodyCodec::none}) {
        auto header = sample();
        header.codec = codec;
        header.producer_sequence = codec == BodyCodec::lz4 ? 7 : 0;
        if (codec == BodyCodec::lz4) header.body_bytes = 999;
        const auto bytes = encode(header);
        ASSERT_FALSE(decode_record_batch_header(bytes).has_error());
        for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
            auto damaged = bytes;
            damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
            EXPECT_EQ(decode_record_batch_header(damaged).error().code, ErrorCode::corrupt_data)
                << "bit " << bit;
        }
        for (std::size_t size = 0; size < bytes.size(); ++size)
            EXPECT_TRUE(decode_record_batch_header(bytes.substr(0, size)).has_error());
    }
}

TEST(RecordBatch, HostileHeadersWithAValidCrcAreRefused) {
    const auto refused = [](auto change) {
        auto header = sample();
        change(header);
        return decode_record_batch_header(encode(header)).has_error();
    };
    EXPECT_TRUE(refused([](auto& h) { h.count = 0; }));
    EXPECT_TRUE(refused([](auto& h) { h.base_offset = -1; }));
    EXPECT_TRUE(refused([](auto& h) { h.base_offset = INT64_MAX - 10; }));
    EXPECT_TRUE(refused([](auto& h) { h.synced_end = 401; }));
    EXPECT_TRUE(refused([](auto& h) { h.body_bytes = h.body_plain_bytes = 0xffffffff; }));
    EXPECT_TRUE(refused([](auto& h) { h.body_plain_bytes = 1001; }));
    EXPECT_TRUE(refused([](auto& h) {  // a decompression bomb
        h.codec = BodyCodec::lz4;
        h.body_bytes = 10;
        h.body_plain_bytes = 1u << 30;
    }));
}

TEST(RecordBatch, CompressesOnlyWhatGetsSmaller) {
    std::string noise;
    for (int i = 0; i < 1000; ++i)
        append_le(noise, crc32c(0, &i, sizeof i));
    EXPECT_FALSE(compress_record_batch_body(noise)->has_value());
    EXPECT_FALSE(compress_record_batch_body("")->has_value());
    const std::string plain(100'000, 'x');
    const auto stored = compress_record_batch_body(plain);
    ASSERT_TRUE(stored->has_value());
    EXPECT_LT((*stored)->size(), 1000u);
}

TEST(RecordBatch, BodiesAreCheckedAndDecompressed) {
    ColumnBatchBuilder builder({{FieldId{1}, DataType{TypeKind::int64}}});
    for (std::int64_t i = 0; i < 1000; ++i) {
        builder.append_fixed<std::int64_t>(0, i / 100);
        builder.finish_row(false);
    }
    const auto plain = builder.encode();
    auto header = sample();
    header.count = 1000;
    for (const auto codec : {BodyCodec::none, BodyCodec::lz4}) {
        const auto stored = codec == BodyCodec::none ? plain : **compress_record_batch_body(plain);
        header.codec = codec;
        header.body_bytes = static_cast<std::uint32_t>(stored.size());
        header.body_plain_bytes = static_cast<std::uint32_t>(plain.size());
        header.body_crc = crc32c(0, stored.data(), stored.size());
        const auto batch = decode_record_batch_body(header, SharedBytes::from_string(stored));
        ASSERT_FALSE(batch.has_error()) << batch.error().to_text();
        EXPECT_EQ(batch->columns()[0].fixed<std::int64_t>(999), 9);
        auto damaged = stored;
        damaged[100] = static_cast<char>(damaged[100] ^ 1);
        EXPECT_EQ(decode_record_batch_body(header, SharedBytes::from_string(damaged)).error().code,
                  ErrorCode::corrupt_data);
        EXPECT_TRUE(decode_record_batch_body(header, SharedBytes::from_string(stored + "x")).has_error());
        // Well summed, but not what it claims to be.
        auto wrong = header;
        wrong.body_plain_bytes -= 8;
        EXPECT_TRUE(decode_record_batch_body(wrong, SharedBytes::from_string(stored)).has_error());
    }
}

TEST(RecordBatch, BatchIdHashIsFrozenAndNeverNone) {
    EXPECT_EQ(batch_id_hash("a"), batch_id_hash("a"));
    EXPECT_NE(batch_id_hash("a"), batch_id_hash("b"));
    EXPECT_NE(batch_id_hash(""), Hash128{});
    EXPECT_NE(batch_id_hash("a"), producer_id_hash("a"));
    EXPECT_EQ(producer_id_hash("producer-1"), (Hash128{0xca101fe5fc74bf91, 0x639057093d622c03}));
    EXPECT_EQ(batch_id_hash("batch-1"), (Hash128{0x66f1e156187566ca, 0xa3cab062e765b02e}));
}

}  // namespace
}  // namespace dl
