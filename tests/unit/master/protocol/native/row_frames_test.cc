#include "master/protocol/native/row_frames.h"

#include <gtest/gtest.h>

namespace dl::master::test {
namespace {

ColumnBatch batch_of(const std::vector<std::string>& texts) {
    ColumnBatchBuilder builder({{FieldId{1}, DataType{TypeKind::string, 0, 0}}});
    for (const auto& text : texts) {
        builder.append_bytes(0, text);
        builder.finish_row(false);
    }
    return *ColumnBatch::decode(SharedBytes::from_string(builder.encode()), builder.rows());
}

TEST(RowFrames, ARowThatNoFrameHoldsIsRefusedBeforeAByteOfIt) {
    RowFrames frames({{"s", DataType{TypeKind::string, 0, 0}}});
    const auto batch = batch_of({"a", std::string(90'000'000, '\x01')});
    const auto taken = frames.take(batch, 0);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, ErrorCode::limit_exceeded);
    EXPECT_EQ(frames.take_bytes(), std::string("\0\0\0\x09{\"s\":\"a\"}", 13));
}

TEST(RowFrames, ALongRowThatFitsIsTaken) {
    RowFrames frames({{"s", DataType{TypeKind::string, 0, 0}}});
    const auto taken = frames.take(batch_of({std::string(60'000'000, 'x'), "b"}), 0);
    ASSERT_TRUE(taken);
    EXPECT_EQ(*taken, 1u);
    EXPECT_EQ(frames.take_bytes().size(), 60'000'000u + 12);
}

}  // namespace
}  // namespace dl::master::test
