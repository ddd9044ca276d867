// What recovery and reading do with torn ends, flipped bits and failing disks.
#include <functional>

#include "slave/log/segment_index.h"
#include "tests/unit/slave/log/log_fixture.h"

namespace dl::slave {
namespace {

using namespace test;

// A segment of three small batches and one of about 4 KiB at the end.
std::string segment_with_large_end(SimFileSystem& files, std::size_t& large_at) {
    auto opened = open_log(files);
    for (int i = 0; i < 3; ++i)
        EXPECT_FALSE(append_and_sync(*opened.log, make_batch(body_of(300), 2)).has_error());
    large_at = opened.log->segments().back().bytes;
    EXPECT_FALSE(append_and_sync(*opened.log, make_batch(body_of(4000, 'b'), 2)).has_error());
    return *files.read_all(segment_name(0));
}

TEST(LogDamage, ATornLastBatchIsThereWholeOrNotAtAllAndRecoveringTwiceChangesNothing) {
    SimFileSystem files;
    std::size_t large_at = 0;
    const auto whole = segment_with_large_end(files, large_at);
    std::string old_data = whole.substr(0, large_at);  // an old copy of other batches behind the tear
    while (old_data.size() < whole.size())
        old_data += whole.substr(0, large_at);
    const std::function<std::string(std::size_t)> variants[] = {
        [&](std::size_t at) { return whole.substr(0, at); },
        [&](std::size_t at) { return whole.substr(0, at) + std::string(whole.size() - at, '\0'); },
        [&](std::size_t at) {
            auto torn = whole;
            for (auto i = at; i < torn.size(); ++i)
                torn[i] = static_cast<char>(torn[i] + 101 + i % 7);
            return torn;
        },
        [&](std::size_t at) { return whole.substr(0, at) + old_data.substr(0, whole.size() - at); }};
    for (std::size_t variant = 0; variant < 4; ++variant) {
        for (std::size_t at = large_at; at <= whole.size(); ++at) {
            files.overwrite(segment_name(0), variants[variant](at));
            auto opened = open_log(files);
            ASSERT_FALSE(opened.error)
                << "variant " << variant << " at " << at << ": " << opened.error->to_text();
            const auto end = opened.log->end_offset();
            ASSERT_TRUE(end == 6 || end == 8) << "variant " << variant << " at " << at;
            const bool complete = *files.read_all(segment_name(0)) == whole;
            ASSERT_EQ(end == 8, complete) << "variant " << variant << " at " << at;
            if (variant == 0 && at < whole.size()) {
                ASSERT_EQ(end, 6);
            }
            const auto after_first = *files.read_all(segment_name(0));
            auto second = open_log(files);
            ASSERT_FALSE(second.error);
            ASSERT_EQ(second.recovered.torn_bytes_dropped, 0u);
            ASSERT_EQ(second.log->end_offset(), end);
            ASSERT_EQ(*files.read_all(segment_name(0)), after_first);
            if (end == 6 && at % 97 == 0) {  // the place is used again
                ASSERT_OK(append_and_sync(*second.log, make_batch("new", 1)));
                ASSERT_EQ(open_log(files).log->end_offset(), 7);
            }
        }
    }
}

TEST(LogDamage, DamageBeforeSyncedBatchesIsReportedAndNothingIsCut) {
    SimFileSystem files;
    std::size_t large_at = 0;
    const auto whole = segment_with_large_end(files, large_at);
    const auto first_bytes = make_batch(body_of(300), 2).header.total_bytes();
    for (std::size_t at = 0; at < large_at; ++at) {
        auto damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
        files.overwrite(segment_name(0), damaged);
        auto opened = open_log(files);
        ASSERT_TRUE(opened.error) << "byte " << at;
        ASSERT_EQ(opened.error->code, ErrorCode::corrupt_data);
        ASSERT_NE(opened.error->message.find(segment_name(0)), std::string::npos) << opened.error->message;
        ASSERT_NE(opened.error->message.find("at byte " + std::to_string(at / first_bytes * first_bytes)),
                  std::string::npos)
            << opened.error->message;
        ASSERT_EQ(*files.read_all(segment_name(0)), damaged);
    }
}

TEST(LogDamage, BatchesOfOneUnsyncedGroupMayReachTheDiskInAnyOrder) {
    SimFileSystem files;
    std::string whole;
    std::size_t first_bytes = 0;
    {
        auto opened = open_log(files);
        ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(100))));
        first_bytes = opened.log->segments().back().bytes;
        std::vector<StoredBatch> group;
        for (int i = 0; i < 3; ++i)
            group.push_back(make_batch(body_of(2000)));
        ASSERT_OK(opened.log->append(group));
        whole = *files.read_all(segment_name(0));
    }
    // The first of the group is missing, the others are whole: nothing of it was acknowledged, so it is a
    // torn end.
    auto torn = whole;
    torn.replace(first_bytes, 512, 512, '\0');
    files.overwrite(segment_name(0), torn);
    auto opened = open_log(files);
    ASSERT_FALSE(opened.error) << opened.error->to_text();
    EXPECT_EQ(opened.log->end_offset(), 1);
    EXPECT_EQ(*files.read_all(segment_name(0)), whole.substr(0, first_bytes));
    // What the snapshots were made of had been synced.
    files.overwrite(segment_name(0), torn);
    EXPECT_EQ(open_log(files, kDirectory, 1u << 20, 2).error->code, ErrorCode::corrupt_data);
}

