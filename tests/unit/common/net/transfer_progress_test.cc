#include "common/net/transfer_progress.h"

#include <gtest/gtest.h>

namespace dl::net {
namespace {

using namespace std::chrono_literals;
using Verdict = TransferProgress::Verdict;
using Time = TransferProgress::Time;

constexpr TransferLimits kLimits{.stall = 10s, .bytes_per_second_min = 1000};
const Time kBegin{1h};

TEST(TransferProgress, EveryWindowBringsTheLeastRate) {
    TransferProgress progress(kLimits, 1u << 30, kBegin, Time::max());
    EXPECT_EQ(progress.look_at(false), kBegin + 10s);
    progress.moved(10'000);
    EXPECT_EQ(progress.judge(kBegin + 10s, false), Verdict::goes_on);
    EXPECT_EQ(progress.look_at(false), kBegin + 20s);
    progress.moved(9'999);
    EXPECT_EQ(progress.judge(kBegin + 19s, false), Verdict::goes_on);
    EXPECT_EQ(progress.judge(kBegin + 20s, false), Verdict::too_slow) << "what came before does not help";
}

TEST(TransferProgress, TheWholeHasItsTimeToo) {
    TransferProgress progress(kLimits, 5000, kBegin, Time::max());
    EXPECT_EQ(progress.judge(kBegin + 14s, false), Verdict::too_slow);
    TransferProgress bounded(kLimits, 5000, kBegin, kBegin + 2s);
    EXPECT_EQ(bounded.look_at(false), kBegin + 2s);
    EXPECT_EQ(bounded.judge(kBegin + 2s, false), Verdict::too_slow);
    TransferProgress endless({.stall = std::chrono::milliseconds::max(), .bytes_per_second_min = 0}, 1,
                             kBegin, Time::max());
    EXPECT_EQ(endless.judge(kBegin + 10000h, false), Verdict::goes_on);
}

TEST(TransferProgress, WaitingForMemoryIsNotThePeersFault) {
    TransferProgress progress(kLimits, 5000, kBegin, Time::max());
    progress.pause(kBegin + 1s, kBegin + 61s);
    progress.moved(10'000);
    EXPECT_EQ(progress.judge(kBegin + 74s, false), Verdict::goes_on);
    EXPECT_EQ(progress.judge(kBegin + 75s, false), Verdict::too_slow);
}

TEST(TransferProgress, WhoHoldsMemoryThatOthersWaitForHasToBeQuick) {
    TransferProgress progress(kLimits, 1u << 30, kBegin, Time::max());
    EXPECT_EQ(progress.look_at(true), kBegin + 1s);
    const auto second = [&](int n, std::size_t bytes, bool contended) {
        progress.moved(bytes);
        return progress.judge(kBegin + std::chrono::seconds(n), contended);
    };
    EXPECT_EQ(second(1, 1000, true), Verdict::goes_on);
    EXPECT_EQ(second(2, 1000, true), Verdict::goes_on);
    EXPECT_EQ(second(3, TransferProgress::kBytesPerLookContended, true), Verdict::goes_on);
    EXPECT_EQ(second(4, 1000, true), Verdict::goes_on);
    EXPECT_EQ(second(5, 1000, true), Verdict::goes_on);
    EXPECT_EQ(second(6, 1000, false), Verdict::goes_on) << "nobody waits";
    EXPECT_EQ(second(7, 1000, true), Verdict::goes_on);
    EXPECT_EQ(second(8, 1000, true), Verdict::goes_on);
    EXPECT_EQ(second(9, 1000, true), Verdict::in_the_way);
}

}  // namespace
}  // namespace dl::net
