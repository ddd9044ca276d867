// Compaction by itself, beside flushes and within its budget; writers that wait while flushing is behind.
#include <thread>

#include "slave/snapshot/manifest.h"
#include "tests/support/eventually.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave::test {
namespace {

using dl::test::eventually;

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

class UpkeepTest : public PartitionFixture {
  protected:
    static std::vector<Row> rows_of(std::int64_t first, int count, const std::string& prefix = "v") {
        std::vector<Row> rows;
        for (int i = 0; i < count; ++i)
            rows.push_back({first + i, prefix + std::to_string(first + i), false});
        return rows;
    }
    std::size_t snapshot_files() const {
        std::size_t count = 0;
        for ([[maybe_unused]] const auto& entry :
             std::filesystem::directory_iterator(directory_ + "/snapshots"))
            ++count;
        return count;
    }
};

// Keeps the only thread of a pool until it goes.
class Blocked {
  public:
    explicit Blocked(WorkerPool& pool) {
        auto running = std::make_shared<std::promise<void>>();
        auto begun = running->get_future();
        pool.post([running, release = release_.get_future().share()] {
            running->set_value();
            release.wait();
        });
        begun.wait();
    }
    ~Blocked() { release(); }
    void release() {
        if (!released_) release_.set_value();
        released_ = true;
    }