TEST(LogDamage, EverySingleBitFlipInASegmentIsDetectedAndNeverServed) {
    SimFileSystem files;
    {
        auto opened = open_log(files);
        // Bodies whose lengths need padding, so that padding is hit too.
        for (std::size_t i = 0; i < 12; ++i)
            ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(301 + i), 2)));
    }
    const auto whole = *files.read_all(segment_name(0));
    ASSERT_GT(whole.size(), 4096u);
    auto reading = open_log(files);
    for (std::size_t bit = 0; bit < 4096 * 8; ++bit) {
        auto damaged = whole;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
        files.overwrite(segment_name(0), damaged);
        ASSERT_EQ(reading.log->read(0, 24, 1 << 20).error().code, ErrorCode::corrupt_data) << "bit " << bit;
        if (bit % 11 == 0) {
            auto opened = open_log(files);
            ASSERT_TRUE(opened.error) << "bit " << bit;
            ASSERT_EQ(opened.error->code, ErrorCode::corrupt_data);
        }
    }
}

TEST(LogDamage, EverySingleBitFlipInAnIndexIsDetectedAndTheIndexRebuilt) {
    SimFileSystem files;
    {
        auto opened = open_log(files, kDirectory, 1u << 20);
        for (std::uint64_t i = 0; i < 40; ++i)
            ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(20000), 1, 5, Hash128{i + 1, 0})));
        ASSERT_OK(opened.log->roll());
        ASSERT_OK(append_and_sync(*opened.log, make_batch("x")));
    }
    // Made anew it names the batch ids of what is not replayed, for those of an older release.
    ASSERT_OK(files.remove(segment_name(0, ".idx")));
    ASSERT_FALSE(open_log(files, kDirectory, 1u << 20, 41).error);
    const auto whole = *files.read_all(segment_name(0, ".idx"));
    for (std::size_t bit = 0; bit < std::min<std::size_t>(whole.size(), 4096) * 8; ++bit) {
        auto damaged = whole;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
        ASSERT_TRUE(SegmentIndex::decode(damaged).has_error()) << "bit " << bit;
        if (bit % 501 != 0) continue;
        files.overwrite(segment_name(0, ".idx"), damaged);
        auto opened = open_log(files, kDirectory, 1u << 20, 41);
        ASSERT_FALSE(opened.error) << opened.error->to_text();
        ASSERT_EQ(*files.read_all(segment_name(0, ".idx")), whole);
        ASSERT_EQ(opened.recovered.batch_ids.size(), 40u);
    }
    for (std::size_t size = 0; size < whole.size(); ++size)
        ASSERT_TRUE(SegmentIndex::decode(whole.substr(0, size)).has_error());
    ASSERT_OK(files.remove(segment_name(0, ".idx")));
    ASSERT_FALSE(open_log(files, kDirectory, 1u << 20, 41).error);
    EXPECT_EQ(*files.read_all(segment_name(0, ".idx")), whole);
}

TEST(LogDamage, ClosedSegmentsAreNeverCut) {
    SimFileSystem files;
    {
        auto opened = open_log(files, kDirectory, 4096);
        for (int i = 0; i < 10; ++i)
            ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(900))));
    }
    const auto closed = *files.read_all(segment_name(0));
    files.overwrite(segment_name(0), closed.substr(0, closed.size() - 8));
    for (const Offset replay_from : {Offset{0}, Offset{10}}) {
        auto opened = open_log(files, kDirectory, 4096, replay_from);
        ASSERT_TRUE(opened.error);
        EXPECT_EQ(opened.error->code, ErrorCode::corrupt_data);
        EXPECT_EQ(files.read_all(segment_name(0))->size(), closed.size() - 8);
    }
    files.overwrite(segment_name(0), closed);
    ASSERT_OK(files.remove(segment_name(4)));
    EXPECT_EQ(open_log(files, kDirectory, 4096).error->code, ErrorCode::corrupt_data);
    // The last segment is gone: the one before has an index, which tells that it was closed whole.
    files.overwrite(segment_name(4), closed);
    ASSERT_OK(files.remove(segment_name(4)));
    ASSERT_OK(files.remove(segment_name(8)));
    files.overwrite(segment_name(0), closed.substr(0, 2000));
    EXPECT_EQ(open_log(files, kDirectory, 4096).error->code, ErrorCode::corrupt_data);
}

