// Who is ticked, and who is left alone.
#include "slave/partition/upkeep_list.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "tests/unit/slave/handlers/fake_slave.h"

namespace dl::slave {
namespace {

using Clock = UpkeepList::Clock;
using std::chrono::seconds;

class Ticked final : public test::FakePartition {
  public:
    explicit Ticked(std::uint32_t number) : FakePartition(TableId{1}, PartitionId{number}) {}
    Clock::time_point tick() override {
        ++ticks;
        if (during_tick) during_tick();
        return std::exchange(next, UpkeepList::kAtRest);
    }
    std::optional<Error> write_failure() const override { return failure; }

    int ticks = 0;
    Clock::time_point next = UpkeepList::kAtRest;  // what its next tick says, once
    std::function<void()> during_tick;
    std::optional<Error> failure;
};

class UpkeepListTest : public ::testing::Test {
  protected:
    void add(std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) {
            partitions_.push_back(std::make_shared<Ticked>(i));
            members_.push_back(list_->join(TableId{1}, PartitionId{i}, partitions_.back()));
        }
    }
    std::size_t tick() { return list_->tick(now_); }
    // By partition, of those that had any since the last call.
    std::map<std::size_t, int> ticked() {
        std::map<std::size_t, int> found;
        for (std::size_t i = 0; i < partitions_.size(); ++i)
            if (const auto ticks = std::exchange(partitions_[i]->ticks, 0); ticks > 0) found[i] = ticks;
        return found;
    }
    using Count = std::map<std::size_t, int>;

    Clock::time_point now_{seconds(1000)};
    std::shared_ptr<UpkeepList> list_ = std::make_shared<UpkeepList>();
    std::vector<std::shared_ptr<Ticked>> partitions_;
    std::vector<std::shared_ptr<UpkeepList::Member>> members_;
};

TEST_F(UpkeepListTest, WhoJoinsIsTickedAndThenEachOnceARound) {
    add(600);
    EXPECT_EQ(tick(), 600u);
    EXPECT_EQ(ticked().size(), 600u);
    for (int round = 0; round < 3; ++round) {
        std::size_t most = 0;
        for (std::size_t i = 0; i < UpkeepList::kRoundTicks; ++i)
            most = std::max(most, tick());
        EXPECT_EQ(most, 600u / UpkeepList::kRoundTicks) << "spread over the round";
        const auto count = ticked();
        EXPECT_EQ(count.size(), 600u);
        for (const auto& [number, ticks] : count)
            EXPECT_EQ(ticks, 1) << number;
    }
}

// Few of them are no reason to look at each with every call.
TEST_F(UpkeepListTest, OneAloneHasItsRoundToo) {
    add(1);
    std::size_t ticks = 0;
    for (std::size_t i = 0; i < 10 * UpkeepList::kRoundTicks; ++i)
        ticks += tick();
    EXPECT_EQ(ticks, 11u);
}

TEST_F(UpkeepListTest, WhoIsWokenIsTickedOnceHoweverOften) {
    add(5);
    tick();
    ticked();
    EXPECT_EQ(tick(), 0u);
    for (int i = 0; i < 100; ++i)
        members_[3]->wake();
    EXPECT_EQ(tick(), 1u);
    EXPECT_EQ(ticked(), (Count{{3, 1}}));
    EXPECT_EQ(tick(), 0u);
    members_[3]->wake();
    EXPECT_EQ(tick(), 1u);
}

TEST_F(UpkeepListTest, WhoIsWokenByItsTickIsTickedAgain) {
    add(2);
    tick();
    ticked();
    partitions_[1]->during_tick = [this] {
        if (partitions_[1]->ticks == 1) members_[1]->wake();
    };
    members_[1]->wake();
    EXPECT_EQ(tick(), 1u);
    EXPECT_EQ(tick(), 1u);
    EXPECT_EQ(tick(), 0u);
    EXPECT_EQ(ticked(), (Count{{1, 2}}));
}

TEST_F(UpkeepListTest, WhoNamesATimeIsTickedThen) {
    add(3);
    partitions_[0]->next = now_ + seconds(5);
    partitions_[2]->next = now_ + seconds(3);
    tick();
    ticked();
    now_ += seconds(2);
    EXPECT_EQ(tick(), 0u);
    now_ += seconds(1);
    EXPECT_EQ(tick(), 1u);
    EXPECT_EQ(ticked(), (Count{{2, 1}}));
    // Woken before: what that tick says holds instead.
    members_[0]->wake();
    partitions_[0]->next = now_ + seconds(4);
    EXPECT_EQ(tick(), 1u);
    now_ += seconds(3);
    EXPECT_EQ(tick(), 0u) << "the time that it named first";
    now_ += seconds(1);
    EXPECT_EQ(tick(), 1u);
    EXPECT_EQ(ticked(), (Count{{0, 2}}));
}

TEST_F(UpkeepListTest, WhoIsGoneIsNotTickedAndHoldsUpNobody) {
    add(4);
    partitions_[1]->next = now_ + seconds(1);
    tick();
    members_[0]->wake();
    members_[2]->wake();
    members_[0].reset();  // before its partition
    partitions_[1].reset();
    members_[1].reset();
    partitions_[2].reset();  // after its partition, as one whose views are read still
    now_ += seconds(1);
    EXPECT_EQ(tick(), 0u);
    members_[2]->wake();
    members_[3]->wake();
    EXPECT_EQ(tick(), 1u);
    for (std::size_t i = 0; i < 2 * UpkeepList::kRoundTicks; ++i)
        tick();
}

TEST_F(UpkeepListTest, WhoFailedIsNamedForAsLongAsItLives) {
    add(120);
    tick();
    members_[7]->fail();
    members_[7]->fail();
    ASSERT_EQ(list_->failed().size(), 1u);
    EXPECT_EQ(list_->failed()[0].partition, partitions_[7]);
    EXPECT_EQ(list_->failed()[0].id, PartitionId{7});
    // And one that nobody has named.
    partitions_[8]->failure = make_error(ErrorCode::io_error, "the disk");
    for (std::size_t i = 0; i < UpkeepList::kRoundTicks; ++i)
        tick();
    EXPECT_EQ(list_->failed().size(), 2u);
    partitions_[7].reset();
    ASSERT_EQ(list_->failed().size(), 1u);
    EXPECT_EQ(list_->failed()[0].id, PartitionId{8});
}

// A tick that begins behind a wake-up sees what was changed before it.
TEST_F(UpkeepListTest, NoWakeUpIsLost) {
    constexpr int kThreads = 4, kChanges = 20'000;
    add(3);
    std::vector<std::atomic<int>> made(partitions_.size());
    std::vector<int> seen(partitions_.size());
    for (std::size_t i = 0; i < partitions_.size(); ++i)
        partitions_[i]->during_tick = [&, i] { seen[i] = made[i].load(std::memory_order_relaxed); };
    std::vector<std::jthread> threads;
    std::atomic<int> running{kThreads};
    for (int t = 0; t < kThreads; ++t)
        threads.emplace_back([&] {
            for (int change = 0; change < kChanges; ++change) {
                const auto i = static_cast<std::size_t>(change) % partitions_.size();
                made[i].fetch_add(1, std::memory_order_relaxed);
                members_[i]->wake();
            }
            --running;
        });
    while (running > 0)
        tick();
    threads.clear();
    tick();
    for (std::size_t i = 0; i < partitions_.size(); ++i)
        EXPECT_EQ(seen[i], made[i].load());
}

}  // namespace
}  // namespace dl::slave
