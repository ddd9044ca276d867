// Closed tail segments as Parquet files.
#include "slave/snapshot/segment_file.h"

#include <random>

#include "slave/index/tail.h"
#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::slave::test {
namespace {

using namespace dl::test;

constexpr Offset kFirst = 1000;

class SegmentFileTest : public ::testing::Test {
  protected:
    void append(const ColumnBatch& batch, std::int64_t time_us) {
        std::vector<TailSegment::FreshKey> missing;
        const auto hashes = hash_keys(batch, FieldId{1}, 1);
        ASSERT_TRUE(hashes) << hashes.error().to_text();
        const auto done = tail_.append(batch, time_us, *hashes, &missing);
        ASSERT_TRUE(done) << done.error().to_text();
    }
    void write(const std::vector<Field>& fields) {
        tail_.close_segment();
        const auto done = write_segment_file(posix_file_system(), path_, *tail_.segments().front(), fields);
        ASSERT_TRUE(done) << done.error().to_text();
    }
    Rows query(const std::string& select) {
        return rows(*session_, select + " FROM read_parquet(" + sql_literal(path_) + ")");
    }
    // COUNT and largest plain size of the row groups.
    std::pair<int, std::int64_t> row_groups() {
        const auto found = rows(*session_,
                                "SELECT count(*), max(bytes) FROM (SELECT sum(total_uncompressed_size) AS "
                                "bytes FROM parquet_metadata(" +
                                    sql_literal(path_) + ") GROUP BY row_group_id)");
        return {std::stoi(found[0][0]), std::stoll(found[0][1])};
    }

    TempFolder folder_;
    std::string path_ = folder_.path("s.parquet");
    Tail tail_{[this] {
        Tail tail(kFirst);
        tail.start_segment();
        return tail;
    }()};
    std::shared_ptr<DuckDatabase> database_ = *file_duck_database(128u << 20);
    std::unique_ptr<DuckSession> session_ = *database_->session();
};

TEST_F(SegmentFileTest, OffsetsDeletesTimesAndDefaults) {
    const ColumnBatchBuilder::ColumnSpec key{FieldId{1}, type_of("long")},
        text{FieldId{2}, type_of("string")}, dropped{FieldId{3}, type_of("int")},
        added{FieldId{4}, type_of("double")}, added_null{FieldId{5}, type_of("date")};
    append(text_batch({key, text, dropped}, {{"1", "a", "7"}, {"2", "~", "8"}}), 5);
    append(text_batch({key, text, dropped}, {{"1", "~", "~", "!"}}), 6);
    append(
        text_batch({key, text, added, added_null}, {{"3", "b", "0.5", "~"}, {"1", "c", "~", "2020-01-01"}}),
        7);
    Schema schema;
    schema.fields = {{FieldId{1}, "k", type_of("long")},
                     {FieldId{2}, "t", type_of("string")},
                     {FieldId{4}, "d", type_of("double"), false, "1.5"},
                     {FieldId{5}, "e", type_of("date")}};
    const auto fields = segment_fields(*tail_.segments().front(), schema, FieldId{6});
    ASSERT_EQ(fields.size(), 4u) << "the dropped one is left out";
    write(fields);
    EXPECT_EQ(query("SELECT _offset, _delete, epoch_us(_time), f1, f2, f4, f5"),
              (Rows{{"1000", "false", "5", "1", "a", "1.5", "~"},
                    {"1001", "false", "5", "2", "~", "1.5", "~"},
                    {"1002", "true", "6", "1", "~", "1.5", "~"},
                    {"1003", "false", "7", "3", "b", "0.5", "~"},
                    {"1004", "false", "7", "1", "c", "~", "2020-01-01"}}));
}

TEST_F(SegmentFileTest, ABatchOfAnotherTypeIsRefused) {
    append(text_batch({{FieldId{1}, type_of("long")}}, {{"1"}}), 1);
    tail_.close_segment();
    const auto done = write_segment_file(posix_file_system(), path_, *tail_.segments().front(),
                                         {{FieldId{1}, "k", type_of("string")}});
    ASSERT_TRUE(done.has_error());
    EXPECT_EQ(done.error().code, ErrorCode::corrupt_data);
}

// Long rows behind many short ones: row groups are limited by their bytes, not by the average row, and a file
// three times as large as the memory can be read.
TEST_F(SegmentFileTest, LongRowsEndRowGroupsEarly) {
    constexpr std::uint32_t kShortRows = 100'000;
    constexpr std::uint32_t kUnitRows = 256;
    constexpr std::uint32_t kUnits = 48;
    constexpr std::uint32_t kRowBytes = 32u << 10;
    std::mt19937_64 random(1);
    const std::vector<ColumnBatchBuilder::ColumnSpec> specs{{FieldId{1}, type_of("long")},
                                                            {FieldId{2}, type_of("string")}};
    ColumnBatchBuilder short_rows(specs);
    for (std::uint32_t row = 0; row < kShortRows; ++row) {
        short_rows.append_fixed<std::int64_t>(0, row);
        short_rows.append_bytes(1, "a");
        short_rows.finish_row(false);
    }
    append(batch_of(short_rows), 1);
    std::string last;
    for (std::uint32_t unit = 0; unit < kUnits; ++unit) {
        ColumnBatchBuilder builder(specs);
        for (std::uint32_t row = 0; row < kUnitRows; ++row) {
            last.resize(kRowBytes);
            for (auto& c : last)
                c = static_cast<char>('a' + random() % 26);
            builder.append_fixed<std::int64_t>(0, kShortRows + unit * kUnitRows + row);
            builder.append_bytes(1, last);
            builder.finish_row(false);
        }
        append(batch_of(builder), 2);
    }
    // One row larger than a row group.
    ColumnBatchBuilder huge(specs);
    huge.append_fixed<std::int64_t>(0, -1);
    huge.append_bytes(1, std::string(20u << 20, 'x'));
    huge.finish_row(false);
    append(batch_of(huge), 3);
    const std::vector<Field> fields{{FieldId{1}, "k", type_of("long")}, {FieldId{2}, "s", type_of("string")}};
    write(fields);
    const auto [groups, bytes] = row_groups();
    EXPECT_GE(groups, 400 / 16);
    EXPECT_LT(bytes, 21 << 20);
    EXPECT_EQ(query("SELECT count(*), sum(length(f2)), max(f1), min(f1)"),
              (Rows{{std::to_string(kShortRows + kUnits * kUnitRows + 1),
                     std::to_string(kShortRows + kUnits * kUnitRows * kRowBytes + (20u << 20)),
                     std::to_string(kShortRows + kUnits * kUnitRows - 1), "-1"}}));
    const auto read =
        read_parquet_rows(*database_, path_, kFirst + kShortRows + kUnits * kUnitRows - 1, 1, fields);
    ASSERT_TRUE(read) << read.error().to_text();
    EXPECT_EQ(read->batch.find(FieldId{2})->bytes(0), last);
}

}  // namespace
}  // namespace dl::slave::test
