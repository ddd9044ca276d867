// The history of a table: every record by its offset for as long as the table says, whatever is merged; below
// it what compaction leaves. Against a model, with a clock of its own.
#include <random>
#include <thread>

#include "slave/snapshot/manifest.h"
#include "slave/stream/stream_reader.h"
#include "tests/support/eventually.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave::test {
namespace {

using dl::test::eventually;

constexpr std::int64_t kMinute = 60'000'000;
constexpr std::int64_t kHour = 60 * kMinute;

struct Appended {
    Row row;
    std::int64_t not_before_us = 0, not_after_us = 0;
};

class HistoryFixture : public PartitionFixture {
  protected:
    void use(TableHistory history, bool compacts = true) {
        close();
        table_.history = history;
        options_.segment_bytes = 2048;
        options_.compaction.automatic = compacts;
        options_.compaction.bytes_min = 0;
        options_.compaction.dead_bytes_min = 0;
        options_.compaction.files_min = 2;
        options_.compaction.join_files = 4;
        open();
    }
    void pass(std::int64_t us) {
        now_us_ += us;
        uptime_us_ += us;
    }
    void append_rows(const std::vector<Row>& rows) {
        const auto before = now_us_.load();
        const auto ack = append(rows);
        ASSERT_EQ(ack.first, static_cast<Offset>(model_.size()));
        for (const auto& row : rows)
            model_.push_back({row, before, now_us_.load()});
    }
    void append_some(std::mt19937& random) {
        std::vector<Row> rows(1 + random() % 30);
        for (auto& row : rows)
            row = {static_cast<std::int64_t>(random() % 60), "v" + std::to_string(random()),
                   random() % 6 == 0};
        append_rows(rows);
    }
    // Everything stored is what was written; all of it from the start of the history on; and what is left of
    // the rest still gives the table.
    void check_records() {
        // When the history begins later in the middle of it, a reader has had an insert and misses the delete
        // that went with it, which it is told of (dropped()): then all is read once more.
        Offset start = partition_->history_start();
        auto stored = records(97);
        for (auto now = partition_->history_start(); now != start; now = partition_->history_start()) {
            ASSERT_GE(now, start) << "only forward";
            start = now;
            stored = records(97);
        }
        for (const auto& [offset, row] : stored) {
            ASSERT_LT(offset, static_cast<Offset>(model_.size()));
            const auto& wanted = model_[static_cast<std::size_t>(offset)].row;
            ASSERT_EQ(row.key, wanted.key) << offset;
            ASSERT_EQ(row.is_delete, wanted.is_delete) << offset;
            if (!row.is_delete) {
                ASSERT_EQ(row.value, wanted.value) << offset;
            }
        }
        for (auto offset = start; offset < static_cast<Offset>(model_.size()); ++offset)
            ASSERT_TRUE(stored.contains(offset)) << offset << " of the history from " << start;
        std::map<std::int64_t, std::string> replayed, live_model;
        const auto play = [](std::map<std::int64_t, std::string>& table, const Row& row) {
            if (row.is_delete)
                table.erase(row.key);
            else
                table[row.key] = row.value;
        };
        for (const auto& [offset, row] : stored)
            play(replayed, row);
        for (const auto& record : model_)
            play(live_model, record.row);
        ASSERT_EQ(replayed, live_model);
        ASSERT_EQ(live(), live_model);
    }
    // A stream says which of the offsets it came over have no record any more.
    void check_stream(Offset from, StreamFormat format) {
        std::optional<std::pair<Offset, Offset>> missing;
        Offset at = from;
        // A stream of its own, so that nothing is removed in between.
        StreamReader reader(partition_, std::make_shared<TableMeta>(table_), PartitionId{0}, from, 1u << 30,
                            format);
        const auto stored_before = records(1000);
        std::uint64_t rows = 0;
        for (;;) {
            auto chunk = reader.next(8192);
            ASSERT_TRUE(chunk.has_value()) << chunk.error().to_text();
            if (chunk->empty()) break;
            rows += chunk->rows;
        }
        const auto stored = records(1000);
        if (stored.size() != stored_before.size()) return;  // compacted meanwhile
        for (const auto& [offset, row] : stored) {
            if (offset < from) continue;
            --rows;
            if (offset > at) missing = {missing ? missing->first : at, offset - 1};
            at = offset + 1;
        }
        EXPECT_EQ(rows, 0u);
        EXPECT_EQ(reader.next_offset(), at);
        EXPECT_EQ(reader.dropped(), missing);
    }
    void check_time(std::int64_t time_us) {
        const auto found = partition_->offset_for_time(time_us);
        ASSERT_TRUE(found.has_value()) << found.error().to_text();
        for (const auto& [offset, row] : records(1000)) {
            const auto& record = model_[static_cast<std::size_t>(offset)];
            if (offset < *found)
                ASSERT_LT(record.not_before_us, time_us) << offset << " is before " << *found;
            else
                ASSERT_GE(record.not_after_us, time_us) << offset << " is not before " << *found;
        }
    }
    Manifest manifest() const { return *ManifestStore(posix_file_system(), directory_).load(); }

