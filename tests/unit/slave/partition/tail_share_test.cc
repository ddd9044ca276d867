// The memory for unflushed rows of all partitions, one of which cannot flush.
#include <thread>

#include "tests/unit/slave/partition/faulty_file_system.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave {
namespace {

using namespace test;
using std::chrono::seconds;

constexpr std::uint64_t kLimit = 8u << 20;
constexpr auto kSoon = seconds(30);

class TailShare : public PartitionFixture {
  protected:
    void SetUp() override {
        files_ = &disk_;
        options_.compaction.automatic = false;
        PartitionFixture::SetUp();
        options_.segment_bytes = 1u << 30;  // flushed when memory is wanted
        close();
        tail_budget_ = std::make_unique<TailBudget>(kLimit);
        open();
        const auto healthy = directory_ + "-healthy";
        ASSERT_TRUE(Partition::create(*files_, healthy, table_, PartitionId{0}).has_value());
        std::swap(directory_, other_directory_ = healthy);
        std::swap(partition_, other_);
        open();
    }
    void TearDown() override {
        disk_.set_fault(nullptr);
        if (other_ != nullptr) other_->close();
        other_ = nullptr;
        PartitionFixture::TearDown();
    }
    // 40 KiB to one of them.
    static std::future<Result<AppendAck>> write(Partition& partition, std::int64_t key) {
        auto promise = std::make_shared<std::promise<Result<AppendAck>>>();
        auto future = promise->get_future();
        partition.append(make_request({{key, std::string(40'000, 'x'), false}}),
                         [promise](Result<AppendAck> ack) { promise->set_value(std::move(ack)); });
        return future;
    }
    void expect_healthy_goes_on(std::int64_t first_key) {
        for (int i = 0; i < 100; ++i) {
            auto ack = write(*partition_, first_key + i);
            ASSERT_EQ(ack.wait_for(kSoon), std::future_status::ready)
                << "write " << i << " waits for another's flush";
            const auto result = ack.get();
            ASSERT_TRUE(result.has_value()) << result.error().to_text();
        }
        EXPECT_GT(partition_->stats().flushes, 0u);
        EXPECT_LT(partition_->stats().flushes, 60u) << "its files are cut small";
    }
    FaultyFileSystem disk_;
    std::string other_directory_;
    std::shared_ptr<Partition> other_;
};

TEST_F(TailShare, OfOneThatCannotFlushIsBoundedAndItsWritersAreTold) {
    disk_.set_fault([this](FaultyFileSystem::Call call, const std::string& path) -> std::optional<ErrorCode> {
        if (call == FaultyFileSystem::Call::create && path.starts_with(other_directory_ + "/snapshots"))
            return ErrorCode::disk_full;
        return std::nullopt;
    });
    std::optional<Error> refused;
    for (int i = 0; i < 400 && !refused; ++i) {
        auto ack = write(*other_, i);
        ASSERT_EQ(ack.wait_for(kSoon), std::future_status::ready) << "its writer is not told";
        const auto result = ack.get();
        if (result.has_error()) refused = result.error();
    }
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code, ErrorCode::disk_full) << refused->to_text();
    EXPECT_LT(tail_budget_->used(), kLimit);
    expect_healthy_goes_on(0);
    // Still, and at once.
    auto again = write(*other_, 1000);
    ASSERT_EQ(again.wait_for(kSoon), std::future_status::ready);
    EXPECT_EQ(again.get().error().code, ErrorCode::disk_full);
    disk_.set_fault(nullptr);
    const auto deadline = std::chrono::steady_clock::now() + kSoon;
    for (bool taken = false; !taken && std::chrono::steady_clock::now() < deadline;) {
        other_->tick();
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        taken = write(*other_, 1001).get().has_value();
    }
    EXPECT_TRUE(write(*other_, 1002).get().has_value()) << "it does not go on by itself";
}

// The disk of the other neither answers nor fails. It has a thread of its own, as in a node.
TEST_F(TailShare, OfOneWhoseFlushHangsIsBounded) {
    std::swap(partition_, other_);
    std::swap(directory_, other_directory_);
    close();
    WorkerPool own("own", 1);
    std::promise<void> release;
    auto released = release.get_future().share();
    {
        PartitionContext context;
        context.files = files_;
        context.storage_pool = &storage_;
        context.background_pool = &own;
        context.tail_budget = tail_budget_.get();
        context.file_database = database_;
        context.compaction_database = compaction_database_;
        context.now_us = [this] { return now_us_ += 1000; };
        auto opened = Partition::open(directory_, table_, PartitionId{0}, options_, context);
        ASSERT_TRUE(opened.has_value());
        partition_ = *opened;
    }
    own.post([released] { released.wait(); });
    std::swap(partition_, other_);
    std::swap(directory_, other_directory_);
    std::vector<std::future<Result<AppendAck>>> waiting;
    for (int i = 0; i < 300; ++i)
        waiting.push_back(write(*other_, i));
    const auto deadline = std::chrono::steady_clock::now() + kSoon;
    while (tail_budget_->used() < kLimit / 2 && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    expect_healthy_goes_on(0);
    release.set_value();
    for (auto& ack : waiting) {
        ASSERT_EQ(ack.wait_for(kSoon), std::future_status::ready);
        EXPECT_TRUE(ack.get().has_value());
    }
    other_->close();
    other_ = nullptr;
}

class TailShareOfAFollower : public TailShare {
  protected:
    // `other_` leads, on another node; `partition_` follows it here.
    void SetUp() override {
        TailShare::SetUp();
        std::swap(partition_, other_);
        std::swap(directory_, other_directory_);
        auto budget = std::exchange(tail_budget_, nullptr);
        reopen();
        std::swap(partition_, other_);
        std::swap(directory_, other_directory_);
        close();
        tail_budget_ = std::move(budget);
        options_.synced_is_committed = false;
        open();
        partition_->copy()->set_part(CopyPart::follower, LeaderEpoch{2}, nullptr);
    }
    // 40 KiB, at that offset.
    Result<void> take(Offset at) {
        if (other_->copy()->log().end_offset() == at) DL_TRY(write(*other_, at).get());
        DL_TRY_ASSIGN(const auto batches, other_->copy()->log().read(at, at + 1, 1u << 20));
        return partition_->copy()->take(LeaderEpoch{2}, batches);
    }
};

// It is sent more than it can flush meanwhile.
TEST_F(TailShareOfAFollower, HoldsForIt) {
    std::promise<void> release;
    const auto released = release.get_future().share();
    for (int i = 0; i < 16; ++i)
        background_.post([released] { released.wait(); });
    Offset end = 0;
    Result<void> taken;
    while (end < 600 && (taken = take(end)).has_value())
        ASSERT_TRUE(partition_->advance_high_watermark(++end).has_value());
    ASSERT_TRUE(taken.has_error()) << "16 MB beyond the limit";
    EXPECT_EQ(taken.error().code, ErrorCode::overloaded) << taken.error().to_text();
    EXPECT_LT(partition_->stats().tail_bytes, kLimit);
    release.set_value();
    for (const auto deadline = std::chrono::steady_clock::now() + kSoon;
         end < 600 && std::chrono::steady_clock::now() < deadline;) {
        if (take(end).has_value())
            ASSERT_TRUE(partition_->advance_high_watermark(++end).has_value());
        else
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(end, 600);
    EXPECT_GT(partition_->stats().flushes, 0u);
    EXPECT_LT(partition_->stats().flushes, 60u) << "its files are cut small";
}

// It may be this copy that they wait for.
TEST_F(TailShareOfAFollower, IsNoReasonToRefuseWhileRecordsWaitToBeCommitted) {
    for (Offset at = 0; at < 400; ++at) {
        const auto taken = take(at);
        ASSERT_TRUE(taken.has_value()) << at << ": " << taken.error().to_text();
    }
    EXPECT_GT(tail_budget_->used(), kLimit) << "they count for others";
}

}  // namespace
}  // namespace dl::slave
