#include <algorithm>
#include <numeric>
#include <thread>

#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::test {
namespace {

std::string scan(std::uint64_t handle) {
    return "dl_scan(" + std::to_string(handle) + ")";
}

struct TypeCase {
    std::string type;
    std::vector<std::string> values;
};

const std::vector<TypeCase> kTypes = {
    {"int", {"-2147483648", "~", "0", "2147483647"}},
    {"long", {"-9223372036854775808", "~", "0", "9223372036854775807"}},
    {"float", {"-1.5", "~", "nan", "inf", "3.25"}},
    {"double", {"-1e+300", "~", "nan", "-inf", "0.1"}},
    {"boolean", {"true", "~", "false", "true"}},
    {"string",
     {"", "~", "short", "twelve bytes", "thirteen byte", "a long string of some forty-four bytes here",
      "Grüße 世界"}},
    {"timestamp", {"1969-12-31 23:59:59.999999", "~", "2024-02-29 12:00:00", "0001-01-01 00:00:00"}},
    {"date", {"1969-12-31", "~", "2024-02-29", "9999-12-31"}},
    {"decimal(4,2)", {"-99.99", "~", "0.00", "12.34"}},
    {"decimal(9,0)", {"-999999999", "~", "0", "123456789"}},
    {"decimal(18,6)", {"-999999999999.999999", "~", "0.000000", "1.000001"}},
    {"decimal(38,10)", {"-9999999999999999999999999999.9999999999", "~", "0.0000000000", "1.0000000001"}},
    {"binary", {"", "~", "AAECAw==", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}},
};

TEST(DlScan, EveryTypeComesBackAsItWentIn) {
    auto database = open_database();
    for (const auto& type : kTypes) {
        auto session = open_session(*database);
        Rows expected;
        for (const auto& value : type.values)
            expected.push_back({value});
        const auto batch = text_batch({{FieldId{7}, type_of(type.type)}}, expected);
        const auto handle = session->add_scan(std::make_shared<MemorySource>(
            std::vector{field_column("v", 7, type.type)}, std::vector<ScanUnit>{{batch}}));
        auto result = session->query("SELECT v FROM " + scan(handle));
        ASSERT_TRUE(result) << type.type << ": " << result.error().to_text();
        ASSERT_EQ((*result)->columns().size(), 1u);
        EXPECT_EQ((*result)->columns()[0].name, "v");
        EXPECT_EQ((*result)->columns()[0].type, type_of(type.type)) << type.type;
        EXPECT_EQ(*drain(**result), expected) << type.type;
    }
}

TEST(DlScan, ChosenRowsOnly) {
    auto database = open_database();
    for (const auto& type : kTypes) {
        auto session = open_session(*database);
        Rows all;
        for (const auto& value : type.values)
            all.push_back({value});
        const auto batch = text_batch({{FieldId{7}, type_of(type.type)}}, all);
        std::vector<ScanUnit> units{
            {batch, 0, 0, false, {1, 3}}, {batch, 0, 0, false, {}}, {batch, 0, 0, false, {0}}};
        const auto handle = session->add_scan(
            std::make_shared<MemorySource>(std::vector{field_column("v", 7, type.type)}, units));
        EXPECT_EQ(rows(*session, "SELECT v FROM " + scan(handle)), (Rows{all[1], all[3], all[0]}))
            << type.type;
    }
}

// Several units share one vector: NULLs and values of one must not run into the next.
TEST(DlScan, ManySmallUnitsKeepTheirNulls) {
    auto database = open_database();
    auto session = open_session(*database);
    std::vector<ScanUnit> units;
    std::int64_t sum = 0;
    std::size_t nulls = 0;
    for (std::uint32_t u = 0; u < 1500; ++u) {
        ColumnBatchBuilder builder({{FieldId{1}, type_of("long")}, {FieldId{2}, type_of("string")}});
        for (std::uint32_t r = 0; r < u % 13; ++r) {
            if ((u + r) % 5 == 0) {
                builder.append_null(0);
                builder.append_null(1);
                ++nulls;
            } else {
                builder.append_fixed<std::int64_t>(0, u * 100 + r);
                builder.append_bytes(1, std::to_string(u * 100 + r));
                sum += u * 100 + r;
            }
            builder.finish_row(false);
        }
        units.push_back({batch_of(builder)});
    }
    const auto handle = session->add_scan(std::make_shared<MemorySource>(
        std::vector{field_column("a", 1, "long"), field_column("b", 2, "string")}, units));
    EXPECT_EQ(rows(*session,
                   "SELECT sum(a), count(*) - count(a), sum(b::BIGINT), count(*) - count(b), "
                   "count(*) FILTER (a::VARCHAR IS DISTINCT FROM b) FROM " +
                       scan(handle)),
              (Rows{{std::to_string(sum), std::to_string(nulls), std::to_string(sum), std::to_string(nulls),
                     "0"}}));
}

// Short texts lie in the engine's vector itself, where what is behind them has to be zeros: who compares or
// groups reads it. The last ones have nothing behind them in the batch.
TEST(DlScan, TextsOfEveryLengthAreEqualToThemselves) {
    auto database = open_database();
    auto session = open_session(*database);
    const std::string letters = "abcdefghijklmnopqrstuvwxyz";
    Rows rows_in, expected;
    for (int times = 0; times < 2; ++times)
        for (std::size_t size = 20; size-- > 0;)
            rows_in.push_back({letters.substr(0, size)});
    for (std::size_t size = 0; size < 20; ++size)
        expected.push_back({letters.substr(0, size), "2", std::to_string(size)});
    const auto batch = text_batch({{FieldId{1}, type_of("string")}}, rows_in);
    const auto handle = session->add_scan(std::make_shared<MemorySource>(
        std::vector{field_column("a", 1, "string")}, std::vector<ScanUnit>{{batch}}));
    EXPECT_EQ(rows(*session,
                   "SELECT a, count(*), length(a) FROM " + scan(handle) + " GROUP BY a ORDER BY length(a)"),
              expected);
    for (std::size_t size = 0; size < 20; ++size)
        EXPECT_EQ(rows(*session, "SELECT count(*) FROM " + scan(handle) + " WHERE a = '" +
                                     letters.substr(0, size) + "'"),
                  (Rows{{"2"}}))
            << size;
}

TEST(DlScan, ReadsOnlyTheColumnsAsked) {
    auto database = open_database();
    auto session = open_session(*database);
    const auto batch =
        text_batch({{FieldId{1}, type_of("int")}, {FieldId{2}, type_of("int")}, {FieldId{3}, type_of("int")}},
                   {{"1", "2", "3"}, {"4", "5", "6"}});
    auto source = std::make_shared<MemorySource>(
        std::vector{field_column("a", 1, "int"), field_column("b", 2, "int"), field_column("c", 3, "int")},
        std::vector<ScanUnit>{{batch}});
    const auto handle = session->add_scan(source);
    EXPECT_EQ(rows(*session, "SELECT c FROM " + scan(handle) + " WHERE a = 4"), (Rows{{"6"}}));
    EXPECT_EQ(rows(*session, "SELECT count(*) FROM " + scan(handle)), (Rows{{"2"}}));
    EXPECT_EQ(rows(*session, "SELECT c, a FROM " + scan(handle)), (Rows{{"3", "1"}, {"6", "4"}}));
    ASSERT_EQ(source->shared_->projections.size(), 3u);
    const auto& first = source->shared_->projections[0];
    EXPECT_EQ(std::set<std::size_t>(first.begin(), first.end()), (std::set<std::size_t>{0, 2}));
    EXPECT_LE(source->shared_->projections[1].size(), 1u);
}

TEST(DlScan, OffsetOperationTimeAndMissingColumns) {
    auto database = open_database();
    auto session = open_session(*database);
    const auto batch = text_batch({{FieldId{1}, type_of("string")}}, {{"x"}, {"y", "!"}, {"z"}});
    std::vector<ScanColumn> columns{
        {"_offset", ScanColumn::Source::offset, {}, {}, {}},
        {"_delete", ScanColumn::Source::operation, {}, {}, {}},
        {"_time", ScanColumn::Source::time, {}, {}, {}},
        field_column("a", 1, "string"),
        field_column("gone", 9, "int"),
    };
    columns.push_back(field_column("word", 10, "string"));
    columns.back().default_text = "a default of more than twelve bytes";
    columns.push_back(field_column("price", 11, "decimal(4,2)"));
    columns.back().default_text = "1.50";
    columns.push_back(field_column("yes", 12, "boolean"));
    columns.back().default_text = "true";
    columns.push_back(field_column("day", 13, "date"));
    columns.back().default_text = "2024-01-31";
    const auto handle = session->add_scan(
        std::make_shared<MemorySource>(columns, std::vector<ScanUnit>{{batch, 41, 1000000, false, {1, 2}}}));
    EXPECT_EQ(rows(*session, "SELECT * FROM " + scan(handle)),
              (Rows{{"42", "true", "1970-01-01 00:00:01", "y", "~", "a default of more than twelve bytes",
                     "1.50", "true", "2024-01-31"},
                    {"43", "false", "1970-01-01 00:00:01", "z", "~", "a default of more than twelve bytes",
                     "1.50", "true", "2024-01-31"}}));
}

TEST(DlScan, SelfJoinAndSeveralScansInOneQuery) {
    auto database = open_database();
    auto session = open_session(*database);
    const auto a = text_batch({{FieldId{1}, type_of("int")}}, {{"1"}, {"2"}, {"3"}});
    const auto b = text_batch({{FieldId{1}, type_of("int")}}, {{"2"}, {"3"}, {"4"}});
    const auto ha = session->add_scan(
        std::make_shared<MemorySource>(std::vector{field_column("v", 1, "int")}, std::vector<ScanUnit>{{a}}));
    const auto hb = session->add_scan(
        std::make_shared<MemorySource>(std::vector{field_column("v", 1, "int")}, std::vector<ScanUnit>{{b}}));
    ASSERT_TRUE(session->create_view("ta", "SELECT * FROM " + scan(ha)));
    ASSERT_TRUE(session->create_view("t\"b", "SELECT * FROM " + scan(hb)));
    EXPECT_EQ(rows(*session,
                   "SELECT x.v, y.v, z.v FROM ta x JOIN ta y ON x.v = y.v JOIN \"t\"\"b\" z ON z.v = x.v "
                   "ORDER BY 1"),
              (Rows{{"2", "2", "2"}, {"3", "3", "3"}}));
    EXPECT_EQ(rows(*session, "SELECT sum(v) FROM (SELECT v FROM ta UNION ALL SELECT v FROM \"t\"\"b\")"),
              (Rows{{"15"}}));
}

TEST(DlScan, HandlesBelongToTheirSession) {
    auto database = open_database();
    auto session = open_session(*database);
    auto other = open_session(*database);
    const auto a = text_batch({{FieldId{1}, type_of("int")}}, {{"1"}});
    const auto handle = session->add_scan(
        std::make_shared<MemorySource>(std::vector{field_column("v", 1, "int")}, std::vector<ScanUnit>{{a}}));
    EXPECT_EQ(rows(*session, "SELECT v FROM " + scan(handle)).size(), 1u);
    EXPECT_FALSE(run(*other, "SELECT v FROM " + scan(handle)));
    EXPECT_FALSE(run(*session, "SELECT v FROM " + scan(handle + 1)));
    session.reset();
    EXPECT_FALSE(run(*other, "SELECT v FROM " + scan(handle)));
}

class FailingSource : public MemorySource {
  public:
    using MemorySource::MemorySource;
    Result<std::optional<ScanUnit>> next() override {
        return make_error(ErrorCode::unavailable, "slave 127.0.0.1:9 does not answer");
    }
    std::shared_ptr<ScanSource> rewound() const override { return std::make_shared<FailingSource>(shared_); }
};

TEST(DlScan, ErrorOfTheSourceComesOutWithItsCode) {
    auto database = open_database();
    auto session = open_session(*database);
    const auto handle = session->add_scan(
        std::make_shared<FailingSource>(std::vector{field_column("v", 1, "int")}, std::vector<ScanUnit>{}));
    const auto result = run(*session, "SELECT v FROM " + scan(handle));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().to_text(), "UNAVAILABLE: slave 127.0.0.1:9 does not answer");
}

