#include <atomic>
#include <fstream>
#include <random>

#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::test {
namespace {

std::vector<ScanColumn> file_columns(const std::vector<Field>& fields) {
    std::vector<ScanColumn> columns{{"_offset", ScanColumn::Source::offset, {}, {}, {}},
                                    {"_delete", ScanColumn::Source::operation, {}, {}, {}},
                                    {"_time", ScanColumn::Source::time, {}, {}, {}}};
    for (const auto& field : fields) {
        columns.push_back(
            {parquet_field_name(field.id), ScanColumn::Source::field, field.id, field.type, std::nullopt});
    }
    return columns;
}

const std::vector<std::string> kTypeNames = {
    "int",  "long",         "float",        "double",        "boolean",       "string", "timestamp",
    "date", "decimal(4,2)", "decimal(9,1)", "decimal(18,3)", "decimal(38,4)", "binary"};

std::vector<Field> all_fields() {
    std::vector<Field> fields;
    std::uint32_t id = 3;
    for (const auto& name : kTypeNames)
        fields.push_back({FieldId{id++}, "c" + std::to_string(id), type_of(name)});
    return fields;
}

Rows sample_rows() {
    return {{"1", "2", "1.5", "-2.5", "true", "text", "2024-01-31 12:00:00.123456", "2024-01-31", "12.34",
             "-5.5", "1.001", "-7.0001", "AAEC"},
            {"~", "~", "~", "~", "~", "~", "~", "~", "~", "~", "~", "~", "~"},
            {"-1", "-2", "nan", "inf", "false", "", "1969-12-31 23:59:59.999999", "1900-01-01", "-99.99",
             "99999999.9", "-123456789012345.678", "9999999999999999999999999999999999.9999", ""}};
}

TEST(ParquetFile, EveryTypeComesBack) {
    TempFolder folder;
    auto database = *file_duck_database(256u << 20);
    const auto fields = all_fields();
    std::vector<ColumnBatchBuilder::ColumnSpec> specs;
    for (const auto& field : fields)
        specs.push_back({field.id, field.type});
    auto texts = sample_rows();
    texts[1].push_back("!");
    const auto batch = text_batch(specs, texts);
    const auto path = folder.path("it's a \"file\".parquet");
    ASSERT_TRUE(write_parquet(*database,
                              std::make_shared<MemorySource>(
                                  file_columns(fields), std::vector<ScanUnit>{{batch, 100, 5, true, {}}}),
                              path));
    const auto read = read_parquet_rows(*database, path, 0, 100, fields);
    ASSERT_TRUE(read) << read.error().to_text();
    EXPECT_EQ(rows_of(read->batch), sample_rows());
    EXPECT_EQ(read->offsets, (std::vector<Offset>{100, 101, 102}));
    EXPECT_EQ(read->append_times_us, (std::vector<std::int64_t>{5, 5, 5}));
    EXPECT_FALSE(read->batch.is_delete(0));
    EXPECT_TRUE(read->batch.is_delete(1));
    for (const auto& field : fields) {
        ASSERT_NE(read->batch.find(field.id), nullptr);
        EXPECT_EQ(read->batch.find(field.id)->type, field.type);
    }
    // Only some fields.
    const auto some = read_parquet_rows(*database, path, 102, 100, {fields[5]});
    ASSERT_TRUE(some);
    EXPECT_EQ(rows_of(some->batch), (Rows{{""}}));
    EXPECT_FALSE(some->batch.has_deletes());
}

TEST(ParquetFile, RowsFromAnOffsetInOrderAcrossRowGroups) {
    TempFolder folder;
    auto database = *file_duck_database(256u << 20);
    const std::vector<Field> fields{{FieldId{1}, "k", type_of("long")}, {FieldId{2}, "s", type_of("string")}};
    std::vector<ScanUnit> units;
    constexpr std::uint32_t kUnitRows = 10'000;
    constexpr std::uint32_t kUnits = 40;
    for (std::uint32_t u = 0; u < kUnits; ++u) {
        ColumnBatchBuilder builder({{FieldId{1}, type_of("long")}, {FieldId{2}, type_of("string")}});
        for (std::uint32_t r = 0; r < kUnitRows; ++r) {
            builder.append_fixed<std::int64_t>(0, u * kUnitRows + r);
            builder.append_bytes(1, "value number " + std::to_string(u * kUnitRows + r));
            builder.finish_row(false);
        }
        // A hole of one unit's length behind every unit.
        units.push_back(
            {batch_of(builder), static_cast<Offset>(2 * u * kUnitRows), static_cast<std::int64_t>(u)});
    }
    const auto path = folder.path("f.parquet");
    ASSERT_TRUE(write_parquet(*database, std::make_shared<MemorySource>(file_columns(fields), units), path));
    for (const Offset from :
         {Offset{0}, Offset{1}, Offset{15'000}, Offset{245'759}, Offset{400'007}, Offset{789'999}}) {
        const auto read = read_parquet_rows(*database, path, from, 25'000, fields);
        ASSERT_TRUE(read) << read.error().to_text();
        ASSERT_EQ(read->offsets.size(), read->batch.rows());
        Offset expected = from;
        for (std::uint32_t i = 0; i < read->batch.rows(); ++i, ++expected) {
            if (expected / kUnitRows % 2 == 1) expected = (expected / kUnitRows + 1) * kUnitRows;
            ASSERT_EQ(read->offsets[i], expected) << "from " << from;
            const auto key = expected / (2 * kUnitRows) * kUnitRows + expected % kUnitRows;
            ASSERT_EQ(read->batch.find(FieldId{1})->fixed<std::int64_t>(i), key);
            ASSERT_EQ(read->batch.find(FieldId{2})->bytes(i), "value number " + std::to_string(key));
        }
        const bool near_end = from > 700'000;
        EXPECT_EQ(read->batch.rows(), near_end ? 1u : 25'000u);
    }
    const auto behind = read_parquet_rows(*database, path, 10'000'000, 10, fields);
    ASSERT_TRUE(behind);
    EXPECT_EQ(behind->batch.rows(), 0u);
}

// A data directory has the name its owner gave it.
TEST(ParquetFile, APathIsNeitherAPatternNorAColumn) {
    TempFolder folder;
    auto database = *file_duck_database(256u << 20);
    const std::vector<Field> fields{{FieldId{2}, "v", type_of("string")}};
    const auto write = [&](const std::string& directory, const std::string& value) {
        std::filesystem::create_directories(folder.path(directory));
        auto path = folder.path(directory + "/a.parquet");
        const auto batch = text_batch({{FieldId{2}, type_of("string")}}, {{value}});
        EXPECT_TRUE(write_parquet(*database,
                                  std::make_shared<MemorySource>(
                                      file_columns(fields), std::vector<ScanUnit>{{batch, 100, 5, true, {}}}),
                                  path))
            << directory;
        return path;
    };
    for (const auto& [name, decoy] :
         std::vector<std::pair<std::string, std::string>>{{"s[1]", "s1"},
                                                          {"d*", "dX"},
                                                          {"q?", "q1"},
                                                          {"**", "x"},
                                                          {"[a-c]", "b"},
                                                          {"[!x]", "y"},
                                                          {"back\\slash", "backslash"},

                                                          {"{m,n}", "m"},
                                                          {"f2=prod", "f2"},
                                                          {"_offset=7", "o"},
                                                          {"_time=2020-01-01", "t"},
                                                          {"%20", " "}}) {
        const auto path = write(name, "right");
        write(decoy, "wrong");
        const auto read = read_parquet_rows(*database, path, 0, 100, fields);
        ASSERT_TRUE(read) << name << ": " << read.error().to_text();
        EXPECT_EQ(rows_of(read->batch), (Rows{{"right"}})) << name;
        EXPECT_EQ(read->offsets, (std::vector<Offset>{100})) << name;
        EXPECT_EQ(read->append_times_us, (std::vector<std::int64_t>{5})) << name;
    }
}

TEST(ParquetFile, FailuresNameTheFile) {
    TempFolder folder;
    auto database = *file_duck_database(256u << 20);
    const std::vector<Field> fields{{FieldId{1}, "k", type_of("long")}};
    const auto source = std::make_shared<MemorySource>(file_columns(fields), std::vector<ScanUnit>{});
    const auto missing = read_parquet_rows(*database, folder.path("none.parquet"), 0, 1, fields);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ErrorCode::io_error);
    EXPECT_NE(missing.error().message.find("none.parquet"), std::string::npos);

    std::ofstream(folder.path("bad.parquet")) << "PAR1 this is not a parquet file PAR1";
    EXPECT_FALSE(read_parquet_rows(*database, folder.path("bad.parquet"), 0, 1, fields));

    ASSERT_TRUE(write_parquet(*database, source, folder.path("empty.parquet")));
    const auto empty = read_parquet_rows(*database, folder.path("empty.parquet"), 0, 1, fields);
    ASSERT_TRUE(empty);
    EXPECT_EQ(empty->batch.rows(), 0u);
    const auto wrong =
        read_parquet_rows(*database, folder.path("empty.parquet"), 0, 1, {{FieldId{1}, "k", type_of("int")}});
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, ErrorCode::corrupt_data);
}

class CountsRows : public RowFilter {
  public:
    void filter(const std::int64_t*, std::size_t count, bool* keep) const override {
        std::fill_n(keep, count, true);
        asked += count;
    }
    mutable std::atomic<std::uint64_t> asked{0};
};

// A file whose statistics tell the only value is where DuckDB would ask about that as well.
TEST(ParquetFile, AKeptFilterIsAskedOnceForEachRow) {
    TempFolder folder;
    const auto database = writable_duck_database(64u << 20, 1);
    ASSERT_TRUE(database);
    const auto session = open_session(**database);
    for (const int count : {1, 2, 5000}) {
        const auto path = sql_literal(folder.path("rows.parquet"));
        ASSERT_TRUE(session->execute("COPY (SELECT r AS _offset FROM range(" + std::to_string(count) +
                                     ") t(r)) TO " + path + " (FORMAT parquet)"));
        const auto filter = std::make_shared<CountsRows>();
        EXPECT_EQ(
            rows(*session, "SELECT count(*) FROM read_parquet([" + path + "], union_by_name = true) WHERE " +
                               sql_kept(session->add_row_filter(filter), "_offset")),
            (Rows{{std::to_string(count)}}));
        EXPECT_EQ(filter->asked, static_cast<std::uint64_t>(count));
    }
}

TEST(SqlText, QuotesWhateverIsInside) {
    auto database = open_database();
    auto session = open_session(*database);
    for (const std::string& text : {std::string("it's"), std::string("a\0b", 3), std::string("\\'; DROP"),
                                    std::string("$$"), std::string()}) {
        EXPECT_EQ(rows(*session, "SELECT " + sql_literal(text)), (Rows{{text}}));
    }
    {
        auto result = session->query("SELECT 1 AS " + sql_identifier("we\"ird; --"));
        ASSERT_TRUE(result);
        EXPECT_EQ((*result)->columns()[0].name, "we\"ird; --");
    }
    Field field{FieldId{1}, "x", type_of("binary")};
    EXPECT_EQ(rows(*session, "SELECT " + sql_default(field)), (Rows{{"~"}}));
    field.default_text = "AAEC";
    EXPECT_EQ(rows(*session, "SELECT " + sql_default(field)), (Rows{{"AAEC"}}));
    field.type = type_of("decimal(4,2)");
    field.default_text = "1.50";
    EXPECT_EQ(rows(*session, "SELECT " + sql_default(field)), (Rows{{"1.50"}}));
}

TEST(WideFiles, AReadWaitsForNoCompactionAndNotForEverForAnotherRead) {
    constexpr std::uint64_t kWide = 64u << 20;
    const auto usual = *file_duck_database(kWide);
    EXPECT_EQ(*file_database_for(usual, 1000, WideFileUse::read), usual);
    const auto compaction = file_database_for(usual, kWide, WideFileUse::compaction);
    const auto check = file_database_for(usual, kWide, WideFileUse::check);
    auto read = file_database_for(usual, kWide, WideFileUse::read, give_up_after({}));
    ASSERT_TRUE(compaction.has_value() && check.has_value() && read.has_value());
    EXPECT_NE(*read, usual);
    const auto refused =
        file_database_for(usual, kWide, WideFileUse::read, give_up_after(std::chrono::milliseconds(60)));
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, ErrorCode::overloaded);
    const auto ended = file_database_for(usual, kWide, WideFileUse::compaction, []() -> Result<void> {
        return make_error(ErrorCode::cancelled, "enough");
    });
    ASSERT_TRUE(ended.has_error());
    EXPECT_EQ(ended.error().code, ErrorCode::cancelled);
    read->reset();
    EXPECT_TRUE(file_database_for(usual, kWide, WideFileUse::read, give_up_after({})).has_value());
}

}  // namespace
}  // namespace dl::test
