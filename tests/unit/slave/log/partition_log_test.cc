#include "slave/log/partition_log.h"

#include <atomic>
#include <filesystem>
#include <thread>

#include "common/io/open_file_pool.h"
#include "slave/log/segmented_log.h"
#include "tests/unit/slave/log/log_fixture.h"

namespace dl::slave {
namespace {

using namespace test;

TEST(PartitionLog, BatchesComeBackWithDenseOffsetsAcrossReopening) {
    SimFileSystem files;
    {
        auto opened = open_log(files);
        ASSERT_FALSE(opened.error) << opened.error->to_text();
        std::vector<StoredBatch> batches;
        batches.push_back(make_batch("one", 3));
        batches.push_back(make_batch(body_of(10000), 5));
        batches.push_back(make_batch("", 1));
        ASSERT_OK(opened.log->append(batches));
        EXPECT_EQ(batches[1].header.base_offset, 3);
        EXPECT_EQ(batches[2].header.base_offset, 8);
        ASSERT_OK(opened.log->sync());
    }
    auto opened = open_log(files);
    ASSERT_FALSE(opened.error) << opened.error->to_text();
    EXPECT_EQ(opened.recovered.end_offset, 9);
    EXPECT_EQ(opened.recovered.torn_bytes_dropped, 0u);
    ASSERT_EQ(opened.replayed.size(), 3u);
    EXPECT_EQ(opened.replayed[0].body.view(), "one");
    const auto read = opened.log->read(4, 9, 1 << 20);
    ASSERT_OK(read);
    ASSERT_EQ(read->size(), 2u);
    EXPECT_EQ((*read)[0].header.base_offset, 3);
    EXPECT_EQ((*read)[0].body.view(), body_of(10000));
    EXPECT_EQ((*read)[1].header.base_offset, 8);
}

TEST(PartitionLog, AfterTheEndOfWritingItSaysSoAndIsReadOn) {
    SimFileSystem files;
    auto opened = open_log(files);
    auto& log = *opened.log;
    ASSERT_OK(append_and_sync(log, make_batch("one", 3)));
    log.stop_writing();
    std::vector<StoredBatch> more;
    more.push_back(make_batch("two", 1));
    for (const auto& refused : {log.append(more), log.sync(), log.roll()}) {
        ASSERT_TRUE(refused.has_error());
        EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
        EXPECT_NE(refused.error().message.find(kDirectory), std::string::npos) << refused.error().message;
        EXPECT_NE(refused.error().message.find("was closed"), std::string::npos) << refused.error().message;
    }
    EXPECT_FALSE(log.failed());
    EXPECT_EQ(log.read(0, 3, 1 << 20)->size(), 1u);
}

TEST(PartitionLog, RollsBeforeTheLimitAndReadsAcrossSegments) {
    SimFileSystem files;
    auto opened = open_log(files, kDirectory, 4096);
    auto& log = *opened.log;
    for (int i = 0; i < 20; ++i)
        ASSERT_OK(append_and_sync(log, make_batch(body_of(900), 2)));
    ASSERT_OK(append_and_sync(log, make_batch(body_of(9000), 2)));  // larger than a segment: one of its own
    ASSERT_OK(append_and_sync(log, make_batch("x", 2)));
    const auto segments = log.segments();
    ASSERT_EQ(segments.size(), 7u);  // 5 of 4 batches, the large one, the last
    for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
        EXPECT_TRUE(segments[i].closed);
        EXPECT_EQ(segments[i].end_offset, segments[i + 1].first_offset);
        EXPECT_TRUE(*files.exists(segment_name(segments[i].first_offset, ".idx")));
    }
    EXPECT_FALSE(segments.back().closed);
    for (Offset from = 0; from < 44; ++from) {
        const auto read = log.read(from, 44, 1 << 20);
        ASSERT_OK(read);
        ASSERT_EQ(read->size(), static_cast<std::size_t>(22 - from / 2));
        EXPECT_EQ(read->front().header.base_offset, from / 2 * 2);
        EXPECT_EQ(read->back().header.end_offset(), 44);
    }
}

TEST(PartitionLog, OneAppendMaySpanSegments) {
    SimFileSystem files;
    auto opened = open_log(files, kDirectory, 4096);
    std::vector<StoredBatch> batches;
    for (int i = 0; i < 30; ++i)
        batches.push_back(make_batch(body_of(static_cast<std::size_t>(i) * 37), 1));
    ASSERT_OK(append_and_sync(*opened.log, batches));
    EXPECT_GT(opened.log->segments().size(), 3u);
    const auto read = opened.log->read(0, 30, 1 << 20);
    ASSERT_OK(read);
    ASSERT_EQ(read->size(), 30u);
    for (int i = 0; i < 30; ++i)
        EXPECT_EQ((*read)[static_cast<std::size_t>(i)].body.view(),
                  body_of(static_cast<std::size_t>(i) * 37));
}

TEST(PartitionLog, ReadStopsAtTheEndGivenAndAtTheByteLimit) {
    SimFileSystem files;
    auto opened = open_log(files);
    auto& log = *opened.log;
    for (int i = 0; i < 10; ++i)
        ASSERT_OK(append_and_sync(log, make_batch(body_of(1000), 1)));
    EXPECT_EQ(log.read(0, 4, 1 << 20)->size(), 4u);
    EXPECT_EQ(log.read(0, 10, 2500)->size(), 2u);
    EXPECT_EQ(log.read(3, 10, 0)->size(), 1u);  // always one
    EXPECT_TRUE(log.read(10, 10, 1 << 20)->empty());
    EXPECT_TRUE(log.read(10, 99, 1 << 20)->empty());
    EXPECT_EQ(log.read(9, 99, 1 << 20)->size(), 1u);
}

TEST(PartitionLog, FindsAnyOffsetAmongManyBatchesInClosedAndActiveSegments) {
    SimFileSystem files;
    auto opened = open_log(files, kDirectory, 700'000);
    auto& log = *opened.log;
    constexpr int kBatches = 5000;  // several index entries and more than the recent batches remembered
    std::vector<StoredBatch> group;
    for (int i = 0; i < kBatches; ++i) {
        group.push_back(make_batch(std::to_string(i) + body_of(200), 3));
        if (group.size() == 100) {
            ASSERT_OK(append_and_sync(log, std::move(group)));
            group.clear();
        }
    }
    ASSERT_EQ(log.segments().size(), 3u);
    for (int i = 0; i < kBatches; i += 7) {
        const auto read = log.read(i * 3 + i % 3, kBatches * 3, 1);
        ASSERT_OK(read);
        ASSERT_EQ(read->size(), 1u);
        EXPECT_EQ((*read)[0].header.base_offset, i * 3);
        EXPECT_TRUE((*read)[0].body.view().starts_with(std::to_string(i) + "abc"));
    }
}

TEST(PartitionLog, RemoveBeforeDropsWholeClosedSegmentsOnly) {
    SimFileSystem files;
    auto opened = open_log(files, kDirectory, 4096);
    auto& log = *opened.log;
    for (int i = 0; i < 20; ++i)
        ASSERT_OK(append_and_sync(log, make_batch(body_of(900), 1)));
    const auto held = log.read(0, 20, 1 << 20);
    ASSERT_OK(log.remove_before(9));
    EXPECT_EQ(log.first_offset(), 8);
    EXPECT_EQ((*held)[0].body.view(), body_of(900));
    EXPECT_EQ(log.read(7, 20, 1 << 20).error().code, ErrorCode::not_found);
    EXPECT_EQ(log.read(8, 20, 1 << 20)->size(), 12u);
    EXPECT_FALSE(*files.exists(segment_name(4)));
    EXPECT_FALSE(*files.exists(segment_name(4, ".idx")));
    ASSERT_OK(log.remove_before(1000));
    EXPECT_EQ(log.segments().size(), 1u);  // the active one stays
    EXPECT_EQ(log.end_offset(), 20);
    auto again = open_log(files, kDirectory, 4096, 20);
    ASSERT_FALSE(again.error) << again.error->to_text();
    EXPECT_EQ(again.recovered.end_offset, 20);
}

TEST(PartitionLog, OffsetForTimeIsTheFirstBatchAtOrAfter) {
    SimFileSystem files;
    auto opened = open_log(files, kDirectory, 300'000);
    auto& log = *opened.log;
    // The clock steps back twice; the answer is the first batch in offset order that has the time.
    std::vector<std::int64_t> times;
    for (int i = 0; i < 900; ++i)
        times.push_back(i * 10 - (i > 300 ? 500 : 0) - (i > 700 ? 900 : 0));
    for (const auto time : times)
        ASSERT_OK(append_and_sync(log, make_batch(body_of(900), 1, time)));
    ASSERT_GT(log.segments().size(), 2u);
    const auto check = [&](const PartitionLog& l) {
        for (std::int64_t time = -20; time < 9000; time += 35) {
            Offset wanted = 900;
            for (std::size_t i = 0; i < times.size(); ++i)
                if (times[i] >= time) {
                    wanted = static_cast<Offset>(i);
                    break;
                }
            const auto found = l.offset_for_time(time);
            ASSERT_OK(found);
            ASSERT_EQ(*found, wanted) << "time " << time;
        }
    };
    check(log);
    opened.log.reset();
    auto again = open_log(files, kDirectory, 300'000);
    check(*again.log);
}

// Release 0.1.0 wrote them; from what has lost its index they are read.
TEST(PartitionLog, BatchIdsOfClosedSegmentsComeBackInOrder) {
    SimFileSystem files;
    {
        auto opened = open_log(files, kDirectory, 4096);
        for (std::uint64_t i = 0; i < 20; ++i)
            ASSERT_OK(append_and_sync(
                *opened.log, make_batch(body_of(900), 2, 0, i % 2 == 0 ? Hash128{} : Hash128{i, 5})));
        ASSERT_OK(opened.log->roll());
        for (const auto& segment : opened.log->segments())
            if (segment.closed) {
                ASSERT_OK(files.remove(segment_name(segment.first_offset, ".idx")));
            }
    }
    for (const bool was_missing : {true, false}) {
        SCOPED_TRACE(was_missing);
        auto opened = open_log(files, kDirectory, 4096, 40);
        ASSERT_FALSE(opened.error) << opened.error->to_text();
        ASSERT_EQ(opened.recovered.batch_ids.size(), 10u);
        for (std::size_t i = 0; i < 10; ++i) {
            EXPECT_EQ(opened.recovered.batch_ids[i].id, (Hash128{2 * i + 1, 5}));
            EXPECT_EQ(opened.recovered.batch_ids[i].first, static_cast<Offset>(4 * i + 2));
            EXPECT_EQ(opened.recovered.batch_ids[i].last, static_cast<Offset>(4 * i + 3));
        }
    }
}

TEST(PartitionLog, ReplaysFromTheOffsetGiven) {
    SimFileSystem files;
    {
        auto opened = open_log(files, kDirectory, 4096);
        for (int i = 0; i < 20; ++i)
            ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(900), 1)));
    }
    for (Offset from = 0; from <= 20; ++from) {
        auto opened = open_log(files, kDirectory, 4096, from);
        ASSERT_FALSE(opened.error) << opened.error->to_text();
        ASSERT_EQ(opened.replayed.size(), static_cast<std::size_t>(20 - from));
        if (from < 20) {
            EXPECT_EQ(opened.replayed.front().header.base_offset, from);
        }
    }
    EXPECT_EQ(open_log(files, kDirectory, 4096, 21).error->code, ErrorCode::corrupt_data);
}

TEST(PartitionLog, AnEmptyLogStartsWhereItIsTold) {
    SimFileSystem files;
    auto opened = open_log(files, kDirectory, 4096, 100, 100);
    ASSERT_FALSE(opened.error);
    EXPECT_EQ(opened.log->first_offset(), 100);
    ASSERT_OK(append_and_sync(*opened.log, make_batch("x")));
    EXPECT_EQ(open_log(files, kDirectory, 4096, 100).replayed.at(0).header.base_offset, 100);
}

TEST(PartitionLog, RefusesABatchOfAnotherPartition) {
    SimFileSystem files;
    auto opened = open_log(files);
    auto batch = make_batch("x");
    batch.header.partition = PartitionId{4};
    EXPECT_EQ(append_and_sync(*opened.log, batch).error().code, ErrorCode::internal);
    EXPECT_FALSE(opened.log->failed());
    EXPECT_EQ(opened.log->end_offset(), 0);
}

std::size_t batches_of(const OpenLog& opened) {
    const auto read = opened.log->read(0, opened.log->end_offset(), 1u << 20);
    return read.has_value() ? read->size() : 0;
}

// However many logs there are, about so many of their files are open at a time.
TEST(PartitionLog, FilesThatAreNotUsedAreClosedAndOpenedAgain) {
    auto& pool = OpenFilePool::instance();
    pool.set_open_max(4);
    constexpr int kLogs = 20;
    SimFileSystem files;
    std::vector<OpenLog> logs;
    ASSERT_OK(files.create_directories("/data"));
    ASSERT_OK(files.sync_directory("/"));
    for (int i = 0; i < kLogs; ++i)
        logs.push_back(open_log(files, "/data/log" + std::to_string(i), 200));
    EXPECT_LE(pool.open(), 5u);
    for (int round = 0; round < 3; ++round)
        for (auto& opened : logs) {
            ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(100))));
            ASSERT_OK(opened.log->read(0, opened.log->end_offset(), 1000));
            EXPECT_LE(pool.open(), 6u);
        }
    pool.set_open_max(OpenFilePool::kOpenMax);
    for (auto& opened : logs)
        EXPECT_EQ(batches_of(opened), 3u);
    logs.clear();
    files.crash(1);
    for (int i = 0; i < kLogs; ++i)
        EXPECT_EQ(batches_of(open_log(files, "/data/log" + std::to_string(i), 200)), 3u);
}

