// Parquet files as pyarrow writes them: what DuckDB would read as something else is refused by name.
#include "data-lake-client/cli/load/parquet_source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "data-lake-client/cli/load/parquet_nested.h"

namespace datalake::cli {
namespace {

const std::string kFiles = std::string(DL_GOLDEN_DIR) + "/parquet/";

const ParquetColumn& column(const ParquetSource& source, std::size_t at) {
    return source.columns().at(at);
}

TEST(ParquetSource, ATimeInNanosecondsIsRefused) {
    auto source = ParquetSource::open(kFiles + "time-nanoseconds.parquet");
    ASSERT_TRUE(source.ok()) << source.error().to_text();
    EXPECT_EQ(column(**source, 1).type, "");
    EXPECT_EQ(ParquetSource::refusal(column(**source, 1)),
              "column \"tn\" is a time of day in nanoseconds, for which there is no type")
        << "nor a text: DuckDB cuts it to microseconds";
}

TEST(ParquetSource, NamesAreThoseOfTheFile) {
    auto source = ParquetSource::open(kFiles + "names-in-two-cases.parquet");
    ASSERT_TRUE(source.ok()) << source.error().to_text();
    EXPECT_EQ(column(**source, 0).name, "ID");
    EXPECT_EQ(column(**source, 1).name, "id");
    LoadColumns columns(true);
    columns.find("id");
    columns.find("v");
    const auto started = (*source)->start(columns, {*dl::parse_type("long"), *dl::parse_type("long")}, {});
    ASSERT_FALSE(started.ok());
    EXPECT_NE(started.error().message().find("columns \"ID\" and \"id\" of the file would both be column id"),
              std::string::npos)
        << started.error().to_text();
}

TEST(ParquetSource, AStructWithFieldsInTwoCasesIsRefused) {
    auto source = ParquetSource::open(kFiles + "struct-in-two-cases.parquet");
    ASSERT_TRUE(source.ok()) << source.error().to_text();
    EXPECT_EQ(ParquetSource::refusal(column(**source, 1)),
              "column \"sd\" is a struct with two fields that differ in upper and lower case at most, \"A\" "
              "and \"a\", for which there is no type");
}

TEST(ParquetSource, ANestedValueIsJsonOrItsRowIsRefused) {
    auto source = ParquetSource::open(kFiles + "nested-numbers.parquet");
    ASSERT_TRUE(source.ok()) << source.error().to_text();
    LoadColumns columns(true);
    columns.find("id");
    columns.find("l");
    const auto started = (*source)->start(columns, {*dl::parse_type("long"), *dl::parse_type("string")}, {});
    ASSERT_TRUE(started.ok()) << started.error().to_text();
    SourceRow row;
    ASSERT_TRUE(*(*source)->next(row));
    EXPECT_EQ(row.fields[1].text, R"([{"f":1e300,"s":"NaN, \"inf\""},null])");
    EXPECT_EQ(row.problem.reason, "");
    for (const auto* text : {R"([{"f":NaN,"s":"x"}])", R"([{"f":-Infinity,"s":null}])"}) {
        ASSERT_TRUE(*(*source)->next(row));
        EXPECT_EQ(row.problem.value, text);
        EXPECT_EQ(row.problem.column, "l");
        EXPECT_NE(row.problem.reason.find("what JSON cannot write"), std::string::npos);
    }
    ASSERT_TRUE(*(*source)->next(row));
    EXPECT_EQ(row.fields[1].text, "[]");
    EXPECT_EQ(row.problem.reason, "");
}

// The rows of a file as texts, `value | ...`, or `! value: reason`.
std::vector<std::string> rows_of(const std::string& name,
                                 const std::vector<std::pair<std::string, std::string>>& columns,
                                 const LoadOptions& options = {}) {
    std::vector<std::string> out;
    auto source = ParquetSource::open(kFiles + name);
    if (!source.ok()) return {source.error().message()};
    LoadColumns targets(false);
    std::vector<dl::DataType> types;
    for (const auto& [column, type] : columns) {
        targets.add(column);
        types.push_back(*dl::parse_type(type));
    }
    if (auto started = (*source)->start(targets, types, options); !started.ok())
        return {started.error().message()};
    SourceRow row;
    for (auto more = (*source)->next(row); more.ok() && *more; more = (*source)->next(row)) {
        std::string text;
        for (std::size_t i = 1; i < row.fields.size(); ++i)
            text += (i > 1 ? " | " : "") + std::string(row.fields[i].text);
        out.push_back(row.problem.reason.empty()
                          ? text
                          : "! " + row.problem.value.value_or("") + ": " + row.problem.reason);
    }
    return out;
}

TEST(ParquetSource, DecimalsInNestedValuesKeepTheirZeros) {
    EXPECT_EQ(rows_of("nested-decimals.parquet",
                      {{"id", "long"}, {"x", "string"}, {"y", "string"}, {"z", "string"}}),
              (std::vector<std::string>{
                  R"([12345678.1234567891] | {"p":12345678901234567.8} | [1.10])",
                  R"([99999999.9999999999,0.1000000000] | {"p":99999999999999999.9} | [12345.67])",
                  R"([-1.0000000001] |  | [0.00])"}));
    EXPECT_EQ(
        with_wide_decimals("STRUCT(a DECIMAL(5,2), \"DECIMAL(1,0)\"\" x\" MAP(DECIMAL(9,0), VARCHAR)[])[]"),
        "STRUCT(a DECIMAL(38,2), \"DECIMAL(1,0)\"\" x\" MAP(DECIMAL(38,0), VARCHAR)[])[]");
    EXPECT_EQ(with_wide_decimals("STRUCT(\"a DECIMAL(5,2)\" INTEGER)"), std::nullopt);
}

