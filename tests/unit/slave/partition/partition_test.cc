#include <fstream>
#include <thread>

#include "slave/snapshot/manifest.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave::test {
namespace {

using PartitionTest = PartitionFixture;

std::vector<Row> rows_of(std::int64_t first, int count, const std::string& prefix = "v") {
    std::vector<Row> rows;
    for (int i = 0; i < count; ++i)
        rows.push_back({first + i, prefix + std::to_string(first + i), false});
    return rows;
}

TEST_F(PartitionTest, RepeatedBatchIdAnswersAsTheFirstDid) {
    const Hash128 id{1, 2};
    const auto first = append(rows_of(0, 5), id);
    EXPECT_FALSE(first.duplicate);
    auto a = append_later(rows_of(100, 3), Hash128{3, 4});
    auto b = append_later(rows_of(100, 3), Hash128{3, 4});
    EXPECT_EQ(a.get()->first, 5);
    const auto repeat = b.get();
    EXPECT_EQ(repeat->first, 5);
    EXPECT_TRUE(repeat->duplicate);
    reopen();
    const auto again = append(rows_of(0, 5), id);
    EXPECT_EQ(again.first, 0);
    EXPECT_EQ(again.last, 4);
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(partition_->end_offset(), 8);
}

TEST_F(PartitionTest, FilesThatOnlyDuckDBCanReadAreReadWithIt) {
    for (int i = 0; i < 60; ++i)
        append(rows_of(i, 40));
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    const auto before = records();
    auto kept = live();
    close();
    ManifestStore store(posix_file_system(), directory_);
    auto manifest = *store.load();
    for (auto& info : manifest.files) {
        const auto path = directory_ + "/snapshots/" + info.parquet_name();
        {
            auto writer = *writable_duck_database(512u << 20, 1);
            const auto session = *writer->session();
            const auto copied = session->execute("COPY (SELECT * FROM " + sql_parquet_file(path) + ") TO '" +
                                                 path + ".other' (FORMAT parquet, CODEC zstd)");
            ASSERT_TRUE(copied.has_value()) << copied.error().to_text();
        }
        std::filesystem::rename(path + ".other", path);
        const auto bytes = *posix_file_system().read_all(path);
        info.parquet_bytes = bytes.size();
        info.parquet_crc = crc32c(0, bytes.data(), bytes.size());
    }
    ASSERT_TRUE(store.replace(manifest, "test").has_value());
    open();
    EXPECT_EQ(records().size(), before.size());
    EXPECT_EQ(live(), kept);
    append(rows_of(1000, 2));
    const auto compacted = partition_->compress(nullptr);
    ASSERT_TRUE(compacted.has_value()) << compacted.error().to_text();
    for (const auto& [key, value] : live())
        if (key >= 1000) kept[key] = value;
    EXPECT_EQ(kept.size(), 101u);
    EXPECT_EQ(live(), kept);
}

TEST_F(PartitionTest, BatchIdsOutliveTheSegmentsThatCompactionRemoves) {
    const Hash128 id{1, 2};
    append(rows_of(0, 5), id);
    for (int i = 0; i < 10; ++i)
        append(rows_of(i * 100, 100));
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    reopen();
    const auto again = append(rows_of(0, 5), id);
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(again.last, 4);
}

TEST_F(PartitionTest, ManySmallAppendsShareSyncsAndGetTheirOwnOffsets) {
    std::vector<std::future<Result<AppendAck>>> acks;
    for (int i = 0; i < 500; ++i)
        acks.push_back(append_later({{i, "v", false}}));
    for (int i = 0; i < 500; ++i) {
        const auto ack = acks[static_cast<std::size_t>(i)].get();
        ASSERT_TRUE(ack.has_value());
        EXPECT_EQ(ack->first, i);
        EXPECT_EQ(ack->last, i);
    }
    EXPECT_EQ(live().size(), 500u);
    EXPECT_LT(partition_->stats().syncs, 250u);
}

TEST_F(PartitionTest, PinnedViewSeesItsCutThroughWritesFlushAndCompaction) {
    for (int i = 0; i < 10; ++i)
        append(rows_of(i * 50, 50));
    const auto before = live();
    const auto pinned = partition_->pin();
    ASSERT_TRUE(partition_->flush().has_value());
    const auto pinned_files = partition_->pin();
    ASSERT_FALSE(pinned_files->files().empty());
    for (int i = 0; i < 10; ++i)
        append(rows_of(i * 50, 50, "new"));
    append({{3, "", true}});
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    EXPECT_EQ(live(*pinned), before);
    EXPECT_EQ(live(*pinned_files), before);
    const auto now = live();
    EXPECT_EQ(now.size(), before.size() - 1);
    EXPECT_EQ(now.at(4), "new4");
}

TEST_F(PartitionTest, FilesGoWithTheLastViewThatHoldsThem) {
    for (int i = 0; i < 10; ++i)
        append(rows_of(i * 50, 50));
    ASSERT_TRUE(partition_->flush().has_value());
    auto pinned = partition_->pin();
    const auto path = pinned->files().front().path;
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    EXPECT_TRUE(std::filesystem::exists(path));
    pinned = nullptr;
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(PartitionTest, CompactionKeepsTheNewestOfEachKeyAndTheNewestTwoLogs) {
    for (int i = 0; i < 20; ++i)
        append(rows_of(0, 50, "r" + std::to_string(i) + "-"));
    append({{7, "", true}});
    for (int i = 0; i < 6; ++i)
        append(rows_of(1000, 50, "x"));
    const auto before = records();
    const auto rows_live = live();
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    const auto stats = partition_->stats();
    EXPECT_EQ(stats.segments, 3u) << "the newest two that have records, and a new one";
    EXPECT_EQ(stats.tail_rows, 0u);
    EXPECT_EQ(stats.file_dead_rows, 0u);
    EXPECT_EQ(stats.compactions, 1u);
    EXPECT_EQ(live(), rows_live);
    const auto after = records();
    EXPECT_LT(after.size(), before.size());
    EXPECT_FALSE(std::any_of(after.begin(), after.end(), [](const auto& r) { return r.second.key == 7; }));
    for (const auto& [offset, row] : after)
        EXPECT_EQ(before.at(offset).value, row.value);
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    EXPECT_EQ(partition_->stats().compactions, 1u);  // nothing to do
}

// A consumer of history asks often and little: what a file says of itself is read once.
TEST_F(PartitionTest, HistoryIsReadFromTheFileAsItIsOpen) {
    for (int i = 0; i < 20; ++i)
        append(rows_of(i * 50, 50, "r" + std::to_string(i) + "-"));
    for (int i = 0; i < 6; ++i)
        append(rows_of(5000, 50, "x"));
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    const auto before = records();
    ASSERT_GE(before.size(), 1000u);
    const auto view = partition_->pin();
    for (const auto& file : view->files())
        std::filesystem::rename(file.path, file.path + ".away");
    EXPECT_EQ(records(7).size(), before.size());
    const auto again = records(150);
    ASSERT_EQ(again.size(), before.size());
    for (const auto& [offset, row] : before)
        EXPECT_EQ(again.at(offset).value, row.value);
}

TEST_F(PartitionTest, LargeFilesAreMergedInTheOrderOfTheirOffsets) {
    close();
    options_.segment_bytes = 1u << 20;
    open();
    for (std::int64_t first = 0; first < 200'000; first += 10'000)
        append(rows_of(first, 10'000, "a"));
    ASSERT_TRUE(partition_->flush().has_value());
    ASSERT_GT(partition_->stats().files, 2u);
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    append(rows_of(0, 10'000, "b"));
    for (std::int64_t first = 190'000; first < 400'000; first += 10'000)
        append(rows_of(first, 10'000, "b"));
    const auto done = partition_->compress(nullptr);
    ASSERT_TRUE(done.has_value()) << done.error().to_text();
    const auto stats = partition_->stats();
    EXPECT_EQ(stats.files, 1u);
    EXPECT_EQ(stats.file_rows, 400'000u);
}

TEST_F(PartitionTest, QueriesAreSparedDeadRowsThatTheLogStillServes) {
    for (int i = 0; i < 12; ++i) {
        std::vector<Row> rows;
        for (std::int64_t key = 0; key < 30; ++key)
            rows.push_back({key, "r" + std::to_string(i) + "-" + std::string(20, 'x'), i == 11 && key == 7});
        append(rows);
    }
    ASSERT_TRUE(partition_->flush().has_value());
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    const auto check = [&] {
        const auto manifest = ManifestStore(posix_file_system(), directory_).load();
        ASSERT_LT(manifest->log_start, manifest->compacted_end) << "the newest two log files stay";
        EXPECT_EQ(manifest->compacted_end, manifest->flushed_end);
        std::uint64_t rows = 0;
        for (const auto& file : manifest->files)
            rows += file.rows;
        EXPECT_LE(rows, 30u) << "one row a key";
        EXPECT_EQ(live().size(), 29u);
        // From the log's start on every record is there, deletes and replaced ones too.
        const auto stored = records(17);
        for (Offset offset = manifest->log_start; offset < partition_->end_offset(); ++offset)
            ASSERT_TRUE(stored.contains(offset)) << offset;
        EXPECT_TRUE(stored.at(11 * 30 + 7).is_delete);
        EXPECT_LT(stored.begin()->first, 12 * 30);
        const auto past = partition_->pin_at(manifest->compacted_end - 1);
        ASSERT_TRUE(past.has_error());
        EXPECT_EQ(past.error().code, ErrorCode::not_found);
    };
    ASSERT_NO_FATAL_FAILURE(check());
    reopen();
    ASSERT_NO_FATAL_FAILURE(check());
    // Nothing new to merge, but fewer log files to keep.
    close();
    options_.retained_closed_logs = 0;
    open();
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    EXPECT_EQ(partition_->stats().segments, 1u);
    EXPECT_EQ(partition_->stats().compactions, 0u);
    EXPECT_EQ(live().size(), 29u);
    reopen();
    EXPECT_EQ(live().size(), 29u);
}

TEST_F(PartitionTest, CutsBeforeACompactionLastAWhile) {
    close();
    options_.compaction_history = std::chrono::hours(1);
    options_.segment_bytes = 256;  // a file of each round
    open();
    const auto fill = [&](int round) {
        std::vector<Row> rows;
        for (std::int64_t key = 0; key < 30; ++key)
            rows.push_back({key, "r" + std::to_string(round), round == 2 && key == 7});
        append(rows);
    };
    for (int round = 0; round < 4; ++round)
        fill(round);
    ASSERT_TRUE(partition_->flush().has_value());
    const auto cut = Offset{3 * 30 - 10};
    const auto expected = live(**partition_->pin_at(cut));
    ASSERT_EQ(expected.at(19), "r2");
    ASSERT_EQ(expected.at(20), "r1");
    ASSERT_FALSE(expected.contains(7));
    const auto files = [&] {
        std::size_t count = 0;
        for ([[maybe_unused]] const auto& entry :
             std::filesystem::directory_iterator(directory_ + "/snapshots"))
            ++count;
        return count;
    };
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    ASSERT_GT(ManifestStore(posix_file_system(), directory_).load()->compacted_end, cut);
    EXPECT_EQ(live(**partition_->pin_at(cut)), expected);
    // Killed by records behind the compaction, too.
    fill(4);
    EXPECT_EQ(live(**partition_->pin_at(cut)), expected);
    EXPECT_EQ(live().at(7), "r4");
    EXPECT_GT(files(), 3u);
    partition_->tick();
    EXPECT_EQ(live(**partition_->pin_at(cut)), expected) << "its time is not over";

    close();
    const auto named = [&] {
        return ManifestStore(posix_file_system(), directory_).load()->files.size() * 3;
    };
    EXPECT_EQ(files(), named()) << "nothing is left on the disk";
    options_.compaction_history = std::chrono::milliseconds(1);
    open();
    EXPECT_TRUE(partition_->pin_at(cut).has_error());
    const auto end = partition_->end_offset();
    fill(5);
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    ASSERT_EQ(ManifestStore(posix_file_system(), directory_).load()->compacted_end, partition_->end_offset());
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    partition_->tick();
    const auto past = partition_->pin_at(end - 1);
    ASSERT_TRUE(past.has_error());
    EXPECT_EQ(past.error().code, ErrorCode::not_found);
    EXPECT_EQ(files(), named());
}

TEST_F(PartitionTest, NotifyBeyondWakesOnceAndTokenUnsubscribes) {
    std::atomic<int> woken{0};
    auto token = partition_->notify_beyond(0, [&] { ++woken; });
    auto dropped = partition_->notify_beyond(0, [&] { woken += 100; });
    dropped = nullptr;
    append(rows_of(0, 1));
    append(rows_of(1, 1));
    EXPECT_EQ(woken, 1);
    token = partition_->notify_beyond(1, [&] { ++woken; });
    EXPECT_EQ(woken, 2);
}

TEST_F(PartitionTest, ReadStopsAtRowsAndStartsInsideABatch) {
    append(rows_of(0, 20));
    const auto slices = partition_->read(5, 3, 1u << 20);
    ASSERT_TRUE(slices.has_value());
    ASSERT_EQ(slices->size(), 1u);
    EXPECT_EQ(slices->front().first_row, 5u);
    EXPECT_EQ(slices->front().end_row, 8u);
    EXPECT_EQ(slices->front().offset_of(5), 5);
    EXPECT_TRUE(partition_->read(20, 3, 100)->empty());
}

TEST_F(PartitionTest, FullDiskRefusesWritesOnly) {
    append(rows_of(0, 3));
    close();
    options_.free_disk_bytes_min = std::uint64_t{1} << 60;
    open();
    const auto ack = append_later(rows_of(5, 1)).get();
    ASSERT_TRUE(ack.has_error());
    EXPECT_EQ(ack.error().code, ErrorCode::disk_full);
    EXPECT_EQ(live().size(), 3u);
    close();
    options_.free_disk_bytes_min = 0;
    open();
    append(rows_of(5, 1));
}

TEST_F(PartitionTest, ARepeatOfAnAcknowledgedBatchIsAnsweredAlsoWithAFullDisk) {
    const Hash128 id{7, 9}, other{7, 10};
    const auto first = append(rows_of(0, 3), id);
    close();
    options_.free_disk_bytes_min = std::uint64_t{1} << 60;
    open();
    const auto again = append_later(rows_of(0, 3), id).get();
    ASSERT_TRUE(again.has_value()) << again.error().to_text();
    EXPECT_TRUE(again->duplicate);
    EXPECT_EQ(again->first, first.first);
    EXPECT_EQ(again->last, first.last);
    EXPECT_EQ(append_later(rows_of(0, 3), other).get().error().code, ErrorCode::disk_full);
    EXPECT_EQ(live().size(), 3u);
}

TEST_F(PartitionTest, ClosedPartitionRefuses) {
    const auto partition = partition_;
    close();
    std::promise<Result<AppendAck>> promise;
    partition->append(make_request({{1, "a", false}}),
                      [&](Result<AppendAck> ack) { promise.set_value(std::move(ack)); });
    EXPECT_EQ(promise.get_future().get().error().code, ErrorCode::unavailable);
    EXPECT_EQ(Partition::create(posix_file_system(), directory_, table_, PartitionId{0}).error().code,
              ErrorCode::table_exists);
}

TEST_F(PartitionTest, AddedColumnShowsItsDefaultInFilesAndCompactedFiles) {
    for (int i = 0; i < 10; ++i)
        append(rows_of(i * 50, 50));
    table_.schema.id = SchemaId{2};
    table_.schema.fields.push_back({FieldId{3}, "age", DataType{TypeKind::int32}, false, "7"});
    table_.next_field_id = FieldId{4};
    partition_->update_table(table_);
    ColumnBatchBuilder builder(
        {{FieldId{1}, DataType{TypeKind::int64}}, {FieldId{3}, DataType{TypeKind::int32}}});
    for (int i = 0; i < 400; ++i) {
        builder.append_fixed<std::int64_t>(0, 5000 + i);
        builder.append_fixed<std::int32_t>(1, 41);
        builder.finish_row(false);
    }
    for (int i = 0; i < 3; ++i) {
        AppendRequest request;
        request.body = SharedBytes::from_string(builder.encode());
        request.batch = *ColumnBatch::decode(request.body, 400);
        request.body_crc = crc32c(0, request.body.data(), request.body.size());
        request.schema = SchemaId{2};
        std::promise<Result<AppendAck>> promise;
        partition_->append(request, [&](Result<AppendAck> ack) { promise.set_value(std::move(ack)); });
        ASSERT_TRUE(promise.get_future().get().has_value());
    }
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    const auto view = partition_->pin();
    std::uint64_t defaults = 0, given = 0;
    for (const auto& file : view->files()) {
        std::vector<Field> fields;
        for (const auto& column : file.fields)
            fields.push_back(table_.schema.fields[*table_.schema.find(column.id)]);
        const auto read = read_parquet_rows(*database_, file.path, 0, 1u << 30, fields);
        ASSERT_TRUE(read.has_value()) << read.error().to_text();
        const auto* age = read->batch.find(FieldId{3});
        for (std::uint32_t r = 0; r < read->batch.rows(); ++r) {
            if (age == nullptr || age->fixed<std::int32_t>(r) == 7)
                ++defaults;
            else if (age->fixed<std::int32_t>(r) == 41)
                ++given;
        }
    }
    EXPECT_EQ(defaults, 500u);
    EXPECT_GT(given, 0u);
}

// A flipped bit in what nothing else holds is found when the partition is opened.
TEST_F(PartitionTest, FlippedBitsOfManifestAndParquetAreFoundAndTheFileIsNamed) {
    for (int i = 0; i < 6; ++i)
        append(rows_of(0, 60));
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    for (int i = 0; i < 6; ++i)
        append(rows_of(0, 60));
    const auto rows_live = live();
    close();
    // The compacted file: the log still holds what later ones do.
    std::string compacted;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/snapshots"))
        if (entry.path().extension() == ".parquet" && (compacted.empty() || entry.path() < compacted))
            compacted = entry.path().string();
    ASSERT_FALSE(compacted.empty());
    const std::vector<std::string> files = {directory_ + "/manifest", compacted};
    for (const auto& path : files) {
        std::string bytes = *posix_file_system().read_all(path);
        const auto write = [&](const std::string& content) {
            std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
        };
        const std::size_t step = std::max<std::size_t>(1, std::min<std::size_t>(bytes.size(), 4096) / 24);
        // The last change of a manifest counts as not finished when it is damaged.
        const auto end = std::min({bytes.size(), std::size_t{4096}, bytes.rfind("DLCHANGE")});
        for (std::size_t at = 0; at < end; at += step) {
            auto damaged = bytes;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
            write(damaged);
            const auto opened = try_open();
            ASSERT_TRUE(opened.has_error()) << path << " byte " << at;
            EXPECT_EQ(opened.error().code, ErrorCode::corrupt_data) << opened.error().to_text();
            const auto stem = std::filesystem::path(path).filename().string();
            EXPECT_NE(opened.error().message.find(stem), std::string::npos) << opened.error().to_text();
        }
        write(bytes);
    }
    open();
    EXPECT_EQ(live(), rows_live);
}

TEST_F(PartitionTest, GarbageIsRemovedAtStart) {
    append(rows_of(0, 3));
    close();
    const auto garbage = directory_ + "/snapshots/00000000000000000000-00000000000000000003.9.parquet";
    std::ofstream(garbage) << "x";
    open();
    EXPECT_FALSE(std::filesystem::exists(garbage));
    EXPECT_EQ(live().size(), 3u);
}

TEST_F(PartitionTest, WritesGoOnWhileItIsCompacted) {
    for (int i = 0; i < 40; ++i)
        append(rows_of(0, 100));
    std::atomic<bool> stop{false};
    std::thread writer([&] {
        // Bounded: where a flush takes longer than filling a segment, a compaction has ever more to do.
        for (int i = 0; !stop && i < 400; ++i) {
            append(rows_of(i % 7 * 10, 30, "w" + std::to_string(i) + "-"));
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    });
    for (int i = 0; i < 3; ++i) {
        const auto done = partition_->compress(nullptr);
        EXPECT_TRUE(done.has_value()) << done.error().to_text();
        for (int cuts = 0; cuts < 5; ++cuts)
            EXPECT_EQ(live().size(), 100u) << "every pinned cut has each key, and counts it";
    }
    stop = true;
    writer.join();
    EXPECT_EQ(live().size(), 100u);
    const auto before = live();
    reopen();
    EXPECT_EQ(live(), before);
}

// Someone may hold a closed partition a little longer (a flush that ends, a query): that must not reach the
// file its next owner writes to.
TEST_F(PartitionTest, ALateHolderOfAClosedPartitionLeavesTheLogAlone) {
    append(rows_of(0, 5));
    append(rows_of(5, 5));  // the second append allocates ahead
    auto late = partition_;
    reopen();
    append(rows_of(10, 5));
    late.reset();
    append(rows_of(15, 5));
    reopen();
    EXPECT_EQ(live().size(), 20u);
}

}  // namespace
}  // namespace dl::slave::test
