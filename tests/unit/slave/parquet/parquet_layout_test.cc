// How our Parquet files are laid out: one dictionary for a large row group, small pages in it, and an offset
// index that says where they are. All readers get what was written, whatever the values are like.
#include <filesystem>
#include <fstream>

#include "slave/parquet/parquet_check.h"
#include "slave/parquet/parquet_row_reader.h"
#include "slave/parquet/parquet_run.h"
#include "slave/parquet/parquet_writer.h"
#include "tests/unit/slave/parquet/parquet_test_rows.h"

namespace dl::slave::test {
namespace {

// Rows of a snapshot file: offset and time by row number.
Offset offset_of(std::uint32_t row) {
    return 1000 + row + row / 10 * Offset{3};
}
std::int64_t time_of(std::uint32_t row) {
    return 1'700'000'000'000'000 + row / 100;
}

class ParquetLayoutTest : public ::testing::Test {
  protected:
    // In row groups that end behind the rows `ends`.
    void write(const std::vector<Field>& fields, const ColumnBatch& batch, std::set<std::uint32_t> ends) {
        std::filesystem::remove(path_);
        auto writer = ParquetWriter::create(posix_file_system(), path_, snapshot_file_columns(fields));
        ASSERT_TRUE(writer) << writer.error().to_text();
        ends.insert(batch.rows());
        const auto put = [&](std::size_t column, const void* values, std::uint32_t count) {
            ColumnView view;
            view.data = static_cast<const char*>(values);
            (*writer)->column(column).append(view, 0, count);
        };
        for (std::uint32_t row = 0; row < batch.rows();) {
            const auto count = std::min(*ends.upper_bound(row) - row, 1 + row % 777);
            std::vector<Offset> offsets;
            std::vector<std::int64_t> times;
            for (auto at = row; at < row + count; ++at) {
                offsets.push_back(offset_of(at));
                times.push_back(time_of(at));
            }
            const std::vector<std::uint8_t> deletes(count);
            put(0, offsets.data(), count);
            put(1, deletes.data(), count);
            put(2, times.data(), count);
            for (std::size_t i = 0; i < fields.size(); ++i)
                (*writer)->column(i + 3).append(batch.columns()[i], row, count);
            row += count;
            if (ends.contains(row)) {
                ASSERT_TRUE((*writer)->end_row_group());
            }
        }
        const auto done = (*writer)->finish();
        ASSERT_TRUE(done) << done.error().to_text();
    }
    std::string from() const { return " FROM read_parquet(" + sql_literal(path_) + ")"; }
    // DuckDB, lookups of single rows and runs of rows all give what was written.
    void expect_read(const std::vector<Field>& fields, const Rows& written, std::mt19937& random) {
        EXPECT_TRUE(check_parquet_pages(**posix_file_system().open_read(path_)).has_value());
        const auto read = rows(*session_, "SELECT * EXCLUDE (_offset, _delete, _time)" + from());
        ASSERT_EQ(read.size(), written.size());
        for (std::size_t i = 0; i < read.size(); ++i)
            ASSERT_EQ(read[i], written[i]) << "row " << i;

        const auto reader = *ParquetRowReader::open(posix_file_system(), path_);
        const auto count = static_cast<std::uint32_t>(written.size());
        ChunkGuideCache guides(8u << 20);
        for (int round = 0; round < 40; ++round) {
            std::set<std::uint32_t> chosen{0, count - 1, std::min(8191u, count - 1),
                                           std::min(8192u, count - 1)};
            for (int i = 0; i < round % 7; ++i)
                chosen.insert(static_cast<std::uint32_t>(random() % count));
            const std::vector<std::uint32_t> wanted(chosen.begin(), chosen.end());
            const auto some = reader->read(wanted, fields, round % 2 == 0 ? &guides : nullptr);
            ASSERT_TRUE(some) << some.error().to_text();
            const auto got = rows_of(*some);
            for (std::size_t i = 0; i < wanted.size(); ++i)
                ASSERT_EQ(got[i], written[wanted[i]]) << "row " << wanted[i];
        }
        for (std::uint32_t row = 0; row < count;) {
            const auto run = read_parquet_run(*reader, offset_of(row),
                                              1 + static_cast<std::uint32_t>(random() % 9000), fields);
            ASSERT_TRUE(run) << run.error().to_text();
            ASSERT_FALSE(run->offsets.empty());
            const auto got = rows_of(run->batch);
            for (std::size_t i = 0; i < got.size(); ++i, ++row) {
                ASSERT_EQ(run->offsets[i], offset_of(row));
                ASSERT_EQ(run->append_times_us[i], time_of(row));
                ASSERT_EQ(got[i], written[row]) << "row " << row;
            }
        }
    }
    Rows dictionary_columns() {
        return rows(
            *session_,
            "SELECT path_in_schema FROM parquet_metadata(" + sql_literal(path_) +
                ") WHERE encodings LIKE '%DICTIONARY%' AND path_in_schema LIKE 'f%' ORDER BY path_in_schema");
    }
    std::vector<ParquetPagePlace> pages_of(std::size_t group, std::size_t column) {
        const auto bytes = *posix_file_system().read_all(path_);
        const auto footer = *read_parquet_footer(bytes);
        const auto& chunk = footer.chunk(group, column);
        const auto pages = read_offset_index(bytes.substr(chunk.index_begin, chunk.index_bytes), chunk);
        EXPECT_TRUE(pages) << pages.error().to_text();
        return pages ? *pages : std::vector<ParquetPagePlace>{};
    }

