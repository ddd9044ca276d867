#include <fstream>
#include <thread>

#include "common/async/query_cancel.h"
#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::test {
namespace {

TEST(DuckResult, ForeignTypesBecomeOurs) {
    auto database = open_database();
    auto session = open_session(*database);
    auto result = session->query(
        "SELECT 1::TINYINT a, 2::SMALLINT b, 3::UTINYINT c, 4::USMALLINT d, 4294967295::UINTEGER e, "
        "18446744073709551615::UBIGINT f, (170141183460469231731687303715884105727 / 10::HUGEINT)::HUGEINT "
        "// 1 g, "
        "[1, NULL, 3] h, {'x': 1, 'y': 'z'} i, MAP {'k': 2} j, TIME '12:34:56' k, INTERVAL 3 DAY l, "
        "'1b4e28ba-2fa1-11d2-883f-b9a761bde3fb'::UUID m, 'b'::ENUM('a', 'b') n, NULL o, "
        "TIMESTAMP_S '2024-01-31 10:00:00' p, TIMESTAMP_MS '2024-01-31 10:00:00.5' q, "
        "TIMESTAMPTZ '2024-01-31 10:00:00+02' r, '{\"a\":1}'::JSON s, 7::UHUGEINT t, '101'::BIT u");
    ASSERT_TRUE(result) << result.error().to_text();
    std::vector<std::string> types;
    for (const auto& column : (*result)->columns()) {
        types.push_back(column.type.kind == TypeKind::json ? "json" : type_name(column.type));
    }
    EXPECT_EQ(types,
              (std::vector<std::string>{
                  "long", "long",      "long",      "long",      "long",   "decimal(38,0)", "decimal(38,0)",
                  "json", "json",      "json",      "string",    "string", "string",        "string",
                  "int",  "timestamp", "timestamp", "timestamp", "json",   "decimal(38,0)", "string"}));
    const auto got = drain(**result);
    ASSERT_TRUE(got) << got.error().to_text();
    EXPECT_EQ(*got, (Rows{{"1",
                           "2",
                           "3",
                           "4",
                           "4294967295",
                           "18446744073709551615",
                           (*got)[0][6],
                           "[1,null,3]",
                           "{\"x\":1,\"y\":\"z\"}",
                           "{\"k\":2}",
                           "12:34:56",
                           "3 days",
                           "1b4e28ba-2fa1-11d2-883f-b9a761bde3fb",
                           "b",
                           "~",
                           "2024-01-31 10:00:00",
                           "2024-01-31 10:00:00.500000",
                           "2024-01-31 08:00:00",
                           "{\"a\":1}",
                           "7",
                           "101"}}));
}

// Which the engine's own optimizer would keep all rows for, when they come from a union.
TEST(DuckSession, SeveralDistinctAggregatesTakeOnePass) {
    auto database = open_database();
    auto session = open_session(*database);
    ASSERT_TRUE(session->create_view("q",
                                     "SELECT i AS a, i % 7 AS b FROM range(1000) t(i) UNION ALL "
                                     "SELECT i, i % 11 FROM range(1000) t(i)"));
    const std::string sql = "SELECT count(DISTINCT a), count(DISTINCT b) FROM q";
    EXPECT_EQ(rows(*session, sql), (Rows{{"1000", "11"}}));
    std::string plan;
    for (const auto& row : rows(*session, "EXPLAIN " + sql))
        for (const auto& text : row)
            plan += text;
    EXPECT_NE(plan.find("count(DISTINCT"), std::string::npos) << plan;
    EXPECT_EQ(plan.find("CTE"), std::string::npos) << plan;
}

TEST(DuckResult, SumsOfLongsAreExact) {
    auto database = open_database();
    auto session = open_session(*database);
    EXPECT_EQ(rows(*session, "SELECT sum(v) FROM (VALUES (9223372036854775807), (9223372036854775807)) t(v)"),
              (Rows{{"18446744073709551614"}}));
    const auto huge = run(*session, "SELECT 170141183460469231731687303715884105727::HUGEINT");
    ASSERT_FALSE(huge);
    EXPECT_EQ(huge.error().code, ErrorCode::query_error);
}

TEST(DuckResult, JsonIsJsonOrAnError) {
    auto database = open_database();
    auto session = open_session(*database);
    for (const char* sql : {"SELECT '[1,2,]'::JSON", "SELECT 'NaN'::JSON", "SELECT to_json('nan'::DOUBLE)",
                            "SELECT ['inf'::DOUBLE]", "SELECT {'a': '-inf'::FLOAT}"}) {
        const auto result = run(*session, sql);
        ASSERT_FALSE(result) << sql;
        EXPECT_EQ(result.error().code, ErrorCode::query_error);
        EXPECT_NE(result.error().message.find("is not valid JSON"), std::string::npos)
            << result.error().to_text();
    }
    EXPECT_EQ(rows(*session, "SELECT '[1, {}]'::JSON, NULL::JSON, [1.5]"), (Rows{{"[1, {}]", "~", "[1.5]"}}));
    EXPECT_EQ(rows(*session, "SELECT row(1, 'x')::VARCHAR, [row(1, 'x')]"),
              (Rows{{"(1, x)", "[[1,\"x\"]]"}}));
}

TEST(DuckResult, RepeatedNamesSurviveAlsoWhenWrapped) {
    auto database = open_database();
    auto session = open_session(*database);
    for (const std::string sql : {"SELECT 1 AS a, 2 AS a, 3 AS \"A b\"",
                                  "SELECT 1 AS a, [2] AS a, {'q':3} AS \"A b\" -- a comment"}) {
        auto result = session->query(sql);
        ASSERT_TRUE(result) << result.error().to_text();
        ASSERT_EQ((*result)->columns().size(), 3u);
        EXPECT_EQ((*result)->columns()[0].name, "a");
        EXPECT_EQ((*result)->columns()[1].name, "a");
        EXPECT_EQ((*result)->columns()[2].name, "A b");
    }
}

TEST(DuckResult, OrderSurvivesWrapping) {
    auto database = open_database();
    auto session = open_session(*database);
    for (const std::string what : {"r", "[r]"}) {
        const auto got = rows(*session, "SELECT " + what + " FROM range(100000) t(r) ORDER BY r DESC; ");
        ASSERT_EQ(got.size(), 100000u);
        for (std::size_t i = 0; i < got.size(); ++i) {
            const auto value = std::to_string(99999 - i);
            ASSERT_EQ(got[i][0], what == "r" ? value : "[" + value + "]");
        }
        const auto top =
            rows(*session, "SELECT " + what + " FROM range(100000) t(r) ORDER BY r DESC LIMIT 2 OFFSET 1");
        EXPECT_EQ(top.size(), 2u);
        EXPECT_NE(top[0][0].find("99998"), std::string::npos);
    }
}

TEST(DuckResult, StringsOfAllLengthsAcrossBatches) {
    auto database = open_database();
    auto session = open_session(*database);
    auto result = session->query(
        "SELECT r, repeat('x', (r % 40)::INT), CASE WHEN r % 3 = 0 THEN NULL ELSE r::VARCHAR END FROM "
        "range(50000) t(r)");
    ASSERT_TRUE(result);
    std::int64_t at = 0;
    for (;;) {
        auto batch = (*result)->next(5000);
        ASSERT_TRUE(batch);
        if (!*batch) break;
        EXPECT_LE((*batch)->rows(), 5000u + 2048u);
        for (std::uint32_t r = 0; r < (*batch)->rows(); ++r, ++at) {
            ASSERT_EQ((*batch)->columns()[0].fixed<std::int64_t>(r), at);
            ASSERT_EQ((*batch)->columns()[1].bytes(r).size(), static_cast<std::size_t>(at % 40));
            ASSERT_EQ((*batch)->columns()[2].is_null(r), at % 3 == 0);
        }
    }
    EXPECT_EQ(at, 50000);
    EXPECT_FALSE((*result)->next()->has_value());
}

// One chunk of 2048 rows would be 2 GiB: it comes in parts.
TEST(DuckResult, LargeTextIsCutIntoBatches) {
    auto database = open_database();
    auto session = open_session(*database);
    auto result = session->query("SELECT repeat('y', 100000) FROM range(1000)");
    ASSERT_TRUE(result);
    std::uint64_t total = 0;
    for (;;) {
        auto batch = (*result)->next();
        ASSERT_TRUE(batch) << batch.error().to_text();
        if (!*batch) break;
        EXPECT_LE((*batch)->body().size(), 20u << 20);
        total += (*batch)->rows();
    }
    EXPECT_EQ(total, 1000u);
}

TEST(DuckSession, ErrorsInTheMiddleAreReported) {
    auto database = open_database();
    auto session = open_session(*database);
    const auto failed =
        run(*session,
            "SELECT CASE WHEN r = 90000 THEN error('boom') ELSE r::VARCHAR END FROM range(100000) t(r)");
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::query_error);
    EXPECT_NE(failed.error().message.find("boom"), std::string::npos);
    // The session goes on.
    EXPECT_EQ(rows(*session, "SELECT 1"), (Rows{{"1"}}));
}

