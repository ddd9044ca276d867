#include "slave/replication/lease.h"

#include <gtest/gtest.h>

namespace dl::slave {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

class LeaseTest : public ::testing::Test {
  protected:
    std::int64_t now_ = 100 * kSecond;
    Lease lease_{[this] { return now_; }};
};

TEST_F(LeaseTest, CountsFromTheReplyAndNotFromItsAnswer) {
    EXPECT_FALSE(lease_.held());
    const auto reply = lease_.reply_to("a");
    now_ += kSecond;  // on its way, and back
    lease_.granted("a", reply, 2 * kSecond);
    EXPECT_TRUE(lease_.held());
    now_ += kSecond - 1;
    EXPECT_TRUE(lease_.held());
    now_ += 1;
    EXPECT_FALSE(lease_.held());
}

// A heartbeat that was held up for longer than the lease brings none.
TEST_F(LeaseTest, ALateHeartbeatGrantsNothing) {
    const auto reply = lease_.reply_to("a");
    now_ += 10 * kSecond;
    lease_.granted("a", reply, 2 * kSecond);
    EXPECT_FALSE(lease_.held());
}

TEST_F(LeaseTest, OlderAnswersDoNotShortenIt) {
    const auto first = lease_.reply_to("a");
    now_ += kSecond;
    const auto second = lease_.reply_to("a");
    lease_.granted("a", second, 2 * kSecond);
    lease_.granted("a", first, 2 * kSecond);
    now_ += 2 * kSecond - 1;
    EXPECT_TRUE(lease_.held());
}

TEST_F(LeaseTest, AnotherControllerBeginsWithoutOne) {
    const auto reply = lease_.reply_to("a");
    lease_.granted("a", reply, 5 * kSecond);
    ASSERT_TRUE(lease_.held());
    const auto other = lease_.reply_to("b");
    EXPECT_FALSE(lease_.held());
    EXPECT_TRUE(lease_.is_of("b"));
    lease_.granted("a", reply, 5 * kSecond);
    EXPECT_FALSE(lease_.held());
    lease_.granted("b", other, 5 * kSecond);
    EXPECT_TRUE(lease_.held());
}

TEST_F(LeaseTest, NumbersThatWereNotSentGrantNothing) {
    const auto reply = lease_.reply_to("a");
    lease_.granted("a", reply + 1, 5 * kSecond);
    EXPECT_FALSE(lease_.held());
}

}  // namespace
}  // namespace dl::slave