    TempFolder folder_;
    std::string path_ = folder_.path("own.parquet");
    std::shared_ptr<DuckDatabase> database_ = *file_duck_database(256u << 20);
    std::unique_ptr<DuckSession> session_ = *database_->session();
};

// One column of random rows: what its values are like changes within it, so that a dictionary is begun,
// given up, or kept against its first impression, and pages with and without NULLs follow each other.
std::vector<std::string> random_column(DataType type, std::uint32_t rows, std::mt19937& random) {
    std::vector<std::string> values;
    while (values.size() < rows) {
        const auto piece = std::min<std::size_t>(rows - values.size(), 1 + random() % 12'000);
        switch (random() % 6) {
            case 0:
                values.insert(values.end(), piece, "~");
                break;
            case 1:
                values.insert(values.end(), piece, random_text(type, random, 1));
                break;
            default: {
                const int shape = random() % 2 == 0 ? 0 : 1;
                const auto null_each = random() % 3 == 0 ? 1 + random() % 20 : 0;
                for (std::size_t i = 0; i < piece; ++i)
                    values.push_back(
                        null_each != 0 && random() % null_each == 0 ? "~" : random_text(type, random, shape));
            }
        }
    }
    return values;
}

class ParquetLayoutSeeds : public ParquetLayoutTest, public ::testing::WithParamInterface<std::uint32_t> {};

TEST_P(ParquetLayoutSeeds, AllReadersGetWhatWasWritten) {
    std::mt19937 random(GetParam());
    const auto fields = fields_of_all_types();
    const auto count = 1 + static_cast<std::uint32_t>(random() % (GetParam() % 4 == 0 ? 100u : 50'000u));
    Rows written(count);
    std::vector<ColumnBatchBuilder::ColumnSpec> specs;
    for (const auto& field : fields) {
        specs.push_back({field.id, field.type});
        const auto values = random_column(field.type, count, random);
        for (std::uint32_t row = 0; row < count; ++row)
            written[row].push_back(values[row]);
    }
    const auto batch = text_batch(specs, written);
    std::set<std::uint32_t> ends;
    for (auto i = random() % 4; i != 0; --i)
        ends.insert(1 + static_cast<std::uint32_t>(random() % count));
    write(fields, batch, ends);
    expect_read(fields, rows_of(batch), random);
}

INSTANTIATE_TEST_SUITE_P(Random, ParquetLayoutSeeds, ::testing::Range(1u, 13u));

TEST_F(ParquetLayoutTest, AFullRowGroupHasOneDictionaryAndManyPages) {
    const std::vector<Field> fields{{FieldId{1}, "k", type_of("long")}, {FieldId{2}, "s", type_of("string")}};
    for (const std::uint32_t different : {20u, 10'007u, 24'576u, 122'880u}) {
        SCOPED_TRACE(different);
        std::mt19937 random(different);
        ColumnBatchBuilder builder({{FieldId{1}, type_of("long")}, {FieldId{2}, type_of("string")}});
        for (std::uint32_t row = 0; row < kParquetRowGroupRows; ++row) {
            // In turns, so that none repeats before all came, or as it happens.
            const auto value = different == 10'007 ? row % different : random() % different;
            builder.append_fixed<std::int64_t>(0, row * std::int64_t{7});
            if (random() % 50 == 0)
                builder.append_null(1);
            else
                builder.append_bytes(1, "device " + std::to_string(value * 48'271u % 1'000'003));
            builder.finish_row(false);
        }
        const auto batch = batch_of(builder);
        write(fields, batch, {});
        EXPECT_EQ(dictionary_columns(), different <= 24'576 ? (Rows{{"f2"}}) : (Rows{}));
        EXPECT_EQ(pages_of(0, 3).size(), 15u);
        // Of texts without a dictionary fewer rows a page.
        EXPECT_EQ(pages_of(0, 4).size(), different <= 24'576 ? 15u : 24u);
        expect_read(fields, rows_of(batch), random);
    }
}

// Values of which none repeats cost one attempt a file; once they do, the next row groups have dictionaries.
TEST_F(ParquetLayoutTest, DictionariesComeBack) {
    const std::vector<Field> fields{{FieldId{1}, "k", type_of("long")}};
    ColumnBatchBuilder builder({{FieldId{1}, type_of("long")}});
    constexpr std::uint32_t kGroup = 30'000;
    for (std::uint32_t row = 0; row < 5 * kGroup; ++row) {
        builder.append_fixed<std::int64_t>(0, row < 2 * kGroup ? row : row % 700);
        builder.finish_row(false);
    }
    const auto batch = batch_of(builder);
    write(fields, batch, {kGroup, 2 * kGroup, 3 * kGroup, 4 * kGroup});
    EXPECT_EQ(rows(*session_, "SELECT row_group_id, encodings LIKE '%DICTIONARY%' FROM parquet_metadata(" +
                                  sql_literal(path_) + ") WHERE path_in_schema = 'f1' ORDER BY 1"),
              (Rows{{"0", "false"}, {"1", "false"}, {"2", "true"}, {"3", "true"}, {"4", "true"}}));
    std::mt19937 random(2);
    expect_read(fields, rows_of(batch), random);
}

// Who reads a thousand rows reads all of a dictionary: of long texts it must spare much.
TEST_F(ParquetLayoutTest, DictionariesOfLongTextsPayManyTimes) {
    const std::vector<Field> fields{{FieldId{1}, "s", type_of("string")},
                                    {FieldId{2}, "b", type_of("binary")}};
    // Different texts, their length, rows; f1 or f2.
    for (const auto& [different, length, count] : {std::tuple{4000u, 250u, 20'000u},
                                                   {4500u, 250u, 20'000u},
                                                   {5u, 300'000u, 50u},
                                                   {7u, 300'000u, 50u}}) {
        SCOPED_TRACE(different);
        std::mt19937 random(different);
        ColumnBatchBuilder builder({{FieldId{1}, type_of("string")}, {FieldId{2}, type_of("binary")}});
        for (std::uint32_t row = 0; row < count; ++row) {
            auto text = std::to_string(random() % different);
            text.append(length - text.size(), '.');
            builder.append_bytes(0, text);
            builder.append_bytes(1, text);
            builder.finish_row(false);
        }
        const auto batch = batch_of(builder);
        write(fields, batch, {});
        EXPECT_EQ(dictionary_columns(),
                  different <= 5 || different == 4000 ? (Rows{{"f1"}, {"f2"}}) : (Rows{}));
        expect_read(fields, rows_of(batch), random);
    }
}

// So that a lookup unpacks little.
TEST_F(ParquetLayoutTest, PagesOfLongTextsAreShort) {
    const std::vector<Field> fields{{FieldId{1}, "s", type_of("string")}};
    ColumnBatchBuilder builder({{FieldId{1}, type_of("string")}});
    std::mt19937 random(1);
    for (std::uint32_t row = 0; row < 1000; ++row) {
        std::string text(row == 500 ? 3u << 20 : 4000, ' ');
        for (auto& c : text)
            c = static_cast<char>('a' + random() % 26);
        if (row % 5 == 4)
            builder.append_null(0);
        else
            builder.append_bytes(0, text);
        builder.finish_row(false);
    }
    const auto batch = batch_of(builder);
    write(fields, batch, {});
    const auto pages = pages_of(0, 3);
    EXPECT_GT(pages.size(), 30u);
    for (std::size_t i = 0; i + 1 < pages.size(); ++i) {
        const bool has_longest = pages[i].first_row <= 500 && 500 < pages[i + 1].first_row;
        EXPECT_LT(pages[i].bytes, has_longest ? 4'000'000u : 130'000u) << "row " << pages[i].first_row;
    }
    expect_read(fields, rows_of(batch), random);
}

// Whichever bit of an index is flipped: the row that was asked for, or an error that names file and column.
TEST_F(ParquetLayoutTest, ADamagedOffsetIndexIsNeverAnotherRow) {
    const std::vector<Field> fields{{FieldId{1}, "k", type_of("long")}};
    ColumnBatchBuilder builder({{FieldId{1}, type_of("long")}});
    std::mt19937 random(4);
    for (std::uint32_t row = 0; row < 40'000; ++row) {
        builder.append_fixed<std::int64_t>(0, row % 7);
        builder.finish_row(false);
    }
    write(fields, batch_of(builder), {});
    const auto good = *posix_file_system().read_all(path_);
    const auto chunk = (*read_parquet_footer(good)).chunk(0, 3);
    ASSERT_GT(chunk.index_bytes, 20u);
    const auto damaged = folder_.path("damaged");
    const std::vector<std::uint32_t> wanted{0, 8191, 8192, 20'000, 39'999};
    int found = 0;
    for (std::uint32_t bit = 0; bit < chunk.index_bytes * 8; ++bit) {
        auto bad = good;
        auto& byte = bad[chunk.index_begin + bit / 8];
        byte = static_cast<char>(byte ^ (1 << bit % 8));
        std::ofstream(damaged, std::ios::binary) << bad;
        const auto reader = ParquetRowReader::open(posix_file_system(), damaged);
        ASSERT_TRUE(reader) << reader.error().to_text();
        const auto read = (*reader)->read(wanted, fields, nullptr);
        if (read.has_error()) {
            ++found;
            EXPECT_EQ(read.error().code, ErrorCode::corrupt_data);
            EXPECT_NE(read.error().message.find("damaged, column f1"), std::string::npos)
                << read.error().message;
            continue;
        }
        EXPECT_EQ(rows_of(*read), (Rows{{"0"}, {"1"}, {"2"}, {"1"}, {"1"}})) << "bit " << bit;
    }
    EXPECT_GT(found, 100);
}

}  // namespace
}  // namespace dl::slave::test