    std::vector<Appended> model_;  // by offset
};

class HistoryModelTest : public HistoryFixture, public ::testing::WithParamInterface<std::uint32_t> {};

TEST_P(HistoryModelTest, StreamsAreThoseOfTheModelWhileFilesAreMerged) {
    std::mt19937 random(GetParam());
    TableHistory history;
    history.hours = GetParam() % 3 == 0 ? 72 : 1 + GetParam() % 4;
    history.bytes = GetParam() % 2 == 0 ? 0 : 12'000;
    use(history);
    Offset asked_for = 0;  // a compaction that was asked for may have shortened the log up to here
    for (int step = 0; step < 150; ++step) {
        const auto action = random() % 100;
        if (action < 60)
            ASSERT_NO_FATAL_FAILURE(append_some(random));
        else if (action < 72)
            pass(static_cast<std::int64_t>(random() % 40) * kMinute);
        else if (action < 84)
            partition_->tick();
        else if (action < 90)
            ASSERT_TRUE(partition_->flush().has_value());
        else if (action < 96)
            reopen();
        else if (GetParam() % 4 == 1 && action < 97) {
            asked_for = partition_->end_offset();
            ASSERT_TRUE(partition_->compress(nullptr).has_value());
            EXPECT_LE(partition_->stats().segments, 3u);
        }
        // Nothing went that the table keeps.
        const Offset start = partition_->history_start();
        if (start > asked_for && history.bytes == 0) {
            ASSERT_LE(model_[static_cast<std::size_t>(start) - 1].not_before_us + history.hours * kHour,
                      now_us_.load())
                << "offset " << start - 1 << " is too young to go";
        }
        if (step % 10 == 0) {
            SCOPED_TRACE("seed " + std::to_string(GetParam()) + ", step " + std::to_string(step));
            ASSERT_NO_FATAL_FAILURE(check_records());
            const auto from = static_cast<Offset>(random() % (model_.size() + 1));
            ASSERT_NO_FATAL_FAILURE(
                check_stream(from, random() % 2 == 0 ? StreamFormat::columnar : StreamFormat::rows));
            ASSERT_NO_FATAL_FAILURE(check_stream(0, StreamFormat::json));
            ASSERT_NO_FATAL_FAILURE(check_time(
                1'700'000'000'000'000 +
                static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(
                                                         now_us_.load() - 1'700'000'000'000'000 + kMinute))));
        }
    }
    EXPECT_GT(manifest().compacted_end, 0) << "nothing was merged: this run proved nothing";
    reopen();
    ASSERT_NO_FATAL_FAILURE(check_records());
}

INSTANTIATE_TEST_SUITE_P(Seeds, HistoryModelTest, ::testing::Range(1u, 9u));

// What automatic compaction took until now.
TEST_F(HistoryFixture, MergingFilesTakesNothingOfTheHistory) {
    use({});
    for (int i = 0; i < 60; ++i) {
        std::vector<Row> rows;
        for (std::int64_t key = 0; key < 40; ++key)
            rows.push_back({key, "r" + std::to_string(i) + "-" + std::to_string(key), key == i});
        ASSERT_NO_FATAL_FAILURE(append_rows(rows));
    }
    ASSERT_TRUE(eventually([&] { return partition_->stats().compactions > 0; }));
    for (int i = 0; i < 3; ++i)
        partition_->tick();
    EXPECT_EQ(partition_->history_start(), 0);
    EXPECT_EQ(records().size(), 60u * 40u);
    EXPECT_LT(partition_->stats().file_rows, 60u * 40u / 2) << "queries are spared them";
    ASSERT_NO_FATAL_FAILURE(check_records());
    // Only who asks for it shortens the log, at once and to its newest files.
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    EXPECT_LE(partition_->stats().segments, 3u);
    EXPECT_GT(partition_->history_start(), 0);
    EXPECT_LT(records().size(), 60u * 40u);
    ASSERT_NO_FATAL_FAILURE(check_records());
    ASSERT_NO_FATAL_FAILURE(check_stream(0, StreamFormat::columnar));
}

TEST_F(HistoryFixture, RecordsGoWhenTheirTimeIsOver) {
    use({.hours = 2});
    std::mt19937 random(3);
    const auto fill = [&](int batches) {
        for (int i = 0; i < batches; ++i)
            append_some(random);
    };
    fill(80);
    const auto old_end = partition_->end_offset();
    ASSERT_TRUE(eventually([&] { return partition_->stats().compactions > 0; }));
    pass(kHour);
    fill(80);
    pass(kHour + kMinute);
    // The manifest says so before the files go; merged files hold what is left.
    ASSERT_TRUE(eventually([&] {
        partition_->tick();
        append_some(random);
        return partition_->history_start() + 200 >= old_end;
    }));
    EXPECT_LE(partition_->history_start(), old_end + 60) << "younger records stay";
    EXPECT_LE(manifest().log_start, partition_->history_start());
    ASSERT_NO_FATAL_FAILURE(check_records());
    ASSERT_NO_FATAL_FAILURE(check_stream(0, StreamFormat::columnar));
    const auto start = partition_->history_start();
    reopen();
    EXPECT_EQ(partition_->history_start(), start);
    ASSERT_NO_FATAL_FAILURE(check_records());
}

// Set ten years forward for a while: nothing goes at once, and what was appended meanwhile goes when its time
// is over.
TEST_F(HistoryFixture, AClockThatIsSetTakesNothingEarlyAndKeepsNothingForEver) {
    use({.hours = 2});
    std::mt19937 random(9);
    const auto fill = [&](int batches) {
        for (int i = 0; i < batches; ++i)
            append_some(random);
    };
    const auto tick_some = [&] {
        for (int i = 0; i < 5; ++i) {
            partition_->tick();
            append_some(random);
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    };
    fill(80);
    ASSERT_TRUE(eventually([&] { return partition_->stats().compactions > 0; }));
    now_us_ += 87'600 * kHour;
    fill(80);
    ASSERT_TRUE(partition_->flush().has_value());
    tick_some();
    EXPECT_EQ(partition_->history_start(), 0) << "they are minutes old";
    pass(10 * kMinute);
    now_us_ -= 87'600 * kHour;
    fill(40);
    ASSERT_TRUE(partition_->flush().has_value());  // closes their log file, whose times are to come
    const auto old_end = partition_->end_offset();
    tick_some();
    EXPECT_EQ(partition_->history_start(), 0);
    pass(2 * kHour - 10 * kMinute);
    fill(80);
    // Some records now and then, so that there is a reason to merge what has not been merged yet.
    int ticks = 0;
    const auto history_begins_at = [&](Offset least) {
        return eventually(
            [&] {
                partition_->tick();
                if (++ticks % 32 == 0) append_some(random);
                return partition_->history_start() >= least;
            },
            std::chrono::seconds(90));
    };
    ASSERT_TRUE(history_begins_at(1));
    pass(11 * kMinute);
    ASSERT_TRUE(history_begins_at(old_end));
    ASSERT_NO_FATAL_FAILURE(check_records());
}

TEST_F(HistoryFixture, BytesAreALimitToo) {
    use({.hours = 1000, .bytes = 20'000});
    std::mt19937 random(4);
    ASSERT_TRUE(eventually([&] {
        append_some(random);
        partition_->tick();
        return partition_->history_start() > 500;
    }));
    ASSERT_TRUE(eventually([&] {
        partition_->tick();
        return partition_->stats().log_bytes < 40'000;
    }));
    EXPECT_GT(partition_->stats().log_bytes, 5'000u);  // files go whole
    ASSERT_NO_FATAL_FAILURE(check_records());
}

// The history may be what fills the disk: who asks for a compaction gets it back, also when there is no space
// to merge anything.
TEST_F(HistoryFixture, AFullDiskIsRelievedOfTheHistory) {
    use({});
    std::mt19937 random(8);
    for (int i = 0; i < 120; ++i)
        append_some(random);
    ASSERT_TRUE(eventually([&] { return partition_->stats().compactions > 0; }));
    for (int i = 0; i < 40; ++i)
        append_some(random);
    ASSERT_TRUE(partition_->flush().has_value());
    EXPECT_EQ(partition_->history_start(), 0);
    close();
    options_.free_disk_bytes_min = std::uint64_t{1} << 60;
    options_.compaction.automatic = false;
    open();
    const auto refused = partition_->compress(nullptr);
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, ErrorCode::disk_full);
    EXPECT_GT(partition_->history_start(), 0);
    ASSERT_NO_FATAL_FAILURE(check_records());
}

// Without anything compacted there is nothing that has what would go.
TEST_F(HistoryFixture, WhatIsInNoCompactedFileStays) {
    use({.hours = 0}, false);
    std::mt19937 random(5);
    for (int i = 0; i < 100; ++i)
        append_some(random);
    ASSERT_TRUE(partition_->flush().has_value());
    pass(1000 * kHour);
    for (int i = 0; i < 3; ++i)
        partition_->tick();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(partition_->history_start(), 0);
    EXPECT_EQ(records().size(), model_.size());
}

TEST_F(HistoryFixture, LogFilesOfTheHistoryArePacked) {
    use({}, false);
    std::mt19937 random(6);
    for (int i = 0; i < 400; ++i)
        append_some(random);
    ASSERT_TRUE(partition_->flush().has_value());
    const auto before = partition_->stats();
    ASSERT_GT(before.segments, 40u);
    ASSERT_TRUE(eventually([&] {
        partition_->tick();
        return partition_->stats().segments < 20;
    }));
    EXPECT_LT(partition_->stats().log_bytes, before.log_bytes);
    ASSERT_NO_FATAL_FAILURE(check_records());
    ASSERT_NO_FATAL_FAILURE(check_time(model_[model_.size() / 2].not_after_us));
    reopen();
    ASSERT_NO_FATAL_FAILURE(check_records());
    CheckOptions check;
    const auto checked = partition_->check(check);
    ASSERT_TRUE(checked.has_value()) << checked.error().to_text();
    EXPECT_TRUE(checked->problems.empty()) << checked->problems.front();
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    ASSERT_NO_FATAL_FAILURE(check_records());
    // Switched off: they stay as they are.
    close();
    options_.pack_log = false;
    open();
    for (int i = 0; i < 200; ++i)
        append_some(random);
    ASSERT_TRUE(partition_->flush().has_value());
    const auto segments = partition_->stats().segments;
    partition_->tick();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(partition_->stats().segments, segments);
}

}  // namespace
}  // namespace dl::slave::test