// It cannot be opened: nothing was written, and the log goes on as soon as there is one.
TEST(PartitionLog, AFileThatCannotBeOpenedAgainIsNoFailureOfTheLog) {
    auto& pool = OpenFilePool::instance();
    SimFileSystem files;
    auto opened = open_log(files);
    ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(100))));
    pool.set_open_max(0);
    auto other = open_log(files, "/data/other");
    pool.set_open_max(OpenFilePool::kOpenMax);
    ASSERT_OK(files.rename(segment_name(0), "/data/away"));
    EXPECT_EQ(append_and_sync(*opened.log, make_batch(body_of(100))).error().code, ErrorCode::overloaded);
    EXPECT_FALSE(opened.log->failed());
    ASSERT_OK(files.rename("/data/away", segment_name(0)));
    ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(100))));
    EXPECT_EQ(batches_of(opened), 2u);
}

TEST(PartitionLog, ReadersFollowTheWriterOnRealFiles) {
    const auto directory =
        std::filesystem::path(::testing::TempDir()) / ("dl_log_" + std::to_string(::getpid()) + "_follow");
    std::filesystem::remove_all(directory);
    {
        auto opened = open_log(posix_file_system(), directory.string(), 256u << 10);
        ASSERT_FALSE(opened.error) << opened.error->to_text();
        auto& log = *opened.log;
        constexpr Offset kEnd = 3000;
        std::atomic<Offset> synced{0};
        std::atomic<bool> wrong{false};
        std::vector<std::thread> readers;
        for (int r = 0; r < 2; ++r)
            readers.emplace_back([&] {
                Offset next = 0;
                while (next < kEnd && !wrong) {
                    const auto read = log.read(next, synced.load(), 64u << 10);
                    if (read.has_error()) {
                        wrong = true;
                        ADD_FAILURE() << read.error().to_text();
                        return;
                    }
                    for (const auto& batch : *read) {
                        if (batch.header.base_offset != next ||
                            batch.body.view() != body_of(static_cast<std::size_t>(next % 900)))
                            wrong = true;
                        next = batch.header.end_offset();
                    }
                    if (read->empty()) std::this_thread::yield();
                }
            });
        for (Offset i = 0; i < kEnd;) {
            std::vector<StoredBatch> group;
            for (Offset j = 0; j < 10; ++j, ++i)
                group.push_back(make_batch(body_of(static_cast<std::size_t>(i % 900))));
            ASSERT_OK(log.append(group));
            if (i % 500 == 0) ASSERT_OK(log.sync());
            synced = log.end_offset();
        }
        for (auto& reader : readers)
            reader.join();
        EXPECT_FALSE(wrong);
        EXPECT_GT(log.segments().size(), 4u);
    }
    EXPECT_EQ(open_log(posix_file_system(), directory.string(), 256u << 10).replayed.size(), 3000u);
    std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace dl::slave