TEST(LogDamage, AReadErrorWhileRecoveringIsNoTornEnd) {
    SimFileSystem files;
    std::size_t large_at = 0;
    const auto whole = segment_with_large_end(files, large_at);
    files.fail(SimCall::read, 1, SimFault::io_error);
    auto opened = open_log(files);
    ASSERT_TRUE(opened.error);
    EXPECT_EQ(opened.error->code, ErrorCode::io_error);
    EXPECT_EQ(*files.read_all(segment_name(0)), whole);
}

TEST(LogDamage, AfterAFailedSyncTheLogIsOutOfServiceAndItsBatchesStayAway) {
    SimFileSystem files;
    {
        auto opened = open_log(files);
        auto& log = *opened.log;
        ASSERT_OK(append_and_sync(log, make_batch("kept")));
        files.fail(SimCall::sync, 1, SimFault::io_error);
        EXPECT_EQ(append_and_sync(log, make_batch("lost")).error().code, ErrorCode::io_error);
        EXPECT_TRUE(log.failed());
        EXPECT_EQ(log.end_offset(), 1);
        // The disk works again; the log does not believe it.
        EXPECT_EQ(log.sync().error().code, ErrorCode::io_error);
        EXPECT_EQ(append_and_sync(log, make_batch("more")).error().code, ErrorCode::io_error);
        EXPECT_EQ(log.roll().error().code, ErrorCode::io_error);
        EXPECT_EQ(log.read(0, 1, 100)->at(0).body.view(), "kept");  // reads go on
    }
    auto opened = open_log(files);  // the process restarts, the page cache lives on
    ASSERT_FALSE(opened.error) << opened.error->to_text();
    EXPECT_EQ(opened.log->end_offset(), 1);
    ASSERT_OK(append_and_sync(*opened.log, make_batch("new")));
    files.crash(1);
    auto after = open_log(files);
    ASSERT_FALSE(after.error) << after.error->to_text();
    ASSERT_EQ(after.replayed.size(), 2u);
    EXPECT_EQ(after.replayed[1].body.view(), "new");
}

TEST(LogDamage, AFullDiskRefusesTheBatchAndItNeverComesBack) {
    SimFileSystem files;
    {
        auto opened = open_log(files);
        ASSERT_OK(append_and_sync(*opened.log, make_batch("kept")));
        files.fail(SimCall::append, 1, SimFault::disk_full);
        std::vector<StoredBatch> group;
        for (int i = 0; i < 10; ++i)
            group.push_back(make_batch(body_of(100)));
        EXPECT_EQ(append_and_sync(*opened.log, group).error().code, ErrorCode::disk_full);
        EXPECT_FALSE(opened.log->failed());
        EXPECT_EQ(opened.log->end_offset(), 1);
    }
    {
        auto opened = open_log(files);
        ASSERT_FALSE(opened.error);
        EXPECT_EQ(opened.recovered.torn_bytes_dropped, 0u);  // the half that was written is gone already
        EXPECT_EQ(opened.log->end_offset(), 1);
    }
}

TEST(LogDamage, WritingGoesOnByItselfAfterAFullDisk) {
    SimFileSystem files;
    auto opened = open_log(files);
    ASSERT_OK(append_and_sync(*opened.log, make_batch("kept")));
    files.fail(SimCall::append, 1, SimFault::disk_full);
    EXPECT_EQ(append_and_sync(*opened.log, make_batch(body_of(3000))).error().code, ErrorCode::disk_full);
    ASSERT_OK(append_and_sync(*opened.log, make_batch("after")));
    files.crash(5);
    auto after = open_log(files);
    ASSERT_FALSE(after.error) << after.error->to_text();
    ASSERT_EQ(after.replayed.size(), 2u);
    EXPECT_EQ(after.replayed[1].body.view(), "after");
}

