// A partition at rest is left alone, and whatever gives a tick something to do has it ticked: in each test
// before its turn of the round would come.
#include <filesystem>
#include <fstream>
#include <thread>

#include "slave/log/log_seal.h"
#include "slave/partition/commit_mark.h"
#include "slave/snapshot/manifest.h"
#include "tests/support/eventually.h"
#include "tests/unit/slave/partition/faulty_file_system.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave::test {
namespace {

using dl::test::eventually;
using std::chrono::milliseconds;
using Clock = UpkeepList::Clock;

constexpr std::int64_t kHourUs = 3'600'000'000;

class AtRest : public PartitionFixture {
  protected:
    void SetUp() override {
        files_ = &disk_;
        options_.compaction.automatic = false;
        PartitionFixture::SetUp();
        open_with_upkeep();
    }
    // With a list of its own, whose round begins now.
    void open_with_upkeep() {
        close();
        upkeep_ = std::make_shared<UpkeepList>();
        calls_ = 0;
        open();
    }
    std::size_t tick(Clock::time_point now = Clock::now()) {
        EXPECT_LT(++calls_, UpkeepList::kRoundTicks) << "its turn of the round has come";
        return upkeep_->tick(now);
    }
    // What the partition has begun has ended.
    void wait_for_pools() {
        for (auto* pool : {&background_, &compaction_}) {  // of one thread
            std::promise<void> reached;
            ASSERT_TRUE(pool->post([&] { reached.set_value(); }));
            reached.get_future().wait();
        }
    }
    // Ticked until it wants no more.
    void settle() {
        for (int quiet = 0, i = 0; quiet < 2; ++i) {
            ASSERT_LT(i, 20) << "it is ticked for ever";
            ASSERT_NO_FATAL_FAILURE(wait_for_pools());
            quiet = tick() == 0 ? quiet + 1 : 0;
        }
    }
    template <class Condition>
    bool tick_until(Condition condition) {
        for (int i = 0; i < 30; ++i) {
            tick();
            if (eventually(condition, milliseconds(300))) return true;
        }
        return false;
    }
    static void flip_byte_at(const std::filesystem::path& path, std::uintmax_t at) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(static_cast<std::streamoff>(at));
        const auto before = static_cast<char>(file.get());
        file.seekp(static_cast<std::streamoff>(at));
        file.put(static_cast<char>(before ^ 0x55));
    }
    std::vector<std::filesystem::path> snapshots_with(const std::string& extension) const {
        std::vector<std::filesystem::path> found;
        for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/snapshots"))
            if (entry.path().extension() == extension) found.push_back(entry.path());
        return found;
    }
    void expect_rest() {
        for (int i = 0; i < 3; ++i)
            EXPECT_EQ(tick(), 0u);
    }
    static std::vector<Row> rows_of(std::int64_t first, int count, const std::string& prefix = "v") {
        std::vector<Row> rows;
        for (int i = 0; i < count; ++i)
            rows.push_back({first + i, prefix + std::to_string(first + i), false});
        return rows;
    }
    // Merged column files, and a log that has it all.
    void fill_with_history() {
        close();
        options_.segment_bytes = 2048;
        options_.compaction.automatic = true;
        options_.compaction.bytes_min = options_.compaction.dead_bytes_min = 0;
        options_.compaction.files_min = 2;
        open_with_upkeep();
        for (int i = 0; i < 40; ++i)
            append(rows_of(0, 40, "r" + std::to_string(i) + "-"));
        ASSERT_TRUE(eventually([&] { return partition_->stats().compactions > 0; }));
        // What compacts by itself goes on for a moment.
        for (std::uint64_t before = 0;
             before != partition_->stats().flushes + partition_->stats().compactions;) {
            before = partition_->stats().flushes + partition_->stats().compactions;
            std::this_thread::sleep_for(milliseconds(200));
        }
        ASSERT_NO_FATAL_FAILURE(settle());
        EXPECT_EQ(partition_->history_start(), 0);
    }
    Offset sealed_end() {
        const auto seal = read_seal(posix_file_system(), {directory_ + "/log", table_.id, PartitionId{0}});
        return seal.has_value() && *seal ? (*seal)->end_offset : 0;
    }

