// A partition with copies elsewhere: what is synced here is not committed yet. And the leader epoch.
#include <thread>

#include "tests/unit/slave/partition/faulty_file_system.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave {
namespace {

using namespace test;
using std::chrono::milliseconds;

bool is_ready(const std::future<Result<AppendAck>>& future) {
    return future.wait_for(milliseconds(0)) == std::future_status::ready;
}

class HighWatermark : public PartitionFixture {
  protected:
    void SetUp() override {
        options_.synced_is_committed = false;
        PartitionFixture::SetUp();
    }
    // Appends one batch and waits until it is in the log.
    std::future<Result<AppendAck>> append_uncommitted(const std::vector<Row>& rows, Hash128 batch_id = {}) {
        const auto before = partition_->stats().syncs;
        auto ack = append_later(rows, batch_id);
        while (partition_->stats().syncs == before && !is_ready(ack))
            std::this_thread::sleep_for(milliseconds(1));
        return ack;
    }
    void commit(Offset end) {
        const auto moved = partition_->advance_high_watermark(end);
        ASSERT_TRUE(moved.has_value()) << moved.error().to_text();
    }
};

TEST_F(HighWatermark, NothingAboveItIsSeenAnsweredOrFlushed) {
    std::atomic<bool> woken{false};
    const auto token = partition_->notify_beyond(0, [&] { woken = true; });
    auto first = append_uncommitted({{1, "a", false}, {2, "b", false}});
    auto second = append_uncommitted({{1, "new", false}});
    EXPECT_FALSE(is_ready(first));
    EXPECT_EQ(partition_->end_offset(), 0);
    EXPECT_TRUE(live().empty());
    EXPECT_TRUE(look_up(*partition_->pin(), {1, 2}).empty());
    EXPECT_TRUE(records().empty());
    EXPECT_FALSE(woken);

    commit(2);
    ASSERT_TRUE(is_ready(first));
    EXPECT_EQ(first.get()->last, 1);
    EXPECT_FALSE(is_ready(second));
    EXPECT_TRUE(woken);
    EXPECT_EQ(live(), (std::map<std::int64_t, std::string>{{1, "a"}, {2, "b"}}));
    EXPECT_EQ(records().size(), 2u);

    commit(2);  // known already
    commit(3);
    EXPECT_EQ(second.get()->first, 2);
    EXPECT_EQ(live(), (std::map<std::int64_t, std::string>{{1, "new"}, {2, "b"}}));
    EXPECT_EQ(partition_->advance_high_watermark(4).error().code, ErrorCode::invalid_request);
}

class HighWatermarkOnASlowDisk : public HighWatermark {
  protected:
    void SetUp() override {
        files_ = &disk_;
        HighWatermark::SetUp();
    }
    void TearDown() override {
        close();
        HighWatermark::TearDown();
    }
    FaultyFileSystem disk_;
};

// The other copies may be ahead: what they have is answered although the disk here is busy with what came
// next.
TEST_F(HighWatermarkOnASlowDisk, WhatIsCommittedDoesNotWaitForTheSyncOfTheNextGroup) {
    auto first = append_uncommitted({{1, "a", false}});
    std::promise<void> go_on;
    std::atomic<bool> syncing{false};
    disk_.set_fault([&, may_go = go_on.get_future().share()](FaultyFileSystem::Call call,
                                                             const std::string&) -> std::optional<ErrorCode> {
        if (call != FaultyFileSystem::Call::sync) return std::nullopt;
        syncing = true;
        may_go.wait();
        return std::nullopt;
    });
    auto second = append_later({{1, "b", false}, {2, "c", false}});
    while (!syncing)
        std::this_thread::sleep_for(milliseconds(1));
    auto committed = std::async(std::launch::async, [&] { commit(1); });
    EXPECT_EQ(first.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    EXPECT_EQ(live(), (std::map<std::int64_t, std::string>{{1, "a"}}));
    EXPECT_EQ(partition_->advance_high_watermark(2).error().code, ErrorCode::invalid_request)
        << "what is being synced is not committed";
    EXPECT_FALSE(is_ready(second));
    go_on.set_value();
    committed.get();
    EXPECT_TRUE(first.get().has_value());
    while (partition_->stats().syncs < 2)
        std::this_thread::sleep_for(milliseconds(1));
    commit(3);
    EXPECT_TRUE(second.get().has_value());
    EXPECT_EQ(live(), (std::map<std::int64_t, std::string>{{1, "b"}, {2, "c"}}));
}

TEST_F(HighWatermark, HalfABatchIsNotCommitted) {
    auto ack = append_uncommitted({{1, "a", false}, {2, "b", false}});
    commit(1);
    EXPECT_EQ(partition_->end_offset(), 0);
    EXPECT_FALSE(is_ready(ack));
    commit(2);
    EXPECT_EQ(partition_->end_offset(), 2);
    EXPECT_TRUE(ack.get().has_value());
}

TEST_F(HighWatermark, ClosedSegmentsAboveItAreNeitherFlushedNorCompacted) {
    std::vector<std::future<Result<AppendAck>>> acks;
    for (int i = 0; i < 40; ++i)  // several segments of 4096 bytes
        acks.push_back(
            append_uncommitted({{i % 10, std::string(500, static_cast<char>('a' + i % 26)), false}}));
    ASSERT_TRUE(partition_->flush().has_value());
    EXPECT_EQ(partition_->stats().files, 0u);
    EXPECT_GT(partition_->stats().segments, 3u);
    commit(20);
    ASSERT_TRUE(partition_->flush().has_value());
    auto stats = partition_->stats();
    EXPECT_GT(stats.files, 0u);
    EXPECT_LE(stats.flushed_end, 20);
    ASSERT_TRUE(partition_->compress({}).has_value());
    stats = partition_->stats();
    EXPECT_LE(stats.flushed_end, 20);
    EXPECT_EQ(live().size(), 10u);
    EXPECT_EQ(records().rbegin()->first, 19);
    commit(40);
    ASSERT_TRUE(partition_->compress({}).has_value());
    EXPECT_EQ(live().size(), 10u);
    EXPECT_EQ(live().at(9), std::string(500, static_cast<char>('a' + 39 % 26)));
    for (auto& ack : acks)
        EXPECT_TRUE(ack.get().has_value());
    const auto checked = partition_->check({});
    ASSERT_TRUE(checked.has_value());
    EXPECT_EQ(checked->problems, std::vector<std::string>{});
}

TEST_F(HighWatermark, ARepeatedBatchIdWaitsForTheFirstOne) {
    auto first = append_uncommitted({{1, "a", false}}, {7, 7});
    auto repeat = append_later({{1, "a", false}}, {7, 7});
    std::this_thread::sleep_for(milliseconds(50));
    EXPECT_FALSE(is_ready(repeat));
    commit(1);
    EXPECT_FALSE(first.get()->duplicate);
    const auto again = repeat.get();
    ASSERT_TRUE(again.has_value());
    EXPECT_TRUE(again->duplicate);
    EXPECT_EQ(again->first, 0);
    EXPECT_EQ(live().at(1), "a");
    // From the window now.
    const auto third = append_later({{1, "a", false}}, {7, 7}).get();
    EXPECT_TRUE(third.has_value() && third->duplicate);
}

TEST_F(HighWatermark, ARestartKnowsWhatWasCommittedAndOfTheRestOnlyWhenItIsTold) {
    auto kept = append_uncommitted({{1, "a", false}}, {7, 7});
    commit(1);
    auto open_end = append_uncommitted({{2, "b", false}}, {8, 8});
    close();
    const auto answered = open_end.get();
    ASSERT_TRUE(answered.has_error());
    EXPECT_EQ(answered.error().code, ErrorCode::unknown_outcome);
    open();
    EXPECT_EQ(partition_->end_offset(), 1);
    commit(2);
    EXPECT_EQ(live().size(), 2u);
    EXPECT_TRUE(append_later({{2, "b", false}}, {8, 8}).get()->duplicate);
    // Alone again, everything that survived counts.
    close();
    options_.synced_is_committed = true;
    open();
    EXPECT_EQ(live().size(), 2u);
}

class PartitionEpoch : public PartitionFixture {
  protected:
    Result<AppendAck> append_in(LeaderEpoch epoch, const std::vector<Row>& rows) {
        auto promise = std::make_shared<std::promise<Result<AppendAck>>>();
        auto future = promise->get_future();
        auto request = make_request(rows);
        request.epoch = epoch;
        partition_->append(std::move(request),
                           [promise](Result<AppendAck> ack) { promise->set_value(std::move(ack)); });
        return future.get();
    }
};

TEST_F(PartitionEpoch, RequestsOfAnotherEpochAreRefusedByName) {
    ASSERT_TRUE(append_in(LeaderEpoch{1}, {{1, "a", false}}).has_value());
    partition_->set_leader_epoch(LeaderEpoch{4});
    const auto refused = append_in(LeaderEpoch{1}, {{2, "b", false}});
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, ErrorCode::not_leader);
    EXPECT_NE(refused.error().message.find("leader epoch 4"), std::string::npos) << refused.error().message;
    EXPECT_NE(refused.error().message.find("epoch 1"), std::string::npos) << refused.error().message;
    EXPECT_EQ(append_in(LeaderEpoch{5}, {{2, "b", false}}).error().code, ErrorCode::not_leader);
    EXPECT_EQ(partition_->check_epoch(LeaderEpoch{1}).error().code, ErrorCode::not_leader);
    EXPECT_TRUE(partition_->check_epoch(LeaderEpoch{4}).has_value());
    ASSERT_TRUE(append_in(LeaderEpoch{4}, {{2, "b", false}}).has_value());
    partition_->set_leader_epoch(LeaderEpoch{2});  // never falls
    EXPECT_EQ(partition_->leader_epoch(), LeaderEpoch{4});
    EXPECT_EQ(live().size(), 2u);
    const auto slices = partition_->read(0, 10, 1u << 20);
    ASSERT_EQ(slices->size(), 2u);
    EXPECT_EQ((*slices)[0].header.epoch, LeaderEpoch{1});
    EXPECT_EQ((*slices)[1].header.epoch, LeaderEpoch{4});
}

TEST_F(PartitionEpoch, IsNeverOlderThanTheLogAfterARestart) {
    partition_->set_leader_epoch(LeaderEpoch{4});
    append({{1, "a", false}});
    reopen();  // told of epoch 1
    EXPECT_EQ(partition_->leader_epoch(), LeaderEpoch{4});
    append({{2, "b", false}});
    EXPECT_EQ(live().size(), 2u);
}

// Who decides what is committed knows the partition, and the partition knows who decides.
TEST_F(HighWatermark, AClosedPartitionIsGivenBackWithItsGate) {
    struct Gate final : CommitGate {
        std::shared_ptr<Partition> partition;
        Result<void> check_writable() const override { return {}; }
        void appended(std::span<const StoredBatch>) override {}
        Offset synced(Offset end) override { return end; }
        void failed() override {}
        Result<void> check_serving(Offset) const override { return {}; }
    };
    auto gate = std::make_shared<Gate>();
    gate->partition = partition_;
    const std::weak_ptr<Gate> held = gate;
    partition_->copy()->set_part(CopyPart::leader, LeaderEpoch{1}, gate);
    gate.reset();
    EXPECT_FALSE(held.expired());
    partition_->close();
    EXPECT_TRUE(held.expired());
    auto late = std::make_shared<Gate>();
    late->partition = partition_;
    const std::weak_ptr<Gate> late_held = late;
    partition_->copy()->set_part(CopyPart::leader, LeaderEpoch{2}, std::move(late));
    EXPECT_TRUE(late_held.expired());
}

}  // namespace
}  // namespace dl::slave