TEST(LogDamage, AFullDiskThatCannotBeCutBackEndsService) {
    SimFileSystem files;
    auto opened = open_log(files);
    ASSERT_OK(append_and_sync(*opened.log, make_batch("kept")));
    files.fail(SimCall::append, 1, SimFault::disk_full);
    files.fail(SimCall::truncate, 1, SimFault::io_error);
    EXPECT_EQ(append_and_sync(*opened.log, make_batch(body_of(3000))).error().code, ErrorCode::io_error);
    EXPECT_TRUE(opened.log->failed());  // cut at the second attempt
    EXPECT_TRUE(opened.log->failed_cleanly());

    opened = open_log(files);
    files.fail(SimCall::append, 1, SimFault::disk_full);
    files.fail(SimCall::truncate, 1, SimFault::io_error);
    files.fail(SimCall::truncate, 2, SimFault::io_error);
    EXPECT_EQ(append_and_sync(*opened.log, make_batch(body_of(3000))).error().code, ErrorCode::io_error);
    EXPECT_TRUE(opened.log->failed());
    EXPECT_FALSE(opened.log->failed_cleanly());
}

TEST(LogDamage, ALogFileThatCannotBeMadePutsTheChangeOff) {
    for (const auto fault : {SimFault::disk_full, SimFault::io_error}) {
        SimFileSystem files;
        auto opened = open_log(files, kDirectory, 1024);
        files.fail(SimCall::create, 2, fault);  // behind the first seal
        std::vector<StoredBatch> group;
        for (int i = 0; i < 3; ++i)
            group.push_back(make_batch(body_of(600)));
        ASSERT_OK(append_and_sync(*opened.log, group));
        EXPECT_EQ(opened.log->segments().size(), 1u);
        // Tried again later.
        ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(2u << 20))));
        EXPECT_EQ(opened.log->segments().size(), 2u);
        EXPECT_FALSE(opened.log->failed());
        files.crash(1);
        auto after = open_log(files, kDirectory, 1024);
        ASSERT_FALSE(after.error) << after.error->to_text();
        EXPECT_EQ(after.log->end_offset(), 4);
    }
}

// The name of the file that was given up must not come back into the middle of the one that went on.
TEST(LogDamage, APutOffChangeOfFilesSurvivesAPowerCut) {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        SimFileSystem files;
        auto opened = open_log(files, kDirectory, 1024);
        ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(600))));
        files.fail(SimCall::create, 1, SimFault::io_error);  // of the new file
        ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(600))));
        ASSERT_EQ(opened.log->segments().size(), 1u);
        opened.log.reset();
        files.crash(seed);
        auto after = open_log(files, kDirectory, 1024);
        ASSERT_FALSE(after.error) << after.error->to_text();
        ASSERT_EQ(after.log->end_offset(), 2);
    }
}

TEST(LogDamage, AnIndexThatCannotBeWrittenIsMadeAtTheNextStart) {
    SimFileSystem files;
    auto opened = open_log(files, kDirectory, 1024);
    ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(600))));
    files.fail(SimCall::rename, 1, SimFault::io_error);
    ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(600))));
    EXPECT_EQ(opened.log->segments().size(), 2u);
    EXPECT_FALSE(*files.exists(segment_name(0, ".idx")));
    opened.log.reset();
    auto after = open_log(files, kDirectory, 1024);
    ASSERT_FALSE(after.error) << after.error->to_text();
    EXPECT_TRUE(*files.exists(segment_name(0, ".idx")));
    EXPECT_EQ(after.log->end_offset(), 2);
}

TEST(LogDamage, TheNamesOfALogWhoseCreationWasInterruptedAreSynced) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        for (const std::uint64_t interrupted : {1, 2}) {
            SimFileSystem files;
            ASSERT_OK(files.create_directories("/data"));
            ASSERT_OK(files.sync_directory("/"));
            files.fail(SimCall::sync_directory, interrupted, SimFault::io_error);
            ASSERT_TRUE(open_log(files).error);
            {
                auto opened = open_log(files);
                ASSERT_FALSE(opened.error);
                ASSERT_OK(append_and_sync(*opened.log, make_batch("kept")));
            }
            files.crash(seed);
            ASSERT_EQ(open_log(files).recovered.end_offset, 1);
        }
    }
}

TEST(LogDamage, BatchesOfAKilledProcessAreSyncedBeforeTheyCount) {
    SimFileSystem files;
    {
        auto opened = open_log(files);
        std::vector<StoredBatch> group;
        group.push_back(make_batch("written, not synced"));
        ASSERT_OK(opened.log->append(group));
    }
    ASSERT_EQ(open_log(files).log->end_offset(), 1);
    files.crash(3);
    EXPECT_EQ(open_log(files).log->end_offset(), 1);
}

}  // namespace
}  // namespace dl::slave
