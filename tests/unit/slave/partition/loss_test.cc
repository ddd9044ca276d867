// Whatever is done to one file of a partition that does not run, it opens with all of its rows or says by
// name what is missing.
#include <thread>

#include "tests/unit/slave/partition/loss_fixture.h"

namespace dl::slave {
namespace {

using namespace test;

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

// What a committed change of the manifest removed is no reason to remove what it brought.
TEST_F(LossTest, ADamagedLastChangeOfTheManifestIsSaidAndNothingIsRemoved) {
    fill();
    append({{1, "in the newest column file only"}});
    ASSERT_TRUE(partition_->flush().has_value());
    ASSERT_TRUE(partition_->compress({}).has_value());
    const auto rows = live();
    const auto end = partition_->end_offset();
    close();
    const auto copy = keep_copy("copy");
    const auto manifest = read(copy + "/manifest");
    const auto last = manifest.rfind("DLCHANGE ");
    ASSERT_NE(last, std::string::npos) << "the compaction appended its change";
    for (const auto at : {last + 1, last + 12, last + 40, manifest.size() - 3}) {
        restore(copy);
        auto damaged = manifest;
        damaged[at] ^= 1;
        write(directory_ + "/manifest", damaged);
        for (int start = 0; start < 2; ++start) {
            const auto opened = try_open();
            ASSERT_TRUE(opened.has_error()) << at;
            EXPECT_EQ(opened.error().code, ErrorCode::corrupt_data);
            EXPECT_NE(opened.error().message.find("the last change of manifest " + directory_),
                      std::string::npos)
                << opened.error().message;
        }
        const auto refused = lost(true);
        ASSERT_TRUE(refused.has_error());
        EXPECT_NE(refused.error().message.find("truncate -s " + std::to_string(last)), std::string::npos)
            << refused.error().message;
        // Without that end nothing shows that there was one, but the files of it.
        write(directory_ + "/manifest", manifest.substr(0, last));
        const auto shorter = lost(true);
        ASSERT_TRUE(shorter.has_error());
        EXPECT_NE(shorter.error().message.find("may have lost its end"), std::string::npos)
            << shorter.error().message;
        write(directory_ + "/manifest", manifest);
        const auto opened = try_open();
        ASSERT_TRUE(opened.has_value()) << at << ": " << opened.error().message;
        partition_ = *opened;
        EXPECT_EQ(live(), rows) << at;
        EXPECT_EQ(partition_->end_offset(), end) << at;
    }
}

// A clean stop leaves a seal that says how far the log goes: each loss is told by number, with the way out.
TEST_F(LossTest, EachLossBehindACleanStopSaysHowManyAndWhatToDo) {
    fill();
    append({{1, "in the log"}, {2, "in the log"}});
    append({{3, "in the log"}, {4, "in the log"}});
    const auto end = partition_->end_offset();
    close();
    const auto copy = keep_copy("copy");
    const auto newest = newest_log_file().substr(directory_.size());
    const auto flushed = *segment_firsts(*files_->list(directory_ + "/log")).rbegin();
    const auto all = std::to_string(end - flushed) + " records, offsets " + std::to_string(flushed) + " to " +
                     std::to_string(end - 1);
    const auto last = " to " + std::to_string(end - 1) + ",";
    const auto says = [&](const std::string& what, const std::string& lost, const auto& damage) {
        restore(copy);
        damage(directory_ + newest);
        const auto opened = try_open();
        ASSERT_TRUE(opened.has_error()) << what;
        for (const auto& part :
             {lost, std::string("had been acknowledged"), std::string("accept loss of table t partition 0")})
            EXPECT_NE(opened.error().message.find(part), std::string::npos)
                << what << ": " << part << " is not in: " << opened.error().message;
    };
    for (const auto& [what, damage] : damages())
        says("the newest file " + what, what == "deleted" || what == "emptied" ? all : last, damage);
    const auto remove_log = [&](const std::string&) { std::filesystem::remove_all(directory_ + "/log"); };
    says("the whole log", all, remove_log);
    says("the log and its seal", "an unknown number of records from offset " + std::to_string(flushed),
         [&](const std::string& file) {
             remove_log(file);
             std::filesystem::remove(directory_ + "/log.seal");
         });
    says("the oldest file", "records, offsets ", [&](const std::string&) {
        const auto firsts = segment_firsts(*files_->list(directory_ + "/log"));
        ASSERT_LT(*firsts.begin(), compacted_end_);
        std::filesystem::remove(segment_path(directory_ + "/log", *firsts.begin(), ".log"));
    });
    restore(copy);
    EXPECT_TRUE(try_open().has_value());
}

// Who needs the rows first finds the damage; then the file is written anew without waiting for the scrub.
TEST_F(LossTest, DamageThatAReaderHasFoundIsMadeGoodFromTheLog) {
    options_.files_proven_at_open = false;
    fill();
    const auto rows = live();
    close();
    std::string damaged;
    for (const auto& file : files_of(directory_ + "/snapshots"))
        if (file.ends_with(".parquet")) damaged = directory_ + "/snapshots/" + file;
    auto bytes = read(damaged);
    bytes[bytes.size() / 3] ^= 0x20;
    write(damaged, bytes);
    open();
    EXPECT_EQ(partition_->pin()->prove_files().error().code, ErrorCode::corrupt_data);
    bool good = false;
    for (int i = 0; i < 1000 && !good; ++i) {
        partition_->tick();
        good = partition_->pin()->prove_files().has_value();
        if (!good) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_TRUE(good);
    EXPECT_EQ(live(), rows);
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
