#include "slave/index/tail.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "common/record/batch_concat.h"

namespace dl::slave {
namespace {

struct TestRow {
    std::optional<std::int64_t> key;
    std::optional<std::string> text;
    bool is_delete = false;
};

ColumnBatch batch_of(const std::vector<TestRow>& rows) {
    ColumnBatchBuilder builder(
        {{FieldId{1}, DataType{TypeKind::int64}}, {FieldId{2}, DataType{TypeKind::string}}});
    for (const auto& row : rows) {
        if (row.key)
            builder.append_fixed(0, *row.key);
        else
            builder.append_null(0);
        if (row.text)
            builder.append_bytes(1, *row.text);
        else
            builder.append_null(1);
        builder.finish_row(row.is_delete);
    }
    return *ColumnBatch::decode(SharedBytes::from_string(builder.encode()),
                                static_cast<std::uint32_t>(rows.size()));
}

class TailTest : public ::testing::Test {
  protected:
    std::vector<TailSegment::FreshKey> append(const std::vector<TestRow>& rows, std::int64_t time = 1) {
        const auto batch = batch_of(rows);
        const auto hashes = hash_keys(batch, FieldId{1}, 9);
        EXPECT_TRUE(hashes.has_value());
        std::vector<TailSegment::FreshKey> missing;
        EXPECT_TRUE(tail_.append(batch, time, *hashes, &missing).has_value());
        return missing;
    }
    std::vector<Offset> live(const TailSnapshot& snapshot, Offset cut) {
        std::vector<Offset> offsets;
        for (const auto& chunk : snapshot.chunks)
            for (std::uint32_t row = 0; row < chunk->batch.rows(); ++row)
                if (chunk->is_live(row, cut)) offsets.push_back(chunk->base_offset + row);
        return offsets;
    }
    Tail tail_{100};
};

TEST_F(TailTest, NewerRecordsReplaceOlderOnesAcrossSegments) {
    tail_.start_segment();
    EXPECT_EQ(append({{1, "a"}, {2, "b"}, {1, "c"}}).size(), 2u);
    const auto early = tail_.snapshot();
    tail_.start_segment();
    const auto missing = append({{2, std::nullopt, true}, {3, "d"}});
    ASSERT_EQ(missing.size(), 1u);
    EXPECT_EQ(missing[0].offset, 104);
    EXPECT_EQ(live(*early, 103), (std::vector<Offset>{101, 102}));
    EXPECT_EQ(live(*tail_.snapshot(), 105), (std::vector<Offset>{102, 104}));
    EXPECT_TRUE(tail_.segments()[0]->closed());
    tail_.drop_oldest(*tail_.segments()[0]);
    EXPECT_EQ(live(*tail_.snapshot(), 105), (std::vector<Offset>{104}));
}

TEST_F(TailTest, LiveRowsOfARangeAreThoseLiveOneByOne) {
    std::mt19937 random(7);
    tail_.start_segment();
    std::vector<Offset> cuts;
    for (int step = 0; step < 40; ++step) {
        if (step % 15 == 14) tail_.start_segment();
        const bool deletes = random() % 3 == 0;
        std::vector<TestRow> rows(random() % 4 == 0 ? 3000 + random() % 3000 : 1 + random() % 300);
        for (auto& row : rows)
            row = {static_cast<std::int64_t>(random() % 20'000), "x", deletes && random() % 4 == 0};
        append(rows);
        cuts.push_back(tail_.end_offset());
    }
    const auto snapshot = tail_.snapshot();
    std::uint64_t checked = 0;
    for (int i = 0; i < 300; ++i) {
        const auto& chunk = *snapshot->chunks[random() % snapshot->chunks.size()];
        // Of the newest cut all marks count, of earlier ones some.
        const auto cut = i % 2 == 0 ? cuts.back() : cuts[random() % cuts.size()];
        const auto begin = static_cast<std::uint32_t>(random() % chunk.batch.rows());
        const auto end = begin + static_cast<std::uint32_t>(random() % (chunk.batch.rows() - begin + 1));
        std::vector<std::uint32_t> expected{4711};
        auto found = expected;
        for (auto row = begin; row < end; ++row)
            if (chunk.is_live(row, cut)) expected.push_back(row);
        chunk.append_live(begin, end, cut, &found);
        ASSERT_EQ(found, expected) << begin << " to " << end << ", cut " << cut;
        ASSERT_EQ(chunk.count_live(begin, end, cut), expected.size() - 1);
        checked += found.size();
    }
    EXPECT_GT(checked, 10'000u);
}

// A view's answer is the same whatever is marked meanwhile.
TEST_F(TailTest, LiveRowsOfAViewStayWhileTheWriterGoesOn) {
    std::vector<TestRow> rows(10'000);
    for (std::size_t i = 0; i < rows.size(); ++i)
        rows[i] = {static_cast<std::int64_t>(i % 9000), "x", false};
    tail_.start_segment();
    append(rows);
    const auto snapshot = tail_.snapshot();
    const auto cut = tail_.end_offset();
    const auto& chunk = *snapshot->chunks.front();
    std::atomic<bool> done{false};
    std::thread reader([&] {
        while (!done) {
            std::vector<std::uint32_t> live;
            chunk.append_live(0, 10'000, cut, &live);
            ASSERT_EQ(live.size(), 9000u);
            ASSERT_EQ(live.front(), 1000u);
            ASSERT_EQ(chunk.count_live(0, 10'000, cut), 9000u);
        }
    });
    for (int i = 0; i < 200; ++i) {
        std::vector<TestRow> more(100);
        for (std::size_t r = 0; r < more.size(); ++r)
            more[r] = {static_cast<std::int64_t>((i * 100 + static_cast<int>(r) * 37) % 9000), "y", false};
        append(more);
    }
    done = true;
    reader.join();
}

TEST_F(TailTest, ManySmallAppendsStayFewChunksAndKeepTheirTimes) {
    tail_.start_segment();
    for (int i = 0; i < 5000; ++i)
        append({{i % 700, "v" + std::to_string(i)}}, i);
    const auto snapshot = tail_.snapshot();
    EXPECT_LT(snapshot->chunks.size(), 60u);
    EXPECT_EQ(snapshot->rows, 5000u);
    Offset next = 100;
    for (const auto& chunk : snapshot->chunks) {
        EXPECT_EQ(chunk->base_offset, next);
        for (std::uint32_t row = 0; row < chunk->batch.rows(); ++row, ++next) {
            EXPECT_EQ(chunk->batch.columns()[1].bytes(row), "v" + std::to_string(next - 100));
            std::int64_t time = -1;
            for (const auto& run : chunk->times)
                if (run.first_row <= row) time = run.append_time_us;
            ASSERT_EQ(time, next - 100);
        }
    }
    EXPECT_EQ(next, 5100);
    EXPECT_EQ(live(*snapshot, 5100).size(), 700u);
}

TEST_F(TailTest, NullKeyIsRefused) {
    EXPECT_EQ(hash_keys(batch_of({{std::nullopt, "a"}}), FieldId{1}, 9).error().code,
              ErrorCode::corrupt_data);
    EXPECT_EQ(hash_keys(batch_of({{1, "a"}}), FieldId{8}, 9).error().code, ErrorCode::corrupt_data);
}

TEST(BatchConcat, KeepsValuesNullsAndDeletes) {
    const std::vector<ColumnBatch> parts = {batch_of({{1, "a"}, {2, std::nullopt, true}}),
                                            batch_of({{3, ""}}),
                                            batch_of({{4, "\xc3\xa9t\xc3\xa9"}, {5, std::nullopt}})};
    const auto joined = concat_batches(parts);
    ASSERT_TRUE(joined.has_value()) << joined.error().to_text();
    ASSERT_EQ(joined->rows(), 5u);
    std::uint32_t at = 0;
    for (const auto& part : parts) {
        for (std::uint32_t row = 0; row < part.rows(); ++row, ++at) {
            EXPECT_EQ(joined->is_delete(at), part.is_delete(row));
            EXPECT_EQ(joined->columns()[0].fixed<std::int64_t>(at),
                      part.columns()[0].fixed<std::int64_t>(row));
            EXPECT_EQ(joined->columns()[1].is_null(at), part.columns()[1].is_null(row));
            EXPECT_EQ(joined->columns()[1].bytes(at), part.columns()[1].bytes(row));
        }
    }
}

}  // namespace
}  // namespace dl::slave
