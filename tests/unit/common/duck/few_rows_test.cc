#include "common/duck/few_rows.h"

#include <chrono>
#include <thread>

#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::test {
namespace {

class FewRowsTest : public ::testing::Test {
  protected:
    bool one_row(const std::string& sql) {
        auto ast = SelectAst::parse(*database_, sql);
        EXPECT_TRUE(ast) << sql << ": " << ast.error().to_text();
        return ast && gives_one_row(*ast);
    }
    // Names, types and rows, or the error, whenever it comes.
    static std::string told(Result<std::unique_ptr<DuckResult>> result) {
        if (!result) return result.error().to_text();
        std::string text;
        for (const auto& column : (*result)->columns())
            text += column.name + " " + type_name(column.type) + "|";
        for (;;) {
            auto batch = (*result)->next();
            if (!batch) return batch.error().to_text();
            if (!*batch) return text;
            for (const auto& row : rows_of(**batch))
                for (const auto& cell : row)
                    text += " " + cell;
        }
    }
    std::shared_ptr<DuckDatabase> database_ = open_database();
};

TEST_F(FewRowsTest, AggregatesWithoutGroupsGiveOneRow) {
    for (const char* sql :
         {"SELECT 1", "SELECT 1 + 2 AS n, 'a'", "SELECT count(*) FROM t", "SELECT COUNT(*) FROM t",
          "SELECT round(avg(v) * 2, 1) AS a, max(v) FROM t WHERE v > 3 ORDER BY 1 LIMIT 5",
          "SELECT count(*) FILTER (WHERE v = 1), min(g) FROM t JOIN u ON t.id = u.id",
          "SELECT count(DISTINCT g) FROM t HAVING count(*) > 1"})
        EXPECT_TRUE(one_row(sql)) << sql;
    for (const char* sql :
         {"SELECT v FROM t", "SELECT count(*) FROM t GROUP BY g", "SELECT g, count(*) FROM t GROUP BY ALL",
          "SELECT count(*) FROM t GROUP BY ROLLUP (g)", "SELECT row_number() OVER () FROM t",
          "SELECT v, sum(v) OVER (ORDER BY id) FROM t", "SELECT v, (SELECT count(*) FROM u) FROM t",
          "SELECT unnest([1, 2])", "SELECT unnest([min(v), max(v)]) FROM t", "SELECT 1 UNION ALL SELECT 2",
          "SELECT count(*) FROM t UNION ALL SELECT v FROM t", "SELECT 1 FROM range(10)", "VALUES (1), (2)",
          "EXPLAIN SELECT count(*) FROM t"})
        EXPECT_FALSE(one_row(sql)) << sql;
}

TEST_F(FewRowsTest, AtOnceGivesWhatStreamingGives) {
    auto session = database_->session();
    ASSERT_TRUE(session);
    for (const char* sql :
         {"SELECT 1", "SELECT 1::TINYINT AS \"a b\", 2::HUGEINT, 'x' AS a, 1.50, true, DATE '2024-01-02'",
          "SELECT sum(x), avg(x), min(x) AS m, count(*) FROM range(100000) r(x)", "SELECT NULL",
          "SELECT [1, 2], INTERVAL 1 DAY", "SELECT max(x) FROM range(10) r(x) WHERE x > 10",
          "SELECT x FROM range(5000) r(x)", "SELECT 1 LIMIT 0", "SELECT 1 -- an end",
          "SELECT CAST('x' AS INTEGER)", "SELECT nothing"})
        EXPECT_EQ(told(query_at_once(**session, sql)), told((*session)->query(sql))) << sql;
}

TEST_F(FewRowsTest, AtOnceIsInterrupted) {
    auto session = database_->session();
    ASSERT_TRUE(session);
    std::thread interrupts([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        (*session)->interrupt(ErrorCode::timeout);
    });
    const auto began = std::chrono::steady_clock::now();
    const auto stopped =
        query_at_once(**session, "SELECT count(*) FROM range(1000000000000) r(x) WHERE x % 3 = 1");
    interrupts.join();
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, ErrorCode::timeout);
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
    const auto after = query_at_once(**session, "SELECT 1");
    ASSERT_FALSE(after) << "it was stopped for good";
    EXPECT_EQ(after.error().code, ErrorCode::timeout);
}

}  // namespace
}  // namespace dl::test
