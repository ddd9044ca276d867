#include "tests/support/wire_bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dl::test {
namespace {

// The bytes recorded from existing clients (PROTOCOL 3.2 and 3.3).
TEST(WireBytes, BatchBuilderMatchesRecordedBytes) {
    const auto plain =
        plain_batch("t1", {"id", "name", "_crud_type"}, {{"1", "ab", "insert"}, {"2", {}, "delete"}});
    EXPECT_EQ(bytes_to_hex(plain),
              bytes_to_hex(hex_to_bytes("02000000 7431 03000000 02000000 6964 04000000 6e616d65 0a000000 "
                                        "5f637275645f74797065 02000000 03000000 01000000 31 02000000 6162 "
                                        "06000000 696e73657274 03000000 01000000 32 03000000 2f7e7c 06000000 "
                                        "64656c657465")));
}

TEST(WireBytes, StreamDecoderReadsRecordedBytes) {
    const auto records = decode_plain_stream(
        hex_to_bytes("02000000 | 02000000 7431 01000000 31 02000000 02000000 6964 01000000 31 04000000 "
                     "6e616d65 02000000 6162 06000000 "
                     "696e73657274 00000000 0000000000000000 | 02000000 7431 01000000 32 02000000 02000000 "
                     "6964 01000000 32 04000000 "
                     "6e616d65 03000000 2f7e7c 06000000 64656c657465 00000000 0100000000000000"));
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(records[0].key, "1");
    EXPECT_EQ(records[0].values.at("name"), "ab");
    EXPECT_EQ(records[1].crud, "delete");
    EXPECT_EQ(records[1].values.at("name"), std::nullopt);
    EXPECT_EQ(records[1].offset, 1);
}

TEST(WireBytes, StreamDecoderRefusesWhatDoesNotEndExactly) {
    EXPECT_THROW(decode_plain_stream(hex_to_bytes("00000000 00")), std::runtime_error);
    EXPECT_THROW(decode_plain_stream(hex_to_bytes("01000000 ff000000 61")), std::runtime_error);
}

TEST(WireBytes, SnappyRoundTripAndFrameLength) {
    EXPECT_EQ(snappy_uncompress(snappy_compress("hello hello hello hello")), "hello hello hello hello");
    EXPECT_EQ(bytes_to_hex(frame("ab")), "000000026162");
}

}  // namespace
}  // namespace dl::test
