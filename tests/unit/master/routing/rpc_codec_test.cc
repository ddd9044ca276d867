#include "master/routing/rpc_codec.h"

#include <gtest/gtest.h>

#include "master/routing/rpc_timeout.h"

namespace dl::master {
namespace {

TEST(RpcCodec, FramesOfRowsAreCheckedAndNameTheSlave) {
    ColumnBatchBuilder builder({{FieldId{1}, {TypeKind::int64}}});
    for (std::int64_t i = 0; i < 3; ++i) {
        builder.append_fixed(0, i);
        builder.finish_row(false);
    }
    std::string frame;
    append_le(frame, std::uint32_t{3});
    frame += builder.encode();
    const auto rows = decode_query_rows(SharedBytes::from_string(frame), "a:1");
    ASSERT_TRUE(rows.has_value()) << rows.error().to_text();
    EXPECT_EQ(rows->rows(), 3u);
    EXPECT_EQ(rows->columns()[0].fixed<std::int64_t>(2), 2);
    for (const auto& bad : {std::string(), frame.substr(0, 3), frame.substr(0, frame.size() - 8)}) {
        const auto refused = decode_query_rows(SharedBytes::from_string(bad), "a:1");
        ASSERT_TRUE(refused.has_error()) << bad.size();
        EXPECT_NE(refused.error().message.find("slave a:1"), std::string::npos) << refused.error().to_text();
    }
}

TEST(RpcTimeout, IsRoundedUpAndNotBelowTheLeast) {
    const auto now = std::chrono::steady_clock::now();
    EXPECT_EQ(milliseconds_until(now - std::chrono::seconds(1), 1), 1);
    EXPECT_EQ(milliseconds_until(now - std::chrono::seconds(1), 0), 0);
    const auto left = milliseconds_until(now + std::chrono::hours(1), 1);
    EXPECT_LE(left, 3'600'000);
    EXPECT_GT(left, 3'590'000);
}

}  // namespace
}  // namespace dl::master
