// Whatever is done to one file of a partition that does not run, it opens with all of its rows or says by
// name what is missing; and it goes on without what is missing only when told so.
#include <algorithm>
#include <fstream>
#include <sstream>

#include "slave/log/log_files.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave {
namespace {

using namespace test;

class LossTest : public PartitionFixture {
  protected:
    using Rows = std::map<std::int64_t, std::string>;
    using Damage = std::function<void(const std::string& path)>;

    static std::string read(const std::string& path) {
        std::ostringstream out;
        out << std::ifstream(path, std::ios::binary).rdbuf();
        return out.str();
    }
    static void write(const std::string& path, const std::string& bytes) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    }
    static std::vector<std::pair<std::string, Damage>> damages() {
        return {{"deleted", [](const std::string& path) { std::filesystem::remove(path); }},
                {"emptied", [](const std::string& path) { write(path, ""); }},
                {"cut in half",
                 [](const std::string& path) {
                     const auto bytes = read(path);
                     write(path, bytes.substr(0, bytes.size() / 2));
                 }},
                {"last 100 bytes flipped", [](const std::string& path) {
                     auto bytes = read(path);
                     for (auto i = bytes.size() - std::min<std::size_t>(100, bytes.size()); i < bytes.size();
                          ++i)
                         bytes[i] = static_cast<char>(~bytes[i]);
                     write(path, bytes);
                 }}};
    }
    // Compacted files, flushed ones, closed and open log files, with keys that replace each other.
    void fill() {
        options_.segment_bytes = 2000;
        options_.compaction.automatic = false;
        options_.compaction.idle = std::chrono::milliseconds(0);
        reopen();
        int key = 0;
        const auto add = [&](int rows) {
            for (int i = 0; i < rows; ++i, ++key) {
                append({{key % 40, "value " + std::to_string(key)}, {1000 + key, std::string(30, 'x')}});
                if (key % 7 == 0) append({{key % 40, "", true}});
            }
        };
        add(20);
        ASSERT_TRUE(partition_->flush().has_value());
        ASSERT_TRUE(partition_->compress({}).has_value());
        compacted_end_ = partition_->end_offset();
        add(20);
        ASSERT_TRUE(partition_->flush().has_value());
        add(3);
        ASSERT_TRUE(partition_->flush().has_value());  // nothing is under way
    }
    std::string keep_copy(const std::string& name) {
        const auto copy = root_ + "/" + name;
        std::filesystem::copy(directory_, copy, std::filesystem::copy_options::recursive);
        return copy;
    }
    void restore(const std::string& copy) {
        close();
        std::filesystem::remove_all(directory_);
        std::filesystem::copy(copy, directory_, std::filesystem::copy_options::recursive);
    }
    static std::vector<std::string> files_of(const std::string& directory) {
        std::vector<std::string> files;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
            if (entry.is_regular_file() && entry.file_size() > 0)
                files.push_back(std::filesystem::relative(entry.path(), directory));
        std::sort(files.begin(), files.end());
        return files;
    }
    // "": all rows, or refused by name.
    std::string outcome(const Rows& rows, Offset end) {
        auto opened = try_open();
        if (opened.has_error()) return named(opened.error());
        partition_ = *opened;
        const auto view = partition_->pin();
        if (const auto proven = view->prove_files(); proven.has_error()) return named(proven.error());
        if (partition_->end_offset() != end)
            return "it ends at offset " + std::to_string(partition_->end_offset()) + ", not " +
                   std::to_string(end);
        return live(*view) == rows ? "" : "it has other rows";
    }
    static std::string named(const Error& error) {
        if (error.code != ErrorCode::corrupt_data && error.code != ErrorCode::not_found)
            return "refused with " + error.to_text();
        const bool says =
            error.message.find("/p/") != std::string::npos || error.message.find("/p\"") != std::string::npos;
        return says ? "" : "refused without a name: " + error.message;
    }
    Result<std::vector<LostRange>> lost(bool accept) {
        PartitionContext context;
        context.files = files_;
        context.file_database = database_;
        context.now_us = [this] { return now_us_ += 1000; };
        context.uptime_us = [this] { return uptime_us_.load(); };
        return Partition::lost_records(directory_, table_, PartitionId{0}, options_, context, accept);
    }
    Offset compacted_end_ = 0;

    std::string newest_log_file() const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/log"))
            if (entry.path().extension() == ".log") names.push_back(entry.path());
        return *std::max_element(names.begin(), names.end());
    }
};

TEST_F(LossTest, EveryFileDamagedAfterACleanStop) {
    fill();
    const auto rows = live();
    const auto end = partition_->end_offset();
    close();
    const auto copy = keep_copy("copy");
    for (const bool at_open : {true, false}) {
        options_.files_proven_at_open = at_open;
        for (const auto& file : files_of(copy))
            for (const auto& [what, damage] : damages()) {
                restore(copy);
                damage(directory_ + "/" + file);
                EXPECT_EQ(outcome(rows, end), "")
                    << file << " " << what << (at_open ? ", proven at open" : "");
            }
        restore(copy);
        std::filesystem::remove_all(directory_ + "/log");
        EXPECT_EQ(outcome(rows, end), "") << "the whole log";
        restore(copy);
        std::filesystem::remove_all(directory_ + "/snapshots");
        EXPECT_EQ(outcome(rows, end), "") << "all snapshots";
        restore(copy);
        EXPECT_EQ(outcome(rows, end), "");
    }
}

