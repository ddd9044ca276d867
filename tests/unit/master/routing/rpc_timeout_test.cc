#include "master/routing/rpc_timeout.h"

#include <gtest/gtest.h>

namespace dl::master {
namespace {

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