    FaultyFileSystem disk_;
    std::size_t calls_ = 0;
};

TEST_F(AtRest, WhatIsWrittenIsSealedAndThenItIsLeftAlone) {
    ASSERT_NO_FATAL_FAILURE(settle());
    expect_rest();
    append(rows_of(0, 3));
    EXPECT_EQ(tick(), 1u);
    EXPECT_EQ(sealed_end(), 0) << "it may be written to the next moment";
    EXPECT_EQ(tick(), 1u);
    EXPECT_EQ(sealed_end(), 3);
    ASSERT_NO_FATAL_FAILURE(settle());
    expect_rest();
    // Opened anew it is looked at once.
    open_with_upkeep();
    EXPECT_EQ(tick(), 1u);
    ASSERT_NO_FATAL_FAILURE(settle());
}

TEST_F(AtRest, WhatIsCommittedIsWrittenDown) {
    options_.synced_is_committed = false;
    open_with_upkeep();
    ASSERT_NO_FATAL_FAILURE(settle());
    const auto before = partition_->stats().syncs;
    auto ack = append_later(rows_of(0, 3));
    ASSERT_TRUE(eventually([&] { return partition_->stats().syncs > before; }));
    ASSERT_NO_FATAL_FAILURE(settle());  // for as long as the other copies take
    ASSERT_TRUE(partition_->advance_high_watermark(3).has_value());
    ASSERT_TRUE(ack.get().has_value());
    const auto marked = [&] {
        return *read_commit_mark(posix_file_system(), directory_, table_.id, PartitionId{0});
    };
    EXPECT_EQ(tick(), 1u);
    EXPECT_EQ(tick(), 1u);
    EXPECT_EQ(marked(), 3);
    ASSERT_NO_FATAL_FAILURE(settle());
}

// While records come, and not all are committed.
TEST_F(AtRest, WhatIsCommittedIsWrittenDownInTime) {
    options_.synced_is_committed = false;
    open_with_upkeep();
    auto ack = append_later(rows_of(0, 3));
    auto next = append_later(rows_of(0, 3));
    ASSERT_TRUE(eventually([&] { return partition_->copy()->ends().synced_end == 6; }));
    ASSERT_TRUE(partition_->advance_high_watermark(3).has_value());
    ASSERT_NO_FATAL_FAILURE(settle());
    const auto due = partition_->tick();
    EXPECT_LE(due, Clock::now() + kCommitMarkInterval);
    EXPECT_EQ(tick(Clock::now() + kCommitMarkInterval), 1u) << "its time has come";
    close();
}

TEST_F(AtRest, BatchIdsGoWhenTheirTimeIsOver) {
    append(rows_of(0, 1), {1, 1});
    for (int i = 0; i < 2; ++i)
        append({{100 + i, std::string(options_.segment_bytes, 'x'), false}});
    ASSERT_TRUE(partition_->flush().has_value());
    ASSERT_NO_FATAL_FAILURE(settle());
    EXPECT_EQ(partition_->stats().batch_ids, 1u);
    const auto window = options_.batch_id_window;
    EXPECT_EQ(tick(Clock::now() + window / 2), 0u);
    uptime_us_ += window.count() * 1000 + 60'000'000;
    EXPECT_EQ(tick(Clock::now() + window + std::chrono::minutes(1)), 1u);
    EXPECT_EQ(partition_->stats().batch_ids, 0u);
    ASSERT_NO_FATAL_FAILURE(settle());
}