TEST(DlScan, WrongTypeInABatchIsAnErrorNotAMisreading) {
    auto database = open_database();
    auto session = open_session(*database);
    const auto scanned = [&](const char* stored, const char* wanted) {
        const auto batch = text_batch({{FieldId{1}, type_of(stored)}}, {{"1"}});
        return session->add_scan(std::make_shared<MemorySource>(std::vector{field_column("v", 1, wanted)},
                                                                std::vector<ScanUnit>{{batch}}));
    };
    EXPECT_FALSE(run(*session, "SELECT v FROM " + scan(scanned("long", "int"))));
    EXPECT_FALSE(run(*session, "SELECT v FROM " + scan(scanned("int", "float"))));
    EXPECT_FALSE(run(*session, "SELECT v FROM " + scan(scanned("string", "long"))));
    // From before the column got a wider type.
    EXPECT_EQ(rows(*session, "SELECT v + 3000000000 FROM " + scan(scanned("int", "long"))),
              (Rows{{"3000000001"}}));
}

class OddRows : public RowFilter {
  public:
    void filter(const std::int64_t* row_numbers, std::size_t count, bool* keep) const override {
        for (std::size_t i = 0; i < count; ++i)
            keep[i] = row_numbers[i] % 2 == 1;
    }
};

TEST(DlAlive, FiltersByRowNumber) {
    auto database = open_database();
    auto session = open_session(*database);
    const auto handle = std::to_string(session->add_row_filter(std::make_shared<OddRows>()));
    EXPECT_EQ(rows(*session,
                   "SELECT count(*), sum(r) FROM range(10000) t(r) WHERE dl_alive(" + handle + ", r) = 1"),
              (Rows{{"5000", "25000000"}}));
    auto other = open_session(*database);
    EXPECT_FALSE(run(*other, "SELECT count(*) FROM range(10) t(r) WHERE dl_alive(" + handle + ", r)"));
    EXPECT_FALSE(run(*session, "SELECT count(*) FROM range(10) t(r) WHERE dl_alive(r, r)"));
}

