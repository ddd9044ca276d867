// A partition goes on without what is missing only when told so, and everything else stays.
#include "tests/unit/slave/partition/loss_fixture.h"

namespace dl::slave {
namespace {

using namespace test;

class AcceptLossTest : public LossTest {};

// The old log may end with a file that nothing was written to yet, as the new one begins.
TEST_F(AcceptLossTest, WhatIsLeftOfALogThatLostHistoryIsKept) {
    fill();
    ASSERT_TRUE(partition_->compress({}).has_value());
    compacted_end_ = partition_->end_offset();
    const auto rows = live();
    const auto end = partition_->end_offset();
    close();
    auto firsts = segment_firsts(*files_->list(directory_ + "/log"));
    ASSERT_EQ(*firsts.rbegin(), end) << "the newest is empty";
    ASSERT_LT(*firsts.begin(), compacted_end_);
    std::filesystem::remove(segment_path(directory_ + "/log", *firsts.begin(), ".log"));
    firsts.erase(firsts.begin());
    ASSERT_TRUE(try_open().has_error());
    const auto accepted = lost(true);
    ASSERT_TRUE(accepted.has_value()) << accepted.error().to_text();
    open();
    EXPECT_EQ(live(), rows);
    EXPECT_EQ(partition_->end_offset(), end);
    const auto aside = directory_ + "/log.lost-" + std::to_string(end);
    ASSERT_TRUE(std::filesystem::exists(aside));
    EXPECT_EQ(segment_firsts(*files_->list(aside)), firsts);
    EXPECT_EQ(append({{9000, "on"}}).first, end);
    reopen();
    EXPECT_EQ(live().size(), rows.size() + 1);
}

TEST_F(AcceptLossTest, WhatIsMissingIsNamedAndGoneWithoutOnlyWhenToldSo) {
    fill();
    auto rows = live();
    const auto end = partition_->end_offset();
    const auto all = records();
    append({{1, "lost"}, {7000, "lost"}});
    close();
    const auto file = newest_log_file();
    const auto bytes = read(file);
    // The newest batch is bad.
    write(file, bytes.substr(0, bytes.size() - 8) + "12345678");

    for (int i = 0; i < 2; ++i) {
        const auto refused = try_open();
        ASSERT_TRUE(refused.has_error());
        EXPECT_NE(refused.error().message.find("2 records, offsets " + std::to_string(end) + " to " +
                                               std::to_string(end + 1)),
                  std::string::npos)
            << refused.error().message;
        EXPECT_NE(refused.error().message.find("accept loss of table t partition 0"), std::string::npos)
            << refused.error().message;
    }
    const auto found = lost(false);
    ASSERT_TRUE(found.has_value()) << found.error().to_text();
    EXPECT_EQ(*found, (std::vector<LostRange>{{end, end + 2, true}}));
    const auto accepted = lost(true);
    ASSERT_TRUE(accepted.has_value()) << accepted.error().to_text();
    EXPECT_EQ(*accepted, *found);

    open();
    EXPECT_EQ(live(), rows);
    EXPECT_EQ(partition_->end_offset(), end + 2);
    // Of what was replaced before the last compaction the old log alone had the records.
    const auto read = records();
    for (const auto& [offset, row] : all)
        if (offset >= compacted_end_) {
            EXPECT_EQ(read.count(offset), 1u) << offset;
        }
    const auto ack = append({{7001, "new"}});
    EXPECT_EQ(ack.first, end + 2) << "no offset is given twice";
    rows[7001] = "new";
    EXPECT_EQ(records().rbegin()->first, end + 2) << "a reader goes on behind what is lost";
    EXPECT_TRUE(std::filesystem::exists(directory_ + "/log.lost-" + std::to_string(end + 2)));
    reopen();
    EXPECT_EQ(live(), rows);
    EXPECT_EQ(lost(false).error().code, ErrorCode::invalid_request);
    const auto checked = partition_->check({});
    ASSERT_TRUE(checked.has_value());
    EXPECT_EQ(checked->problems, std::vector<std::string>{});
    // Flushed, compacted and read again across what is lost.
    for (int i = 0; i < 40; ++i) {
        append({{i, std::string(100, 'y')}});
        rows[i] = std::string(100, 'y');
    }
    ASSERT_TRUE(partition_->flush().has_value());
    reopen();
    EXPECT_EQ(live(), rows);
    ASSERT_TRUE(partition_->compress({}).has_value());
    reopen();
    EXPECT_EQ(live(), rows);
    EXPECT_EQ(partition_->check({})->problems, std::vector<std::string>{});
}

// What was acknowledged under an id and is still there is not applied again, whatever became of the log it
// lay in; what is gone is. Remembered are they for as long as ever.
TEST_F(AcceptLossTest, BatchIdsOfWhatIsThereAreKept) {
    options_.segment_bytes = 2000;
    options_.batch_id_window = std::chrono::minutes(15);
    reopen();
    const Hash128 flushed{1, 1}, in_log{2, 2}, lost_id{3, 3}, producer{4, 4};
    append({{1, "flushed"}}, flushed);
    append({{2, "by a producer"}}, producer, 1);
    append({{50, std::string(2500, 'x')}});
    ASSERT_TRUE(partition_->flush().has_value());
    const auto kept = append({{3, "in the log"}}, in_log);
    append({{4, "by a producer"}}, producer, 2);
    append({{5, "lost"}}, lost_id);
    close();
    const auto file = newest_log_file();
    const auto bytes = read(file);
    write(file, bytes.substr(0, bytes.size() - 8) + "12345678");
    ASSERT_TRUE(try_open().has_error());
    uptime_us_ += std::chrono::microseconds(std::chrono::minutes(10)).count();  // it was not open
    const auto accepted = lost(true);
    ASSERT_TRUE(accepted.has_value()) << accepted.error().to_text();
    EXPECT_EQ(accepted->front().end - accepted->front().from, 1);
    open();
    uptime_us_ += std::chrono::microseconds(std::chrono::minutes(14)).count();
    for (int i = 0; i < 2; ++i) {
        const auto again = append({{3, "in the log"}}, in_log);
        EXPECT_TRUE(again.duplicate);
        EXPECT_EQ(again.first, kept.first);
        EXPECT_TRUE(append({{1, "flushed"}}, flushed).duplicate);
        EXPECT_TRUE(append({{2, "by a producer"}}, producer, 1).duplicate);
        EXPECT_TRUE(append({{4, "by a producer"}}, producer, 2).duplicate);
        EXPECT_EQ(append({{5, "sent again"}}, lost_id).duplicate, i > 0);
        reopen();
    }
    EXPECT_EQ(live().at(3), "in the log");
    EXPECT_EQ(live().at(5), "sent again");
}

TEST_F(AcceptLossTest, AFileOutOfTheMiddleOfTheLogIsGoneWithout) {
    options_.segment_bytes = 2000;
    // Nothing is flushed meanwhile.
    background_.stop();
    reopen();
    std::map<Offset, std::int64_t> written;
    for (int i = 0; i < 60; ++i)
        written[append({{i, std::string(60, 'a')}}).first] = i;
    const auto end = partition_->end_offset();
    close();
    std::vector<Offset> firsts;
    for (const auto first : segment_firsts(*files_->list(directory_ + "/log")))
        firsts.push_back(first);
    ASSERT_GT(firsts.size(), 4u);
    std::filesystem::remove(segment_path(directory_ + "/log", firsts[1], ".log"));
    Rows rows;
    for (const auto& [offset, key] : written)
        if (offset < firsts[1] || offset >= firsts[2]) rows[key] = std::string(60, 'a');
    ASSERT_TRUE(try_open().has_error());
    const auto accepted = lost(true);
    ASSERT_TRUE(accepted.has_value()) << accepted.error().to_text();
    EXPECT_EQ(*accepted, (std::vector<LostRange>{{firsts[1], firsts[2], true}}));
    open();
    EXPECT_EQ(live(), rows);
    EXPECT_EQ(partition_->end_offset(), end);
    EXPECT_EQ(records().size(), rows.size());
    EXPECT_EQ(append({{100, "b"}}).first, end);
    reopen();
    EXPECT_EQ(live().size(), rows.size() + 1);
}

TEST_F(AcceptLossTest, AnAcceptanceThatACrashInterruptsIsEndedByTheNextStart) {
    fill();
    const auto rows = live();
    close();
    const auto file = newest_log_file();
    write(file, read(file).substr(0, 10));
    const auto before = keep_copy("before");
    const auto accepted = lost(true);
    ASSERT_TRUE(accepted.has_value()) << accepted.error().to_text();
    const auto end = accepted->back().end;
    const auto committed = keep_copy("committed");
    const auto aside = "/log.lost-" + std::to_string(end);
    // Every step of the start behind it may be the last: the log set aside, its seal removed, the new one
    // made.
    for (int step = 0; step < 4; ++step) {
        restore(committed);
        if (step >= 1) std::filesystem::rename(directory_ + "/log", directory_ + aside);
        if (step >= 2) std::filesystem::remove(directory_ + "/log.seal");
        if (step >= 3) {
            std::filesystem::create_directories(directory_ + "/log");
            write(segment_path(directory_ + "/log", end, ".log"), "");
        }
        open();
        EXPECT_EQ(partition_->end_offset(), end) << "step " << step;
        EXPECT_TRUE(std::filesystem::exists(directory_ + aside));
        EXPECT_EQ(append({{9000, "on"}}).first, end) << "step " << step;
    }
    // Once it has begun, losing the new log is a loss like any other.
    close();
    std::filesystem::remove_all(directory_ + "/log");
    EXPECT_TRUE(try_open().has_error());
    // Nothing committed: everything is as it was.
    restore(before);
    EXPECT_TRUE(try_open().has_error());
}

}  // namespace
}  // namespace dl::slave