TEST(DuckSession, OneSelectOnly) {
    auto database = open_database();
    auto session = open_session(*database);
    for (const std::string sql : {"SELECT 1; SELECT 2", "CREATE TABLE x(a INT)",
                                  "COPY (SELECT 1) TO '/tmp/x'", "SELECT ?", "SET threads = 1", "", ";"}) {
        EXPECT_FALSE(session->query(sql)) << sql;
    }
}

TEST(DuckSession, InterruptStopsAQueryFromAnotherThread) {
    auto database = open_database();
    auto session = open_session(*database);
    for (const std::string sql : {"SELECT count(*) FROM range(100000000000) a(x) WHERE x % 7 = 3",
                                  "SELECT x FROM range(100000000000) a(x)",
                                  "SELECT max(a.x * b.x) FROM range(10000000) a(x), range(10000000) b(x)"}) {
        session = open_session(*database);
        std::thread stopper([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            session->interrupt(ErrorCode::timeout);
        });
        const auto start = std::chrono::steady_clock::now();
        // Without keeping the rows.
        Result<void> outcome;
        auto result = session->query(sql);
        if (!result) {
            outcome = result.error();
        } else {
            for (;;) {
                auto batch = (*result)->next();
                if (!batch) {
                    outcome = batch.error();
                    break;
                }
                if (!*batch) break;
            }
        }
        stopper.join();
        ASSERT_FALSE(outcome) << sql;
        EXPECT_EQ(outcome.error().code, ErrorCode::timeout) << outcome.error().message;
        EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5)) << sql;
    }
}

