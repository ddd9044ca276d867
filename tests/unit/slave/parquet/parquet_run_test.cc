// Rows of snapshot files one after the other, as our writer and as DuckDB write them, against what was
// written.
#include "slave/parquet/parquet_run.h"

#include <fstream>
#include <limits>

#include "slave/parquet/delta_reader.h"
#include "slave/parquet/parquet_run_windows.h"
#include "slave/parquet/parquet_writer.h"
#include "tests/unit/slave/parquet/parquet_test_rows.h"

namespace dl::slave::test {
namespace {

constexpr std::uint32_t kRows = 130'000;  // two row groups of ours

// Ascending with gaps, as compaction leaves them.
std::vector<std::int64_t> offsets_of(std::uint32_t count, std::mt19937& random) {
    std::vector<std::int64_t> offsets;
    std::int64_t next = 1000;
    for (std::uint32_t i = 0; i < count; ++i) {
        offsets.push_back(next);
        next += random() % 5 == 0 ? 1 + static_cast<std::int64_t>(random() % 1000) : 1;
    }
    return offsets;
}

bool deleted(std::uint32_t row) {
    return row % 11 == 3;
}
std::int64_t time_of(std::uint32_t row) {
    return 1'700'000'000'000'000 + row / 10;
}

class ParquetRunTest : public ::testing::TestWithParam<int> {
  protected:
    // f1, f2, ... behind the columns of every snapshot file.
    void write_own(const ColumnBatch& batch, const std::vector<Field>& fields) {
        auto writer = ParquetWriter::create(posix_file_system(), path_, snapshot_file_columns(fields));
        ASSERT_TRUE(writer) << writer.error().to_text();
        for (std::uint32_t row = 0; row < batch.rows(); ++row) {
            const std::uint8_t is_delete = deleted(row) ? 1 : 0;
            const auto time = time_of(row);
            const auto put = [&](std::size_t column, const void* value) {
                ColumnView view;
                view.data = static_cast<const char*>(value);
                (*writer)->column(column).append(view, 0, 1);
            };
            put(0, &offsets_[row]);
            put(1, &is_delete);
            put(2, &time);
            for (std::size_t i = 0; i < fields.size(); ++i)
                (*writer)->column(i + 3).append(batch.columns()[i], row, 1);
            if ((row + 1) % kParquetRowGroupRows == 0) {
                ASSERT_TRUE((*writer)->end_row_group());
            }
        }
        const auto done = (*writer)->finish();
        ASSERT_TRUE(done) << done.error().to_text();
    }
    void rewrite_with_duck() {
        const auto theirs = folder_.path("theirs.parquet");
        auto session = *database_->session();
        const auto done =
            session->execute("COPY (SELECT * FROM read_parquet(" + sql_literal(path_) + ")) TO " +
                             sql_literal(theirs) + " (FORMAT parquet, ROW_GROUP_SIZE 16384)");
        ASSERT_TRUE(done) << done.error().to_text();
        path_ = theirs;
    }
    void expect_same(const std::vector<Field>& fields, const ColumnBatch& batch, std::uint32_t group_rows,
                     std::mt19937& random) {
        const auto reader = ParquetRowReader::open(posix_file_system(), path_);
        ASSERT_TRUE(reader) << reader.error().to_text();
        const auto written = rows_of(batch);
        std::vector<Offset> starts{0,
                                   offsets_.front(),
                                   offsets_[8191],
                                   offsets_[8192],
                                   offsets_[kParquetRowGroupRows - 1],
                                   offsets_[kParquetRowGroupRows],
                                   offsets_.back()};
        for (int i = 0; i < 12; ++i)
            starts.push_back(static_cast<Offset>(random() % static_cast<std::uint64_t>(offsets_.back())));
        for (const auto from : starts) {
            const auto wanted = 1 + static_cast<std::uint32_t>(random() % 3000);
            const auto run = read_parquet_run(**reader, from, wanted, fields);
            ASSERT_TRUE(run) << run.error().to_text();
            const auto first = static_cast<std::uint32_t>(
                std::lower_bound(offsets_.begin(), offsets_.end(), from) - offsets_.begin());
            // Up to the end of its row group.
            const auto count = std::min({wanted, group_rows - first % group_rows, batch.rows() - first});
            ASSERT_EQ(run->offsets.size(), count) << "from " << from;
            const auto got = rows_of(run->batch);
            ASSERT_EQ(got.size(), count);
            for (std::uint32_t i = 0; i < count; ++i) {
                ASSERT_EQ(run->offsets[i], offsets_[first + i]);
                ASSERT_EQ(run->append_times_us[i], time_of(first + i));
                ASSERT_EQ(run->batch.is_delete(i), deleted(first + i));
                ASSERT_EQ(got[i], written[first + i]) << "row " << first + i;
            }
        }
        const auto behind = read_parquet_run(**reader, offsets_.back() + 1, 10, fields);
        ASSERT_TRUE(behind) << behind.error().to_text();
        EXPECT_TRUE(behind->offsets.empty());
    }

