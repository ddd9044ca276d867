#include "common/record/columnar_frame.h"

#include <gtest/gtest.h>

#include "common/base/byte_io.h"
#include "master/protocol/native/batch_json.h"
#include "tests/unit/support/wire_test_util.h"

namespace dl {
namespace {

using wire_test::make_table;

struct Sample {
    TableMeta table = make_table({{"id", "int"}, {"name", "string", false, "a\"b"}});
    PartitionBody body;
    RecordBatchHeader header;
    Sample() {
        body = parse_json_rows(
                   *JsonRequest::parse(R"({"batch_insert":{"table_name":"t1","data":[{"id":1,"name":"x"},
                                                     {"id":2,"crud":"delete"},{"id":3,"name":"z"}]}})"),
                   table)
                   ->partitions.at(0);
        header.body_crc = body.crc;
        header.body_bytes = header.body_plain_bytes = static_cast<std::uint32_t>(body.body.size());
        header.table = table.id;
        header.partition = PartitionId{2};
        header.epoch = LeaderEpoch{1};
        header.base_offset = 10;
        header.count = body.rows;
        header.schema = SchemaId{1};
        header.append_time_us = 1'700'000'000'000'000;
    }
    std::string frame(std::uint32_t first, std::uint32_t end, const std::vector<Offset>& offsets = {}) const {
        return columnar_batch_prefix(header, first, end, offsets) + body.body;
    }
};

Result<ColumnarFrame> decode_frame(std::string bytes) {
    return decode_columnar_frame(SharedBytes::from_string(std::move(bytes)));
}

TEST(ColumnarFrame, RoundTrip) {
    const Sample sample;
    const auto dense = decode_frame(sample.frame(1, 3));
    ASSERT_TRUE(dense.has_value()) << dense.error().message;
    EXPECT_EQ(dense->first_row, 1u);
    EXPECT_EQ(dense->end_row, 3u);
    EXPECT_EQ(dense->offset_of(2), 12);
    EXPECT_TRUE(dense->batch.is_delete(1));
    EXPECT_EQ(dense->batch.columns()[1].bytes(2), "z");
    EXPECT_EQ(dense->header.partition, PartitionId{2});
    const auto sparse = decode_frame(sample.frame(1, 3, {100, 200}));
    ASSERT_TRUE(sparse.has_value());
    EXPECT_EQ(sparse->offset_of(1), 100);
    EXPECT_EQ(sparse->offset_of(2), 200);
}

TEST(ColumnarFrame, RefusesWhatDoesNotFit) {
    const Sample sample;
    EXPECT_TRUE(decode_frame(sample.frame(2, 1)).has_error());
    EXPECT_TRUE(decode_frame(sample.frame(0, 4)).has_error());
    EXPECT_TRUE(decode_frame(sample.frame(0, 3, {1, 2})).has_error());
    EXPECT_TRUE(decode_frame(sample.frame(0, 3, {1, 3, 2})).has_error());
    EXPECT_TRUE(decode_frame(sample.frame(0, 3) + "x").has_error());
    const std::string good = sample.frame(0, 3, {4, 5, 6});
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_TRUE(decode_frame(good.substr(0, size)).has_error());
    // Every changed byte of header and body is noticed by a checksum; those in front of them by their meaning
    // or not at all (other rows or offsets are as valid).
    for (std::size_t at = 16 + 24; at < good.size(); ++at) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 0x10);
        EXPECT_TRUE(decode_frame(bad).has_error()) << at;
    }
    std::string huge = good;
    store_le(huge.data() + 8, std::uint32_t{0xffffffff});
    EXPECT_TRUE(decode_frame(huge).has_error());
}

TEST(ColumnarFrame, SchemaFrame) {
    EXPECT_EQ(columnar_schema_frame(Sample().table),
              R"({"table_name":"t1","major_key":"id","columns":[{"id":1,"name":"id","type":"int"},)"
              R"({"id":2,"name":"name","type":"string","default":"a\"b"}]})");
}

}  // namespace
}  // namespace dl