TEST_F(AtRest, AFailureIsToldAtOnce) {
    struct Gate final : CommitGate {
        Result<void> check_writable() const override { return {}; }
        void appended(std::span<const StoredBatch>) override {}
        Offset synced(Offset end) override { return end; }
        void failed() override { ++failures; }
        Result<void> check_serving(Offset) const override { return {}; }
        std::atomic<int> failures{0};
    };
    options_.synced_is_committed = false;
    open_with_upkeep();
    const auto gate = std::make_shared<Gate>();
    partition_->copy()->set_part(CopyPart::leader, LeaderEpoch{2}, gate);
    append(rows_of(0, 1));
    EXPECT_TRUE(upkeep_->failed().empty());
    disk_.set_fault([](FaultyFileSystem::Call call, const std::string& path) -> std::optional<ErrorCode> {
        if (call == FaultyFileSystem::Call::sync && path.ends_with(".log")) return ErrorCode::io_error;
        return std::nullopt;
    });
    EXPECT_EQ(append_later(rows_of(1, 1)).get().error().code, ErrorCode::io_error);
    EXPECT_TRUE(append_later(rows_of(2, 1)).get().has_error());
    ASSERT_EQ(upkeep_->failed().size(), 1u);
    EXPECT_EQ(upkeep_->failed()[0].partition, partition_);
    EXPECT_EQ(upkeep_->failed()[0].table, table_.id);
    EXPECT_EQ(gate->failures, 1);
    ASSERT_NO_FATAL_FAILURE(settle());  // it is whose owner opens it anew that is asked, not it
    partition_->close();
    EXPECT_EQ(upkeep_->failed().size(), 1u) << "it serves reads, and is opened anew still";
}

TEST_F(AtRest, AFlushThatFailsIsTriedAgain) {
    ASSERT_NO_FATAL_FAILURE(settle());
    disk_.set_fault([](FaultyFileSystem::Call call, const std::string& path) -> std::optional<ErrorCode> {
        if (call == FaultyFileSystem::Call::create && path.find("snapshots") != path.npos)
            return ErrorCode::io_error;
        return std::nullopt;
    });
    for (int i = 0; i < 2; ++i)
        append({{i, std::string(options_.segment_bytes, 'x'), false}});
    EXPECT_TRUE(partition_->flush().has_error());
    ASSERT_NO_FATAL_FAILURE(settle());  // until the next try
    disk_.set_fault(nullptr);
    EXPECT_TRUE(tick_until([&] { return partition_->stats().flushed_end > 0; }));
}

TEST_F(AtRest, DamageThatAReadFindsIsPutRight) {
    options_.files_proven_at_open = false;
    for (int i = 0; i < 3; ++i)
        append({{i, std::string(options_.segment_bytes, 'x'), false}});
    ASSERT_TRUE(partition_->flush().has_value());
    const auto rows = live();
    close();
    for (const auto& path : snapshots_with(".parquet"))
        flip_byte_at(path, std::filesystem::file_size(path) / 3);
    open_with_upkeep();
    ASSERT_NO_FATAL_FAILURE(settle());
    ASSERT_EQ(partition_->pin()->prove_files().error().code, ErrorCode::corrupt_data);
    ASSERT_TRUE(tick_until([&] { return partition_->pin()->prove_files().has_value(); }));
    EXPECT_EQ(live(), rows);
}

TEST_F(AtRest, AnIndexThatALookupFindsDamagedIsRebuilt) {
    append({{7, std::string(options_.segment_bytes, 'x'), false}});
    append({{8, std::string(options_.segment_bytes, 'x'), false}});
    ASSERT_TRUE(partition_->flush().has_value());
    ASSERT_GT(partition_->stats().flushed_end, 0);
    ASSERT_NO_FATAL_FAILURE(settle());
    for (const auto& path : snapshots_with(".kix"))
        for (std::uintmax_t at = 64; at < std::filesystem::file_size(path); at += 16)
            flip_byte_at(path, at);
    const auto find = [&] {
        ColumnBatchBuilder builder({{FieldId{1}, DataType{TypeKind::int64}}});
        builder.append_fixed(0, std::int64_t{7});
        builder.finish_row(false);
        const auto batch = ColumnBatch::decode(SharedBytes::from_string(builder.encode()), 1);
        return partition_->pin()->find_rows(*hash_keys(*batch, FieldId{1}, table_.index_hash_seed),
                                            table_.schema.fields);
    };
    ASSERT_TRUE(find().has_error());
    EXPECT_TRUE(tick_until([&] { return find().has_value(); }));
}