  private:
    std::promise<void> release_;
    bool released_ = false;
};

TEST_F(UpkeepTest, CompactsByItselfWhenThePolicySaysSo) {
    close();
    options_.compaction.bytes_min = 0;
    options_.compaction.files_min = 3;
    open();
    for (int i = 0; i < 60; ++i)
        append(rows_of(0, 60, "r" + std::to_string(i) + "-"));
    EXPECT_TRUE(eventually([&] { return partition_->stats().compactions >= 1; }));
    EXPECT_EQ(records().size(), 60u * 60u) << "the history stays";
    EXPECT_LT(partition_->stats().file_rows, 60u * 60u);
    EXPECT_EQ(live().size(), 60u);
    EXPECT_EQ(live().at(7), "r59-7");
    // Rarely enough: every one needs as much new as there is.
    EXPECT_LE(partition_->stats().compactions, 20u);
}

TEST_F(UpkeepTest, CompactsAllItHoldsOnceNobodyWrites) {
    close();
    options_.compaction.dead_bytes_min = 0;
    options_.compaction.files_min = 1000;
    options_.compaction.idle = milliseconds(100);
    open();
    append(rows_of(0, 100));
    partition_->tick();
    for (int i = 0; i < 4; ++i)
        append(rows_of(0, 100, "r" + std::to_string(i) + "-"));
    partition_->tick();  // written to since
    EXPECT_GT(partition_->stats().tail_rows, 0u);
    ASSERT_TRUE(eventually([&] {
        partition_->tick();
        return partition_->stats().tail_rows == 0;
    }));
    ASSERT_TRUE(eventually([&] { return partition_->stats().file_rows == 100; }));
    EXPECT_EQ(live().at(7), "r3-7");
    // No reason any more. (The files of a compaction are there before it is counted.)
    std::this_thread::sleep_for(milliseconds(150));
    const auto compactions = partition_->stats().compactions;
    partition_->tick();
    std::this_thread::sleep_for(milliseconds(200));
    EXPECT_EQ(partition_->stats().compactions, compactions);
}

TEST_F(UpkeepTest, DoesNotCompactByItselfWhenSwitchedOff) {
    close();
    options_.compaction.bytes_min = 0;
    options_.compaction.files_min = 1;
    options_.compaction.automatic = false;
    open();
    for (int i = 0; i < 30; ++i)
        append(rows_of(0, 60));
    ASSERT_TRUE(partition_->flush().has_value());
    std::this_thread::sleep_for(milliseconds(50));
    EXPECT_EQ(partition_->stats().compactions, 0u);
}

TEST_F(UpkeepTest, FlushesGoOnWhileACompactionTakesItsTime) {
    for (int i = 0; i < 30; ++i)
        append(rows_of(i * 60, 60));
    ASSERT_TRUE(partition_->flush().has_value());
    close();
    compaction_budget_ = std::make_unique<IoBudget>(1);  // as good as never
    open();
    std::promise<Result<void>> done;
    partition_->start_compress([&](Result<void> result) { done.set_value(std::move(result)); });
    ASSERT_TRUE(eventually([&] { return partition_->compress_progress().rows_done > 0; }));
    const auto flushes = partition_->stats().flushes;
    for (int i = 0; i < 30; ++i)
        append(rows_of(i * 60, 60, "new"));
    EXPECT_TRUE(eventually([&] { return partition_->stats().flushes >= flushes + 5; }))
        << "a flush waits for the compaction";
    EXPECT_EQ(partition_->stats().compactions, 0u);
    close();  // stops it
    const auto result = done.get_future().get();
    ASSERT_TRUE(result.has_error());
    EXPECT_EQ(result.error().code, ErrorCode::cancelled) << result.error().to_text();
    const auto manifest = ManifestStore(posix_file_system(), directory_).load();
    EXPECT_EQ(snapshot_files(), manifest->files.size() * 3) << "what it began is removed";
}

TEST_F(UpkeepTest, TheBudgetSlowsACompactionDown) {
    for (int i = 0; i < 20; ++i)
        append(rows_of(i * 60, 60));
    ASSERT_TRUE(partition_->flush().has_value());
    const auto bytes = partition_->stats().file_bytes;
    close();
    compaction_budget_ = std::make_unique<IoBudget>(bytes);  // read, written, read back: about three seconds
    open();
    const auto begin = steady_clock::now();
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    EXPECT_GT(steady_clock::now() - begin, milliseconds(500));
    EXPECT_EQ(live().size(), 1200u);
}

TEST_F(UpkeepTest, ACompactionThatWouldFillTheDiskIsRefusedAndLeavesNothing) {
    for (int i = 0; i < 20; ++i)
        append(rows_of(i * 60, 60));
    ASSERT_TRUE(partition_->flush().has_value());
    close();
    options_.free_disk_bytes_min = std::uint64_t{1} << 60;
    open();
    const auto done = partition_->compress(nullptr);
    ASSERT_TRUE(done.has_error());
    EXPECT_EQ(done.error().code, ErrorCode::disk_full);
    const auto manifest = ManifestStore(posix_file_system(), directory_).load();
    EXPECT_EQ(snapshot_files(), manifest->files.size() * 3);
    options_.free_disk_bytes_min = 0;
}

TEST_F(UpkeepTest, WritersWaitAndMemoryStaysBoundedWhileNothingIsFlushed) {
    close();
    constexpr std::uint64_t kLimit = 256u << 10;
    tail_budget_ = std::make_unique<TailBudget>(kLimit);
    open();
    std::vector<std::future<Result<AppendAck>>> acks;
    std::uint64_t bytes = 0;
    {
        Blocked flushing(background_);
        for (int i = 0; i < 400; ++i) {
            const auto rows = rows_of(i * 100, 100, std::string(40, 'x'));
            bytes += make_request(rows).body.size();
            acks.push_back(append_later(rows));
        }
        ASSERT_GT(bytes, 4 * kLimit);
        ASSERT_TRUE(eventually([&] { return tail_budget_->used() >= kLimit / 5 * 4; }));
        std::this_thread::sleep_for(milliseconds(100));
        EXPECT_LE(tail_budget_->used(), 2 * kLimit);
        EXPECT_EQ(acks.back().wait_for(milliseconds(0)), std::future_status::timeout);
    }
    for (auto& ack : acks) {
        ASSERT_EQ(ack.wait_for(seconds(60)), std::future_status::ready);
        const auto result = ack.get();
        ASSERT_TRUE(result.has_value()) << result.error().to_text();
    }
    EXPECT_EQ(live().size(), 400u * 100u);
    close();
    partition_ = nullptr;
    EXPECT_EQ(tail_budget_->used(), 0u);
}

TEST_F(UpkeepTest, TheActiveSegmentIsClosedWhenItsMemoryIsWanted) {
    close();
    options_.segment_bytes = 1u << 30;  // never closed by itself
    tail_budget_ = std::make_unique<TailBudget>(256u << 10);
    open();
    for (int i = 0; i < 200; ++i) {
        auto ack = append_later(rows_of(i * 100, 100, std::string(40, 'x')));
        ASSERT_EQ(ack.wait_for(seconds(30)), std::future_status::ready) << "nobody makes room";
        ASSERT_TRUE(ack.get().has_value());
    }
    EXPECT_GT(partition_->stats().flushes, 1u);
    EXPECT_EQ(live().size(), 200u * 100u);
    reopen();
    EXPECT_EQ(live().size(), 200u * 100u);
}

}  // namespace
}  // namespace dl::slave::test
