// Parquet files of our own writer, read back through DuckDB and row by row, against what was written and
// against the files DuckDB writes of it.
#include "slave/parquet/parquet_writer.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "slave/parquet/hybrid_reader.h"
#include "slave/parquet/hybrid_writer.h"
#include "slave/parquet/parquet_check.h"
#include "slave/parquet/parquet_row_reader.h"
#include "slave/parquet/parquet_run.h"
#include "tests/support/sim_file_system.h"
#include "tests/unit/slave/parquet/parquet_test_rows.h"

namespace dl::slave::test {
namespace {

std::vector<ParquetWriter::Column> columns_of(const std::vector<Field>& fields) {
    std::vector<ParquetWriter::Column> columns;
    for (const auto& field : fields)
        columns.push_back({parquet_field_name(field.id), field.type});
    return columns;
}

// In row groups of `group` rows, a few rows at a time.
void write_batch(const std::string& path, const std::vector<Field>& fields, const ColumnBatch& batch,
                 std::uint32_t group) {
    auto writer = ParquetWriter::create(posix_file_system(), path, columns_of(fields));
    ASSERT_TRUE(writer) << writer.error().to_text();
    for (std::uint32_t row = 0; row < batch.rows();) {
        const auto count = std::min({batch.rows() - row, group - row % group, 1 + row % 777});
        for (std::size_t i = 0; i < fields.size(); ++i)
            (*writer)->column(i).append(batch.columns()[i], row, count);
        row += count;
        if (row % group == 0) {
            ASSERT_TRUE((*writer)->end_row_group());
        }
    }
    const auto done = (*writer)->finish();
    ASSERT_TRUE(done) << done.error().to_text();
}

std::string from(const std::string& path) {
    return " FROM read_parquet(" + sql_literal(path) + ")";
}

class ParquetWriterTest : public ::testing::Test {
  protected:
    TempFolder folder_;
    std::string path_ = folder_.path("own.parquet");
    std::shared_ptr<DuckDatabase> database_ = *file_duck_database(256u << 20);
    std::unique_ptr<DuckSession> session_ = *database_->session();
};

class ParquetWriterShapes : public ParquetWriterTest, public ::testing::WithParamInterface<int> {};

TEST_P(ParquetWriterShapes, ReadersGetWhatWasWritten) {
    const int shape = GetParam();
    std::mt19937 random(static_cast<std::uint32_t>(shape) + 11);
    const auto fields = fields_of_all_types();
    const auto batch = random_batch(fields, 30'000, shape, random);
    write_batch(path_, fields, batch, 7000);
    const auto written = rows_of(batch);

    const auto read = rows(*session_, "SELECT *" + from(path_));
    ASSERT_EQ(read.size(), written.size());
    for (std::size_t i = 0; i < read.size(); ++i)
        ASSERT_EQ(read[i], written[i]) << "row " << i;

    const auto reader = ParquetRowReader::open(posix_file_system(), path_);
    ASSERT_TRUE(reader) << reader.error().to_text();
    for (int round = 0; round < 20; ++round) {
        std::set<std::uint32_t> chosen;
        for (int i = 0; i < 9; ++i)
            chosen.insert(static_cast<std::uint32_t>(random() % batch.rows()));
        const std::vector<std::uint32_t> wanted(chosen.begin(), chosen.end());
        const auto some = (*reader)->read(wanted, fields, nullptr);
        ASSERT_TRUE(some) << some.error().to_text();
        const auto got = rows_of(*some);
        for (std::size_t i = 0; i < wanted.size(); ++i)
            ASSERT_EQ(got[i], written[wanted[i]]) << "row " << wanted[i];
    }
}

// The same column types (DuckDB makes columns without NULLs REQUIRED, ours are all OPTIONAL) and, per row
// group, the same NULL counts, minima and maxima as DuckDB writes.
TEST_P(ParquetWriterShapes, MetadataIsThatOfDuckDb) {
    const int shape = GetParam();
    std::mt19937 random(static_cast<std::uint32_t>(shape) + 17);
    const auto fields = fields_of_all_types();
    const auto batch = random_batch(fields, 5000, shape, random);
    write_batch(path_, fields, batch, 2048);
    const auto theirs = folder_.path("duck.parquet");
    const auto copied = session_->execute("COPY (SELECT *" + from(path_) + ") TO " + sql_literal(theirs) +
                                          " (FORMAT parquet, ROW_GROUP_SIZE 2048)");
    ASSERT_TRUE(copied) << copied.error().to_text();
    const auto schema = [&](const std::string& path) {
        return rows(*session_,
                    "SELECT name, type, type_length, converted_type, scale, precision FROM parquet_schema(" +
                        sql_literal(path) + ") WHERE name <> 'duckdb_schema' AND name <> 'schema'");
    };
    EXPECT_EQ(schema(path_), schema(theirs));
    EXPECT_EQ(rows(*session_, "DESCRIBE SELECT *" + from(path_)),
              rows(*session_, "DESCRIBE SELECT *" + from(theirs)));
    const auto statistics = [&](const std::string& path) {
        return rows(*session_,
                    "SELECT row_group_id, path_in_schema, num_values, stats_null_count, stats_min_value, "
                    "stats_max_value FROM parquet_metadata(" +
                        sql_literal(path) + ") WHERE path_in_schema <> 'f" + std::to_string(kTypes.size()) +
                        "'");  // DuckDB has some of binary, of no use to it
    };
    EXPECT_EQ(statistics(path_), statistics(theirs));
}

INSTANTIATE_TEST_SUITE_P(Shapes, ParquetWriterShapes, ::testing::Values(0, 1, 2, 3));

ColumnBatch doubles(const std::vector<double>& values) {
    ColumnBatchBuilder builder({{FieldId{1}, type_of("double")}});
    for (const auto value : values) {
        builder.append_fixed<double>(0, value);
        builder.finish_row(false);
    }
    return batch_of(builder);
}

TEST_F(ParquetWriterTest, OddNumbersStayAndAreFound) {
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const std::vector<Field> fields{{FieldId{1}, "d", type_of("double")}};
    // The first row group has NaN, the second infinities, the third zeros of both signs.
    write_batch(path_, fields, doubles({1, kNan, 2, -kInfinity, 3, kInfinity, 0.0, -0.0, 0.0}), 3);
    EXPECT_EQ(rows(*session_, "SELECT count(*)" + from(path_) + " WHERE f1 > 1e308"), (Rows{{"2"}}));
    EXPECT_EQ(rows(*session_, "SELECT count(*)" + from(path_) + " WHERE isnan(f1)"), (Rows{{"1"}}));
    EXPECT_EQ(rows(*session_, "SELECT count(*)" + from(path_) + " WHERE f1 = 0 AND f1 <= -0.0"),
              (Rows{{"3"}}));
    EXPECT_EQ(rows(*session_, "SELECT f1 > 0" + from(path_) + " WHERE 1 / f1 = '-infinity'::DOUBLE"),
              (Rows{{"false"}}));
}

TEST_F(ParquetWriterTest, ExtremesOfIntegersAndDecimals) {
    const std::vector<std::pair<std::string, std::vector<std::string>>> columns{
        {"int", {"-2147483648", "2147483647", "0"}},
        {"long", {"-9223372036854775808", "9223372036854775807", "-1"}},
        {"decimal(9,0)", {"-999999999", "999999999", "-1"}},
        {"decimal(18,0)", {"-999999999999999999", "999999999999999999", "-1"}},
        {"decimal(38,0)", {"-" + std::string(38, '9'), std::string(38, '9'), "-1"}}};
    std::vector<Field> fields;
    std::vector<ColumnBatchBuilder::ColumnSpec> specs;
    for (std::uint32_t i = 0; i < columns.size(); ++i) {
        fields.push_back({FieldId{i + 1}, "c", type_of(columns[i].first)});
        specs.push_back({FieldId{i + 1}, fields.back().type});
    }
    Rows written(3);
    for (const auto& [type, values] : columns)
        for (std::size_t row = 0; row < 3; ++row)
            written[row].push_back(values[row]);
    write_batch(path_, fields, text_batch(specs, written), 3);
    EXPECT_EQ(rows(*session_, "SELECT *" + from(path_)), written);
    for (std::uint32_t i = 0; i < columns.size(); ++i)
        for (const auto& value : columns[i].second)
            EXPECT_EQ(
                rows(*session_, "SELECT count(*)" + from(path_) + " WHERE f" + std::to_string(i + 1) +
                                    " = CAST('" + value + "' AS " + duck_type_name(fields[i].type) + ")"),
                (Rows{{"1"}}))
                << columns[i].first << " " << value;
}

TEST_F(ParquetWriterTest, TextsOfAllLengthsAndBytes) {
    const std::vector<Field> fields{{FieldId{1}, "s", type_of("string")},
                                    {FieldId{2}, "b", type_of("binary")}};
    ColumnBatchBuilder builder({{FieldId{1}, type_of("string")}, {FieldId{2}, type_of("binary")}});
    std::vector<std::string> texts{"",
                                   "a",
                                   std::string("a\0b", 3),
                                   "\u7537",
                                   std::string(255, 'x'),
                                   std::string(256, 'x'),
                                   std::string(257, 'x'),
                                   std::string(1 << 20, 'y')};
    for (const auto& text : texts) {
        builder.append_bytes(0, text);
        builder.append_bytes(1, text + "\xff");
        builder.finish_row(false);
    }
    const auto batch = batch_of(builder);
    for (const std::uint32_t group : {1u, 4u, 100u}) {
        const auto path = folder_.path("texts" + std::to_string(group));
        write_batch(path, fields, batch, group);
        EXPECT_EQ(rows(*session_, "SELECT *" + from(path)), rows_of(batch));
        for (const auto& text : texts)
            EXPECT_EQ(rows(
                          *session_, "SELECT count(*)" + from(path) + " WHERE encode(f1) = from_hex('" +
                                         [&] {
                                             std::string hex;
                                             for (const char c : text.substr(0, 300)) {
                                                 constexpr char kDigits[] = "0123456789abcdef";
                                                 hex += kDigits[static_cast<unsigned char>(c) >> 4];
                                                 hex += kDigits[c & 15];
                                             }
                                             return hex;
                                         }() +
                                         "')"),
                      (Rows{{text.size() > 300 ? "0" : "1"}}));
    }
}

// More different values than a dictionary takes: before and behind the trial, with NULLs between.
TEST_F(ParquetWriterTest, DictionariesAreGivenUpAnywhere) {
    const std::vector<Field> fields{{FieldId{1}, "k", type_of("long")}, {FieldId{2}, "s", type_of("string")}};
    for (const std::uint32_t different : {1u, 2u, 3u, 256u, 257u, 511u, 513u, 3275u, 3276u, 3277u, 9000u}) {
        ColumnBatchBuilder builder({{FieldId{1}, type_of("long")}, {FieldId{2}, type_of("string")}});
        for (std::uint32_t row = 0; row < 12'000; ++row) {
            // Few different ones first, so that the trial goes well.
            const auto value = row < 2000 ? row % std::min(different, 400u) : row % different;
            builder.append_fixed<std::int64_t>(0, value);
            if (row % 10 == 3)
                builder.append_null(1);
            else
                builder.append_bytes(1, "value " + std::to_string(value));
            builder.finish_row(false);
        }
        const auto batch = batch_of(builder);
        const auto path = folder_.path("d" + std::to_string(different));
        write_batch(path, fields, batch, 12'000);
        EXPECT_EQ(rows(*session_, "SELECT *" + from(path)), rows_of(batch)) << different;
        const auto encodings = rows(*session_, "SELECT encodings FROM parquet_metadata(" + sql_literal(path) +
                                                   ") WHERE path_in_schema = 'f1'");
        // Not when less than half of them repeat.
        EXPECT_EQ(encodings[0][0].find("DICTIONARY") != std::string::npos, different <= 6000) << different;
    }
}

TEST_F(ParquetWriterTest, RowGroupsThatCannotHoldARowAreNotRead) {
    const std::vector<Field> fields{{FieldId{1}, "k", type_of("long")}};
    ColumnBatchBuilder builder({{FieldId{1}, type_of("long")}});
    for (std::int64_t row = 0; row < 100'000; ++row) {
        builder.append_fixed<std::int64_t>(0, row);
        builder.finish_row(false);
    }
    write_batch(path_, fields, batch_of(builder), 10'000);
    EXPECT_EQ(rows(*session_,
                   "SELECT count(*), min(stats_min_value::BIGINT), max(stats_max_value::BIGINT) FROM "
                   "parquet_metadata(" +
                       sql_literal(path_) +
                       ") WHERE 54321 BETWEEN stats_min_value::BIGINT AND stats_max_value::BIGINT"),
              (Rows{{"1", "50000", "59999"}}));
    EXPECT_EQ(rows(*session_, "SELECT f1" + from(path_) + " WHERE f1 = 54321"), (Rows{{"54321"}}));
}

TEST_F(ParquetWriterTest, AscendingNumbersTakeLittle) {
    std::mt19937_64 random(9);
    std::vector<std::vector<std::int64_t>> histories(4);
    for (std::int64_t i = 0; i < 20'000; ++i)
        histories[0].push_back(1'000'000'007 + i);
    for (std::int64_t i = 0, at = -5; i < 5001; ++i, at += static_cast<std::int64_t>(random() % 1000))
        histories[1].push_back(at);
    for (int i = 0; i < 1000; ++i)  // any number at all
        histories[2].push_back(static_cast<std::int64_t>(random()));
    histories[3] = {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
    for (const auto& numbers : histories) {
        const auto path = folder_.path("a" + std::to_string(numbers.size()));
        auto writer = ParquetWriter::create(posix_file_system(), path, {{"n", type_of("long"), false, true}});
        ASSERT_TRUE(writer);
        ColumnView view;
        view.data = reinterpret_cast<const char*>(numbers.data());
        const auto half = static_cast<std::uint32_t>(numbers.size() / 2);
        (*writer)->column(0).append(view, 0, half);
        ASSERT_TRUE((*writer)->end_row_group());
        (*writer)->column(0).append(view, half, static_cast<std::uint32_t>(numbers.size()) - half);
        ASSERT_TRUE((*writer)->finish());
        Rows expected;
        for (const auto number : numbers)
            expected.push_back({std::to_string(number)});
        EXPECT_EQ(rows(*session_, "SELECT n" + from(path)), expected);
        EXPECT_EQ(rows(*session_, "SELECT n" + from(path) + " WHERE n = " + expected[half][0] + "::BIGINT"),
                  (Rows{expected[half]}));
    }
    EXPECT_LT(*posix_file_system().file_size(folder_.path("a20000")), 1000u);
}

// Runs and packed groups of every width, as the reader of single rows takes them.
TEST(HybridWriterTest, ReaderGetsWhatWasWritten) {
    std::mt19937 random(7);
    for (unsigned width = 1; width <= 16; ++width) {
        for (int round = 0; round < 50; ++round) {
            std::vector<std::uint16_t> values;
            while (values.size() < static_cast<std::size_t>(round) * 9) {
                const auto value = static_cast<std::uint16_t>(random() & ((1u << width) - 1));
                const std::size_t run = random() % 3 == 0 ? random() % 60 : 1;
                values.insert(values.end(), run, value);
            }
            std::string bytes;
            append_hybrid(bytes, values, width);
            HybridReader reader(bytes, width);
            for (std::size_t i = 0; i < values.size(); ++i) {
                std::uint32_t value = 0;
                ASSERT_TRUE(reader.peek(&value)) << "width " << width << ", value " << i;
                ASSERT_EQ(value, values[i]) << "width " << width << ", value " << i;
                ASSERT_TRUE(reader.skip(1, nullptr));
            }
        }
    }
}

// What comes out of a file may be anything: no reason to die.
TEST_F(ParquetWriterTest, NullsWhereNoneMayBeAreAnError) {
    const auto batch = text_batch({{FieldId{1}, type_of("long")}, {FieldId{2}, type_of("boolean")}},
                                  {{"1", "true"}, {"~", "~"}});
    const std::vector<std::pair<std::size_t, ParquetWriter::Column>> cases{
        {0, {"n", type_of("long"), false, true}},
        {0, {"n", type_of("long"), false}},
        {1, {"n", type_of("boolean"), false}}};
    for (std::size_t i = 0; i < cases.size(); ++i) {
        auto writer = ParquetWriter::create(posix_file_system(), folder_.path("n" + std::to_string(i)),
                                            {cases[i].second});
        ASSERT_TRUE(writer);
        (*writer)->column(0).append(batch.columns()[cases[i].first], 0, 2);
        const auto done = (*writer)->end_row_group();
        ASSERT_TRUE(done.has_error());
        EXPECT_EQ(done.error().code, ErrorCode::corrupt_data);
    }
}

TEST_F(ParquetWriterTest, AFileWithoutRowsCanBeRead) {
    write_batch(path_, fields_of_all_types(), ColumnBatch{}, 100);
    EXPECT_EQ(rows(*session_, "SELECT count(*)" + from(path_)), (Rows{{"0"}}));
}

// docs/formats/snapshot-file.md describes this file byte by byte.
TEST_F(ParquetWriterTest, WritesTheGoldenFile) {
    const std::string golden = std::string(DL_GOLDEN_DIR) + "/snapshot-v3.parquet";
    auto writer = ParquetWriter::create(posix_file_system(), path_,
                                        {{"_offset", type_of("long"), false, true},
                                         {"_delete", type_of("boolean"), false},
                                         {"_time", type_of("timestamp"), false},
                                         {"f1", type_of("long")},
                                         {"f2", type_of("string")}});
    ASSERT_TRUE(writer);
    const auto special = text_batch(
        {{FieldId{1}, type_of("long")}, {FieldId{2}, type_of("boolean")}, {FieldId{3}, type_of("timestamp")}},
        {{"7", "false", "2026-01-02 03:04:05"},
         {"8", "true", "2026-01-02 03:04:05"},
         {"10", "false", "2026-01-02 03:04:06"}});
    const auto fields = text_batch({{FieldId{1}, type_of("long")}, {FieldId{2}, type_of("string")}},
                                   {{"1", "a"}, {"2", "~"}, {"3", "a"}});
    for (std::size_t i = 0; i < 5; ++i) {
        const auto& column = i < 3 ? special.columns()[i] : fields.columns()[i - 3];
        (*writer)->column(i).append(column, 0, 3);
    }
    ASSERT_TRUE((*writer)->finish());
    EXPECT_EQ(*posix_file_system().read_all(path_), *posix_file_system().read_all(golden));
    EXPECT_EQ(rows(*session_, "SELECT *" + from(golden)),
              (Rows{{"7", "false", "2026-01-02 03:04:05", "1", "a"},
                    {"8", "true", "2026-01-02 03:04:05", "2", "~"},
                    {"10", "false", "2026-01-02 03:04:06", "3", "a"}}));
}

TEST_F(ParquetWriterTest, EarlierVersionsStayReadable) {
    for (const char* name : {"/snapshot-v1.parquet", "/snapshot-v2.parquet"}) {
        const std::string golden = std::string(DL_GOLDEN_DIR) + name;
        EXPECT_TRUE(check_parquet_pages(**posix_file_system().open_read(golden)).has_value());
        const auto reader = ParquetRowReader::open(posix_file_system(), golden);
        ASSERT_TRUE(reader) << reader.error().to_text();
        const std::vector<Field> fields{{FieldId{1}, "k", type_of("long")},
                                        {FieldId{2}, "s", type_of("string")}};
        const std::vector<std::uint32_t> wanted{1, 2};
        const auto read = (*reader)->read(wanted, fields, nullptr);
        ASSERT_TRUE(read) << read.error().to_text();
        EXPECT_EQ(rows_of(*read), (Rows{{"2", "~"}, {"3", "a"}}));
        const auto run = read_parquet_run(**reader, 8, 10, fields);
        ASSERT_TRUE(run) << run.error().to_text();
        EXPECT_EQ(rows_of(run->batch), (Rows{{"2", "~"}, {"3", "a"}}));
        EXPECT_EQ(run->offsets, (std::vector<Offset>{8, 10}));
    }
    // A later version is refused by its name.
    auto bytes = *posix_file_system().read_all(std::string(DL_GOLDEN_DIR) + "/snapshot-v3.parquet");
    bytes[bytes.find("DataLakeDB version 3") + 19] = '4';
    const auto refused = read_parquet_footer(bytes);
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, ErrorCode::not_supported);
    EXPECT_NE(refused.error().message.find("version 4"), std::string::npos) << refused.error().message;
}

// Any flipped bit of the pages is found, by the walk and by who reads the row, and the place is named.
TEST_F(ParquetWriterTest, EveryFlippedBitOfAPageIsFound) {
    std::mt19937 random(21);
    const auto fields = fields_of_all_types();
    write_batch(path_, fields, random_batch(fields, 400, 1, random), 200);
    const auto bytes = *posix_file_system().read_all(path_);
    EXPECT_TRUE(check_parquet_pages(**posix_file_system().open_read(path_)).has_value());
    const auto footer = read_parquet_footer(bytes);
    ASSERT_TRUE(footer);
    const auto damaged = folder_.path("damaged");
    for (std::size_t group = 0; group < 2; ++group) {
        for (std::size_t column = 0; column < footer->columns.size(); ++column) {
            const auto& chunk = footer->chunk(group, column);
            for (int i = 0; i < 12; ++i) {
                // The header is about 30 bytes; the last bytes are content.
                const auto at = chunk.begin + chunk.bytes - 1 - random() % (chunk.bytes / 4 + 1);
                auto flipped = bytes;
                flipped[at] = static_cast<char>(flipped[at] ^ (1 << (random() % 8)));
                std::filesystem::remove(damaged);
                std::ofstream(damaged, std::ios::binary) << flipped;
                const auto found = check_parquet_pages(**posix_file_system().open_read(damaged));
                ASSERT_TRUE(found.has_error()) << "column " << column << " byte " << at;
                EXPECT_EQ(found.error().code, ErrorCode::corrupt_data);
                const auto place = "column " + footer->columns[column].name + " of row group " +
                                   std::to_string(group) + ", the page at byte ";
                EXPECT_TRUE(found.error().message.starts_with(place)) << found.error().message;
            }
        }
    }
}

TEST_F(ParquetWriterTest, ErrorsOfTheDiskAreReported) {
    EXPECT_EQ(ParquetWriter::create(posix_file_system(), folder_.path("no/such/folder"),
                                    columns_of(fields_of_all_types()))
                  .error()
                  .code,
              ErrorCode::not_found);
    write_batch(path_, fields_of_all_types(), ColumnBatch{}, 100);
    EXPECT_TRUE(ParquetWriter::create(posix_file_system(), path_, {}).has_error()) << "exists";

    // Whichever call fails, somebody hears of it.
    std::mt19937 random(3);
    const std::vector<Field> fields{{FieldId{1}, "k", type_of("long")}};
    const auto batch = random_batch(fields, 300, 3, random);
    const auto write = [&](SimFileSystem& files) -> Result<void> {
        DL_TRY_ASSIGN(const auto writer, ParquetWriter::create(files, "f", columns_of(fields)));
        for (std::uint32_t row = 0; row < batch.rows(); row += 100) {
            writer->column(0).append(batch.columns()[0], row, 100);
            DL_TRY(writer->end_row_group());
        }
        return writer->finish();
    };
    SimFileSystem good;
    ASSERT_TRUE(write(good));
    for (std::uint64_t call = 1; call <= good.changes(); ++call) {
        SimFileSystem files;
        files.fail(SimCall::any_change, call, SimFault::disk_full);
        EXPECT_TRUE(write(files).has_error()) << "call " << call << " of " << good.changes();
    }
}

}  // namespace
}  // namespace dl::slave::test