TEST_F(AtRest, CompactsOnceNobodyWrites) {
    close();
    options_.compaction.automatic = true;
    options_.compaction.dead_bytes_min = 0;
    options_.compaction.files_min = 1000;
    options_.compaction.idle = milliseconds(300);
    open_with_upkeep();
    for (int i = 0; i < 5; ++i)
        append(rows_of(0, 100, "r" + std::to_string(i) + "-"));
    EXPECT_TRUE(tick_until([&] { return partition_->stats().file_rows == 100; }));
    EXPECT_EQ(live().at(7), "r4-7");
    ASSERT_NO_FATAL_FAILURE(settle());
}

TEST_F(AtRest, ATableThatKeepsLessLetsItsHistoryGo) {
    table_.history.hours = 1000;
    ASSERT_NO_FATAL_FAILURE(fill_with_history());
    expect_rest();
    auto shorter = table_;
    shorter.history.hours = 0;
    partition_->update_table(shorter);
    EXPECT_TRUE(tick_until([&] { return partition_->history_start() > 0; }));
}

// Nothing wakes it for that: its turn of the round does.
TEST_F(AtRest, RecordsOfTheHistoryGoWhenTheirTimeIsOver) {
    table_.history.hours = 2;
    ASSERT_NO_FATAL_FAILURE(fill_with_history());
    now_us_ += 3 * kHourUs;
    uptime_us_ += 3 * kHourUs;
    for (std::size_t i = 0; i < UpkeepList::kRoundTicks; ++i)
        upkeep_->tick(Clock::now());
    EXPECT_TRUE(eventually([&] { return partition_->history_start() > 0; }));
}

TEST_F(AtRest, FilesOfBeforeACompactionGoInTime) {
    close();
    options_.compaction_history = milliseconds(300);
    open_with_upkeep();
    for (int i = 0; i < 3; ++i)
        append({{i % 2, std::string(options_.segment_bytes, 'x'), false}});
    ASSERT_TRUE(partition_->flush().has_value());
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    const auto files = [&] {
        const auto all = std::filesystem::directory_iterator(directory_ + "/snapshots");
        return static_cast<std::size_t>(std::distance(begin(all), end(all)));
    };
    const auto named = [&] {
        return ManifestStore(posix_file_system(), directory_).load()->files.size() * 3;
    };
    EXPECT_GT(files(), named());
    EXPECT_TRUE(tick_until([&] { return files() == named(); }));
    ASSERT_NO_FATAL_FAILURE(settle());
}

// Whoever holds it still: the directory may be that of another one by then.
TEST_F(AtRest, AClosedPartitionWritesNothing) {
    options_.synced_is_committed = false;
    open_with_upkeep();
    auto ack = append_later(rows_of(0, 3));
    ASSERT_TRUE(eventually([&] { return partition_->copy()->ends().synced_end == 3; }));
    ASSERT_TRUE(partition_->advance_high_watermark(3).has_value());
    disk_.set_fault([](FaultyFileSystem::Call, const std::string& path) -> std::optional<ErrorCode> {
        if (path.ends_with("log.committed")) return ErrorCode::io_error;
        return std::nullopt;
    });
    partition_->close();
    disk_.set_fault(nullptr);
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(partition_->tick(), UpkeepList::kAtRest);
    EXPECT_FALSE(std::filesystem::exists(commit_mark_path(directory_)));
}

}  // namespace
}  // namespace dl::slave::test
