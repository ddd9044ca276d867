// Single rows out of Parquet files as DuckDB writes them, against what was written.
#include "slave/parquet/parquet_row_reader.h"

#include <fstream>

#include "tests/unit/slave/parquet/parquet_test_rows.h"

namespace dl::slave::test {
namespace {

using namespace dl::test;

class ParquetRowReaderTest : public ::testing::TestWithParam<int> {};

// Shapes: few different values (dictionaries), many, all NULL, no NULL.
TEST_P(ParquetRowReaderTest, GivesWhatWasWritten) {
    const int shape = GetParam();
    std::mt19937 random(static_cast<std::uint32_t>(shape) + 5);
    const auto fields = fields_of_all_types();
    std::vector<ScanColumn> columns{{"_offset", ScanColumn::Source::offset, {}, {}, {}},
                                    {"_delete", ScanColumn::Source::operation, {}, {}, {}},
                                    {"_time", ScanColumn::Source::time, {}, {}, {}}};
    for (std::uint32_t i = 0; i < kTypes.size(); ++i)
        columns.push_back(field_column("f" + std::to_string(i + 1), i + 1, kTypes[i]));
    const auto batch = random_batch(fields, 40'000, shape, random);
    TempFolder folder;
    const auto path = folder.path("a.parquet");
    auto database = *file_duck_database(256u << 20);
    const auto done = write_parquet(
        *database, std::make_shared<MemorySource>(columns, std::vector<ScanUnit>{{batch}}), path);
    ASSERT_TRUE(done) << done.error().to_text();

    const auto reader = ParquetRowReader::open(posix_file_system(), path);
    ASSERT_TRUE(reader) << reader.error().to_text();
    const auto canonical = rows_of(batch);
    // One that keeps everything, one in which a few guides push each other out.
    ChunkGuideCache guides(8u << 20), few_guides(20'000);
    for (int round = 0; round < 60; ++round) {
        std::set<std::uint32_t> chosen;
        for (std::uint32_t i = 0; i <= random() % 30; ++i)
            chosen.insert(static_cast<std::uint32_t>(random() % batch.rows()));
        if (round % 2 == 0) chosen.erase(std::next(chosen.begin()), chosen.end());
        if (round == 0) chosen = {0, 1, 2047, 2048, batch.rows() - 1};
        const std::vector<std::uint32_t> wanted(chosen.begin(), chosen.end());
        auto* const kept = round % 3 == 0 ? &guides : round % 3 == 1 ? &few_guides : nullptr;
        const auto read = (*reader)->read(wanted, fields, kept);
        ASSERT_TRUE(read) << read.error().to_text();
        const auto rows = rows_of(*read);
        ASSERT_EQ(rows.size(), wanted.size());
        for (std::size_t i = 0; i < wanted.size(); ++i)
            ASSERT_EQ(rows[i], canonical[wanted[i]]) << "row " << wanted[i];
    }
    EXPECT_EQ(guides.size(), 3 * kTypes.size());  // row groups
    EXPECT_GT(few_guides.size(), 0u);
    EXPECT_LE(few_guides.bytes(), 20'000u);
    const std::uint32_t beyond = 40'000;
    EXPECT_TRUE((*reader)->read({&beyond, 1}, fields, nullptr).has_error());

    // Damage anywhere is an error or another value, never a read outside.
    std::ifstream in(path, std::ios::binary);
    const std::string good((std::istreambuf_iterator<char>(in)), {});
    ChunkGuideCache of_damaged(8u << 20);
    for (int round = 0; round < 60; ++round) {
        auto bad = good;
        const auto tail = std::min<std::size_t>(bad.size(), 6000);
        for (int i = 0; i < 3; ++i)
            bad[round % 2 == 0 ? bad.size() - 1 - random() % tail : random() % bad.size()] =
                static_cast<char>(random());
        const auto damaged = folder.path("bad.parquet");
        std::ofstream(damaged, std::ios::binary) << bad;
        const auto opened = ParquetRowReader::open(posix_file_system(), damaged);
        const std::vector<std::uint32_t> some{3, 900, 39'000};
        for (int again = 0; opened && again < 2; ++again)
            (void)(*opened)->read(some, fields, &of_damaged).has_error();
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ParquetRowReaderTest, ::testing::Values(0, 1, 2, 3));

}  // namespace
}  // namespace dl::slave::test