TEST_F(LossTest, EveryFileDamagedAfterAKillAtRest) {
    fill();
    const auto rows = live();
    const auto end = partition_->end_offset();
    partition_->tick();
    partition_->tick();  // nobody writes: sealed
    const auto copy = keep_copy("copy");
    for (const auto& file : files_of(copy))
        for (const auto& [what, damage] : damages()) {
            restore(copy);
            damage(directory_ + "/" + file);
            EXPECT_EQ(outcome(rows, end), "") << file << " " << what;
        }
}

TEST_F(LossTest, AKillInTheMiddleOfWritingCutsTheTornEndAsEver) {
    fill();
    append({{5000, "acknowledged"}});
    const auto rows = live();
    const auto end = partition_->end_offset();
    const auto copy = keep_copy("copy");
    restore(copy);
    std::ofstream(newest_log_file(), std::ios::binary | std::ios::app)
        << "half a batch that nobody was told of";
    EXPECT_EQ(outcome(rows, end), "");
    append({{5001, "goes on"}});
}

TEST_F(LossTest, WhatIsMissingIsNamedAndGoneWithoutOnlyWhenToldSo) {
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
TEST_F(LossTest, BatchIdsOfWhatIsThereAreKept) {
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
        const auto again = append({{3, "again"}}, in_log);
        EXPECT_TRUE(again.duplicate);
        EXPECT_EQ(again.first, kept.first);
        EXPECT_TRUE(append({{1, "again"}}, flushed).duplicate);
        EXPECT_TRUE(append({{2, "again"}}, producer, 1).duplicate);
        EXPECT_TRUE(append({{4, "again"}}, producer, 2).duplicate);
        EXPECT_EQ(append({{5, "sent again"}}, lost_id).duplicate, i > 0);
        reopen();
    }
    EXPECT_EQ(live().at(3), "in the log");
    EXPECT_EQ(live().at(5), "sent again");
}

TEST_F(LossTest, AFileOutOfTheMiddleOfTheLogIsGoneWithout) {
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

TEST_F(LossTest, AnAcceptanceThatACrashInterruptsIsEndedByTheNextStart) {
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

TEST_F(LossTest, FilesAreProvenWhileThePartitionServes) {
    fill();
    const auto rows = live();
    close();
    const auto copy = keep_copy("copy");
    options_.files_proven_at_open = false;
    for (const auto& file : files_of(copy + "/snapshots")) {
        restore(copy);
        auto bytes = read(directory_ + "/snapshots/" + file);
        bytes[bytes.size() / 2] ^= 0x20;
        write(directory_ + "/snapshots/" + file, bytes);
        auto opened = try_open();
        if (opened.has_error()) continue;  // of a kind that is read at once
        partition_ = *opened;
        const auto proven = partition_->scrub({.spend = {}, .unproven_only = true});
        ASSERT_TRUE(proven.has_value()) << file << ": " << proven.error().to_text();
        const bool column_file = file.ends_with(".parquet");
        const auto left = std::count_if(
            proven->findings.begin(), proven->findings.end(),
            [](const std::string& text) { return text.find("no longer holds") != std::string::npos; });
        // The end of the log, which is applied at the start, may have met a damaged index by then.
        if (column_file) {
            EXPECT_EQ(proven->findings.size(), 1u) << file;
        }
        const auto view = partition_->pin();
        const auto usable = view->prove_files();
        EXPECT_EQ(usable.has_value(), left == 0) << file;
        if (usable.has_error()) {
            EXPECT_NE(usable.error().message.find(file), std::string::npos) << usable.error().message;
        } else {
            EXPECT_EQ(live(*view), rows) << file;
        }
        if (column_file) {
            close();
            options_.files_proven_at_open = true;
            EXPECT_EQ(try_open().has_value(), left == 0) << file << ": as a start that reads everything";
            options_.files_proven_at_open = false;
        }
    }
    restore(copy);
    open();
    const ScrubOptions unproven{.spend = {}, .unproven_only = true};
    const auto first = partition_->scrub(unproven);
    EXPECT_EQ(first->findings, std::vector<std::string>{});
    EXPECT_GT(first->files, 0u);
    EXPECT_EQ(partition_->scrub(unproven)->files, 0u) << "once";
    restore(copy);
    open();
    EXPECT_EQ(partition_->scrub({})->findings, std::vector<std::string>{});
    EXPECT_EQ(partition_->scrub(unproven)->files, 0u) << "by a scrub of everything too";
}

}  // namespace
}  // namespace dl::slave