    dl::test::TempFolder folder_;
    std::string path_ = folder_.path("own.parquet");
    std::shared_ptr<DuckDatabase> database_ = *file_duck_database(256u << 20);
    std::vector<std::int64_t> offsets_;
};

TEST_P(ParquetRunTest, GivesWhatWasWritten) {
    std::mt19937 random(static_cast<std::uint32_t>(GetParam()) + 3);
    const auto fields = fields_of_all_types();
    const auto batch = random_batch(fields, kRows, GetParam(), random);
    offsets_ = offsets_of(kRows, random);
    write_own(batch, fields);
    expect_same(fields, batch, kParquetRowGroupRows, random);
    rewrite_with_duck();
    expect_same(fields, batch, 16'384, random);
}

// Who goes on where the rows ended sees every row once, whoever else reads the same file meanwhile.
TEST_P(ParquetRunTest, GivesEveryRowOnceToThoseWhoReadOn) {
    std::mt19937 random(static_cast<std::uint32_t>(GetParam()) + 5);
    const auto fields = fields_of_all_types();
    const auto batch = random_batch(fields, kRows, GetParam(), random);
    offsets_ = offsets_of(kRows, random);
    write_own(batch, fields);
    const auto written = rows_of(batch);
    const auto reader = *ParquetRowReader::open(posix_file_system(), path_);
    const std::span<const Field> some(fields.data(), 3);
    struct Consumer {
        std::span<const Field> fields;
        std::uint32_t rows_max;  // of a request
        std::uint32_t row = 0;
    };
    std::vector<Consumer> consumers{
        {fields, 2000, 0}, {fields, 2000, 0}, {some, 700, 0}, {fields, 20'000, 0}};
    for (bool more = true; more;) {
        more = false;
        for (auto& consumer : consumers) {
            const auto from = consumer.row == 0 ? 0 : offsets_[consumer.row - 1] + 1;
            const auto wanted = 1 + static_cast<std::uint32_t>(random() % consumer.rows_max);
            const auto run = read_parquet_run(*reader, from, wanted, consumer.fields);
            ASSERT_TRUE(run) << run.error().to_text();
            ASSERT_EQ(run->offsets.empty(), consumer.row == batch.rows());
            const auto got = rows_of(run->batch);
            for (std::uint32_t i = 0; i < run->offsets.size(); ++i, ++consumer.row) {
                ASSERT_EQ(run->offsets[i], offsets_[consumer.row]);
                ASSERT_EQ(run->append_times_us[i], time_of(consumer.row));
                ASSERT_EQ(run->batch.is_delete(i), deleted(consumer.row));
                const auto& whole = written[consumer.row];
                ASSERT_TRUE(std::equal(got[i].begin(), got[i].end(), whole.begin())) << consumer.row;
            }
            more = more || consumer.row < batch.rows();
        }
    }
    EXPECT_LE(ParquetRunWindows::instance().bytes(), ParquetRunWindows::kBytesMax);
}

TEST(ParquetRunWindows, TheirMemoryIsBounded) {
    auto& windows = ParquetRunWindows::instance();
    const auto make = [](std::uint64_t reader, std::uint64_t bytes) {
        auto window = std::make_shared<ParquetRunWindow>();
        window->reader = reader;
        window->offsets = {10, 12};
        window->bytes = bytes;
        return window;
    };
    constexpr std::uint64_t kReader = 1ull << 40;
    windows.keep(make(kReader, ParquetRunWindows::kWindowBytesMax + 1), nullptr);
    EXPECT_EQ(windows.find(kReader, 0, 10, {}), nullptr);
    for (std::uint64_t i = 0; i < 20; ++i) {
        windows.keep(make(kReader + i, ParquetRunWindows::kWindowBytesMax), nullptr);
        EXPECT_LE(windows.bytes(), ParquetRunWindows::kBytesMax);
    }
    EXPECT_EQ(windows.find(kReader, 0, 10, {}), nullptr);
    EXPECT_NE(windows.find(kReader + 19, 0, 11, {}), nullptr);
    EXPECT_NE(windows.find(kReader + 19, 0, 13, {}), nullptr) << "goes on behind it";
    EXPECT_EQ(windows.find(kReader + 19, 0, 14, {}), nullptr);
    EXPECT_EQ(windows.find(kReader + 19, 0, 9, {}), nullptr);
    EXPECT_EQ(windows.find(kReader + 19, 1, 10, {}), nullptr) << "a page was lost since";
}

TEST_P(ParquetRunTest, DamageIsNamedAndNeverReadBeyond) {
    std::mt19937 random(static_cast<std::uint32_t>(GetParam()) + 7);
    const auto fields = fields_of_all_types();
    const auto batch = random_batch(fields, 3000, GetParam(), random);
    offsets_ = offsets_of(3000, random);
    write_own(batch, fields);
    std::ifstream in(path_, std::ios::binary);
    const std::string good((std::istreambuf_iterator<char>(in)), {});
    const auto damaged_path = folder_.path("bad.parquet");
    for (int round = 0; round < 80; ++round) {
        auto bad = good;
        // Of a page, which has a checksum; or of the footer.
        const auto footer = std::min<std::size_t>(bad.size(), 4000);
        const bool of_page = round % 2 == 0;
        const auto at = of_page ? 4 + random() % (bad.size() - footer) : bad.size() - 1 - random() % footer;
        bad[at] = static_cast<char>(bad[at] ^ (1 << random() % 8));
        std::ofstream(damaged_path, std::ios::binary) << bad;
        const auto reader = ParquetRowReader::open(posix_file_system(), damaged_path);
        if (!reader) continue;
        const auto run = read_parquet_run(**reader, 0, 3000, fields);
        if (run.has_error()) {
            EXPECT_NE(run.error().message.find("bad.parquet"), std::string::npos);
        }
        if (!of_page || run.has_error()) continue;
        // A header may say the same in other bits; values never change.
        EXPECT_TRUE(rows_of(run->batch) == rows_of(batch)) << "bit of byte " << at;
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ParquetRunTest, ::testing::Values(0, 1, 2, 3));

TEST(DeltaReader, RefusesWhatIsNotThere) {
    std::vector<std::int64_t> out;
    EXPECT_FALSE(read_delta_numbers("", 1, out));
    // Block of 128, 4 miniblocks, 3 values, the first 7; smallest difference 1, widths 1 0 0 0; 0 and 1.
    const std::string page("\x80\x01\x04\x03\x0e\x02\x01\x00\x00\x00\x02\x00\x00\x00", 14);
    out.clear();
    ASSERT_TRUE(read_delta_numbers(page, 3, out));
    EXPECT_EQ(out, (std::vector<std::int64_t>{7, 8, 10}));
    EXPECT_FALSE(read_delta_numbers(page, 4, out));
    for (std::size_t length = 0; length < page.size(); ++length) {
        out.clear();
        EXPECT_FALSE(read_delta_numbers(std::string_view(page).substr(0, length), 3, out));
    }
    auto wide = page;
    wide[6] = 65;  // bits
    EXPECT_FALSE(read_delta_numbers(wide, 3, out));
    auto uneven = page;
    uneven[2] = 3;  // miniblocks of 128 values
    EXPECT_FALSE(read_delta_numbers(uneven, 3, out));
}

}  // namespace
}  // namespace dl::slave::test
