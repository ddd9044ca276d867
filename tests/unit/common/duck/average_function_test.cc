#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::test {
namespace {

// dl_average() of an exact sum is avg() to the last bit, whatever the type.
TEST(DlAverage, GivesWhatAvgGives) {
    const auto database = open_database();
    const auto session = open_session(*database);
    for (const auto& [type, scale, narrow] :
         std::initializer_list<std::tuple<const char*, int, int>>{{"TINYINT", 0, 1},
                                                                  {"SMALLINT", 0, 1},
                                                                  {"INTEGER", 0, 0},
                                                                  {"BIGINT", 0, 0},
                                                                  {"DECIMAL(4,1)", 1, 1},
                                                                  {"DECIMAL(9,3)", 3, 0},
                                                                  {"DECIMAL(18,6)", 6, 0},
                                                                  {"DECIMAL(38,10)", 10, 0}}) {
        const std::string numbers =
            "SELECT g, x::" + std::string(type) +
            " AS x FROM (SELECT i % 50 AS g, CASE WHEN i % 7 <> 0 THEN (hash(i) % 255)::BIGINT - 127 END * " +
            (std::string(type) == "BIGINT" ? "72057594037927001" : "1") + " AS x FROM range(3000) r(i))";
        // Apart from each other: beside a sum and a count DuckDB makes avg() their quotient, rounded once
        // more.
        const auto different =
            rows(*session, "SELECT count(*) FROM (SELECT g, avg(x) AS a FROM (" + numbers +
                               ") GROUP BY g) JOIN (SELECT g, dl_average(sum(x), count(x), " +
                               std::to_string(scale) + ", " + std::to_string(narrow) + ") AS b FROM (" +
                               numbers + ") GROUP BY g) USING (g) WHERE a IS DISTINCT FROM b");
        EXPECT_EQ(different, (Rows{{"0"}})) << type;
    }
    EXPECT_EQ(rows(*session, "SELECT dl_average(NULL::HUGEINT, 0, 0, 0), dl_average(7::HUGEINT, 2, 0, 0)"),
              (Rows{{"~", "3.5"}}));
    EXPECT_FALSE(run(*session, "SELECT dl_average('x', 1, 0, 0)"));
}

}  // namespace
}  // namespace dl::test