TEST(DuckSession, InterruptBeforeTheQueryCounts) {
    auto database = open_database();
    auto session = open_session(*database);
    session->interrupt(ErrorCode::cancelled);
    const auto result = run(*session, "SELECT 1");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::cancelled);
}

TEST(DuckSession, AbandonedResultEndsAtOnce) {
    auto database = open_database();
    auto session = open_session(*database);
    {
        auto result = session->query("SELECT x FROM range(100000000000) a(x)");
        ASSERT_TRUE(result);
        ASSERT_TRUE((*result)->next());
    }
    EXPECT_EQ(rows(*session, "SELECT 1"), (Rows{{"1"}}));
}

TEST(DuckDatabase, ReachesOnlyItsFolders) {
    TempFolder readable;
    TempFolder closed;
    for (const auto* folder : {&readable, &closed})
        std::ofstream(folder->path("a.csv")) << "x\n1\n";
    DuckOptions options;
    options.readable_directories = {readable.path()};
    auto database = open_database(options);
    auto session = open_session(*database);
    EXPECT_TRUE(run(*session, "SELECT * FROM read_csv(" + sql_literal(readable.path("a.csv")) + ")"));
    EXPECT_FALSE(run(*session, "SELECT * FROM read_csv(" + sql_literal(closed.path("a.csv")) + ")"));
    EXPECT_FALSE(run(
        *session,
        "SELECT * FROM read_csv(" +
            sql_literal(readable.path("../") +
                        std::filesystem::path(closed.path()).parent_path().filename().string() + "/a.csv") +
            ")"));
    EXPECT_FALSE(run(*session, "SELECT * FROM read_text('/etc/passwd')"));
    for (const std::string sql :
         {"SET enable_external_access = true", "SET allowed_directories = ['/']", "SET threads = 8",
          "RESET memory_limit", "INSTALL httpfs", "LOAD httpfs", "ATTACH '/tmp/dl_no.db'"}) {
        EXPECT_FALSE(session->execute(sql)) << sql;
    }
}

TEST(DuckDatabase, MemoryLimitIsAnErrorNotACrash) {
    DuckOptions options;
    options.memory_bytes_max = 64u << 20;
    auto database = open_database(options);
    auto session = open_session(*database);
    const auto result = run(*session, "SELECT count(DISTINCT x) FROM range(50000000) a(x)");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::limit_exceeded) << result.error().message;
    EXPECT_EQ(rows(*session, "SELECT 1"), (Rows{{"1"}}));
}

TEST(DuckDatabase, SpillsWhereItMay) {
    TempFolder spill;
    DuckOptions options;
    options.memory_bytes_max = 160u << 20;
    options.spill_directory = spill.path("spill");
    options.spill_bytes_max = 1u << 30;
    auto database = open_database(options);
    auto session = open_session(*database);
    EXPECT_EQ(rows(*session, "SELECT count(*) FROM (SELECT DISTINCT x FROM range(5000000) a(x))"),
              (Rows{{"5000000"}}));
}

TEST(DuckDatabase, TimesAreUtc) {
    auto database = open_database();
    auto session = open_session(*database);
    EXPECT_EQ(rows(*session, "SELECT CAST(TIMESTAMPTZ '2024-01-31 10:00:00+02' AS VARCHAR)"),
              (Rows{{"2024-01-31 08:00:00+00"}}));
}

TEST(QueryCancel, TellsEveryoneOnceAndLateComersAtOnce) {
    QueryCancel cancel;
    int calls = 0;
    auto kept = cancel.on_cancel([&](ErrorCode why) {
        EXPECT_EQ(why, ErrorCode::timeout);
        ++calls;
    });
    {
        auto dropped = cancel.on_cancel([&](ErrorCode) { calls += 100; });
    }
    EXPECT_FALSE(cancel.reason());
    cancel.cancel(ErrorCode::timeout);
    cancel.cancel(ErrorCode::cancelled);
    EXPECT_EQ(cancel.reason(), ErrorCode::timeout);
    auto late = cancel.on_cancel([&](ErrorCode) { ++calls; });
    EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace dl::test