TEST(ParquetSource, AMapWithAKeyTwiceIsRefused) {
    EXPECT_EQ(rows_of("map-key-twice.parquet", {{"id", "long"}, {"x", "string"}}),
              (std::vector<std::string>{
                  R"(! {"a":1,"a":2}: a map in it has the key "a" twice, which JSON cannot tell apart)",
                  R"({"b":3})"}));
    EXPECT_EQ(repeated_json_key(R"([{"a":{"b":1},"b":[{"a":2},{"a":"b"}],"c":"a"},{"a":"\"a\":"}])"),
              std::nullopt);
    EXPECT_EQ(repeated_json_key(R"({"a":[{"x\"":1,"b":{"x\"":3},"x\"":2}]})"), R"("x\"")");
    EXPECT_EQ(repeated_json_key(R"({"a":1,"b":{},"a" :2})"), R"("a")");
}

TEST(ParquetSource, ADurationIsANumberWhereThatIsSaid) {
    const std::string refusal =
        "column \"took\" is a duration, for which there is no type; --create --types "
        "took:long takes its number of microseconds";
    for (const auto* type : {"long", "string", "int"})
        EXPECT_NE(rows_of("duration.parquet", {{"id", "long"}, {"took", type}}).at(0).find(refusal),
                  std::string::npos)
            << rows_of("duration.parquet", {{"id", "long"}, {"took", type}}).at(0);
    LoadOptions options;
    options.types = {{"Took", "bigint"}};
    EXPECT_EQ(rows_of("duration.parquet", {{"id", "long"}, {"took", "long"}}, options),
              (std::vector<std::string>{"5000000", ""}));
}

TEST(ParquetSource, AListOfDurationsNamesTheWay) {
    auto source = ParquetSource::open(kFiles + "list-of-durations.parquet");
    ASSERT_TRUE(source.ok()) << source.error().to_text();
    EXPECT_EQ(
        ParquetSource::refusal(column(**source, 1)),
        "column \"laps\" is a list, map or structure with durations, for which there is no type; convert "
        "its durations to int64 where the file is made (pyarrow, of a list: "
        "table[\"laps\"].cast(pa.list_(pa.int64()))), then a string column takes it as JSON");
    // What the message says to make of it.
    EXPECT_EQ(rows_of("list-of-int64.parquet", {{"id", "long"}, {"laps", "string"}}),
              (std::vector<std::string>{"[5000000,null]", ""}));
}

// A file whose name would be a pattern is the one that is read, not those that the pattern matches.
TEST(ParquetSource, APathIsNoPattern) {
    namespace fs = std::filesystem;
    char made[] = "/tmp/parquet_source_test.XXXXXX";
    const std::string folder = ::mkdtemp(made);
    const auto wanted = ParquetSource::open(kFiles + "nested-numbers.parquet");
    ASSERT_TRUE(wanted.ok()) << wanted.error().to_text();
    for (const auto& [name, decoy] : {std::pair{"s[1].parquet", "s1.parquet"},
                                      {"s?.parquet", "sa.parquet"},
                                      {"*.parquet", "all.parquet"},
                                      {"it's [1]*.parquet", "it's 1x.parquet"},
                                      {"{b,c}.parquet", "b.parquet"}}) {
        fs::copy_file(kFiles + "nested-numbers.parquet", folder + "/" + name);
        fs::copy_file(kFiles + "time-nanoseconds.parquet", folder + "/" + decoy);
        const auto source = ParquetSource::open(folder + "/" + name);
        EXPECT_TRUE(source.ok()) << name << ": " << source.error().to_text();
        if (!source.ok()) continue;
        EXPECT_EQ(column(**source, 1).name, "l") << name;
        EXPECT_EQ((*source)->rows(), (*wanted)->rows()) << name;
        LoadColumns columns(true);
        columns.find("id");
        columns.find("l");
        const auto started =
            (*source)->start(columns, {*dl::parse_type("long"), *dl::parse_type("string")}, {});
        EXPECT_TRUE(started.ok()) << name << ": " << started.error().to_text();
        for (const auto& file : {name, decoy})
            fs::remove(folder + "/" + file);
    }
    fs::remove_all(folder);
}

TEST(ParquetSource, ADamagedFileIsNoMatterOfOurStatement) {
    const auto path = "/tmp/parquet_source_test." + std::to_string(::getpid()) + ".parquet";
    std::ofstream(path) << "PAR1 and nothing that makes sense";
    const auto source = ParquetSource::open(path);
    ::unlink(path.c_str());
    ASSERT_FALSE(source.ok());
    const auto& message = source.error().message();
    EXPECT_EQ(message.find("SELECT"), std::string::npos) << message;
    EXPECT_EQ(message.find("LINE"), std::string::npos) << message;
    EXPECT_TRUE(message.starts_with(path + ": ")) << message;
}

}  // namespace
}  // namespace datalake::cli