// Notes how many rows DuckDB asks about at a time, which is a chunk of the scan.
class ChunkSizes : public RowFilter {
  public:
    void filter(const std::int64_t*, std::size_t count, bool* keep) const override {
        std::fill_n(keep, count, true);
        const std::lock_guard lock(mutex);
        sizes.push_back(count);
    }
    mutable std::mutex mutex;
    mutable std::vector<std::size_t> sizes;
};

// Chunks are small where rows are long, by the columns that are read only.
TEST(DlScan, ChunksAreCutByTheTextsThatAreRead) {
    auto database = open_database();
    auto session = open_session(*database);
    ColumnBatchBuilder builder({{FieldId{1}, type_of("long")}, {FieldId{2}, type_of("string")}});
    for (std::int64_t i = 0; i < 2000; ++i) {
        builder.append_fixed(0, i);
        builder.append_bytes(1, std::string(10'000, 'x'));
        builder.finish_row(false);
    }
    auto defaulted = field_column("later", 3, "string");
    defaulted.default_text = std::string(10'000, 'y');
    const auto handle = session->add_scan(std::make_shared<MemorySource>(
        std::vector{field_column("n", 1, "long"), field_column("long_text", 2, "string"), defaulted},
        std::vector<ScanUnit>{{batch_of(builder)}}));
    const auto chunks = [&](const std::string& columns) {
        const auto filter = std::make_shared<ChunkSizes>();
        const auto found = run(*session, "SELECT " + columns + " FROM " + scan(handle) + " WHERE " +
                                             sql_alive(session->add_row_filter(filter), "n"));
        EXPECT_TRUE(found) << found.error().to_text();
        EXPECT_EQ(std::accumulate(filter->sizes.begin(), filter->sizes.end(), std::size_t{0}), 2000u);
        return filter->sizes.size();
    };
    EXPECT_EQ(chunks("sum(n)"), 1u);
    EXPECT_GE(chunks("sum(n), max(long_text)"), 5u);
    EXPECT_GE(chunks("sum(n), max(later)"), 5u);
}

}  // namespace
}  // namespace dl::test
