#include "master/sql/aggregate_pushdown.h"

#include "tests/unit/master/sql/pushdown_test_support.h"

namespace dl::master::test {
namespace {

class AggregatePushdown : public PushdownTest {};

TEST_F(AggregatePushdown, PartialsOfEachAggregate) {
    for (const auto& [aggregate, partials, combined] :
         std::initializer_list<std::tuple<const char*, const char*, const char*>>{
             {"count(*)", "count_star() AS dl_p0", "CAST(COALESCE(sum(f.dl_p0), 0) AS BIGINT)"},
             {"count(city)", "count(city) AS dl_p0", "CAST(COALESCE(sum(f.dl_p0), 0) AS BIGINT)"},
             {"sum(big)", "sum(big) AS dl_p0", "sum(f.dl_p0)"},
             {"sum(id + 1)", "sum((id + 1)) AS dl_p0", "sum(f.dl_p0)"},
             {"min(city)", "min(city) AS dl_p0", "min(f.dl_p0)"},
             {"max(price)", "max(price) AS dl_p0", "max(f.dl_p0)"},
             {"avg(ratio)", "sum(ratio) AS dl_p0, count(ratio) AS dl_p1",
              "(sum(f.dl_p0) / CAST(CAST(COALESCE(sum(f.dl_p1), 0) AS BIGINT) AS DOUBLE))"},
             {"avg(price)", "sum(price) AS dl_p0, count(price) AS dl_p1",
              "dl_average(sum(f.dl_p0), CAST(COALESCE(sum(f.dl_p1), 0) AS BIGINT), 2, 0)"},
             {"avg(tiny)", "sum(tiny) AS dl_p0, count(tiny) AS dl_p1",
              "dl_average(sum(f.dl_p0), CAST(COALESCE(sum(f.dl_p1), 0) AS BIGINT), 1, 1)"},
             {"bool_or(flag)", "bool_or(flag) AS dl_p0", "bool_or(f.dl_p0)"},
             {"bit_xor(big)", "bit_xor(big) AS dl_p0", "bit_xor(f.dl_p0)"},
             {"count_if(flag)", "count_if(flag) AS dl_p0", "sum(f.dl_p0)"},
             {"any_value(day)", "any_value(\"day\") AS dl_p0", "any_value(f.dl_p0)"},
             {"product(id)", "product(id) AS dl_p0", "product(f.dl_p0)"},
             {"arg_max(city, price)",
              "arg_max(city, price) AS dl_p0, max(price) FILTER (WHERE (city IS NOT NULL)) AS dl_p1",
              "arg_max(f.dl_p0, f.dl_p1)"},
             {"min_by(city, price) FILTER (flag)",
              "min_by(city, price) FILTER (WHERE flag) AS dl_p0, "
              "min(price) FILTER (WHERE (flag AND (city IS NOT NULL))) AS dl_p1",
              "min_by(f.dl_p0, f.dl_p1)"},
             {"count(*) FILTER (id > 1)", "count_star() FILTER (WHERE (id > 1)) AS dl_p0",
              "CAST(COALESCE(sum(f.dl_p0), 0) AS BIGINT)"},
             {"count(DISTINCT city)", "city AS dl_g0", "count(DISTINCT f.dl_g0)"},
             {"sum(DISTINCT big) FILTER (flag)", "CASE  WHEN (flag) THEN (big) ELSE NULL END AS dl_g0",
              "sum(DISTINCT f.dl_g0)"}}) {
        const auto planned = plan(std::string("SELECT ") + aggregate + " AS x FROM t");
        ASSERT_EQ(planned.texts.size(), 1u);
        const std::string grouped =
            std::string(partials).find("dl_g") == std::string::npos ? "" : " GROUP BY 1";
        EXPECT_EQ(planned.texts[0], std::string("SELECT ") + partials + " FROM t" + grouped);
        auto expected = std::string("SELECT ") + combined + " AS x FROM f";
        for (auto at = expected.find("f.dl_"); at != std::string::npos; at = expected.find("f.dl_", at + 15))
            expected.replace(at, 1, "dl_fragment_1");
        expected.replace(expected.rfind(" f"), 2, " dl_fragment_1");
        EXPECT_EQ(planned.statement, expected);
    }
}

TEST_F(AggregatePushdown, CollationsStayWithTheMaster) {
    for (const char* sql :
         {"SELECT city COLLATE nocase AS c, count(*) FROM t GROUP BY 1",
          "SELECT min(city COLLATE nocase) FROM t", "SELECT count(DISTINCT city COLLATE nocase) FROM t"}) {
        EXPECT_EQ(asked(sql), R"(SELECT "city" FROM "t")") << sql;
    }
    EXPECT_EQ(asked("SELECT count(*) FROM t WHERE city COLLATE nocase = 'x'"),
              "SELECT count_star() AS dl_p0 FROM t WHERE (city COLLATE nocase = 'x')");
}

TEST_F(AggregatePushdown, GroupsHavingAndOrder) {
    const auto planned = plan(
        "SELECT city, count(*) AS n FROM t WHERE id > 3 GROUP BY city "
        "HAVING count(*) > 1 AND n < 10 ORDER BY n DESC, city LIMIT 5");
    EXPECT_EQ(planned.texts,
              (std::vector<std::string>{
                  "SELECT city AS dl_g0, count_star() AS dl_p0 FROM t WHERE (id > 3) GROUP BY 1"}));
    const std::string count = "CAST(COALESCE(sum(dl_fragment_1.dl_p0), 0) AS BIGINT)";
    EXPECT_EQ(planned.statement, "SELECT dl_fragment_1.dl_g0 AS city, " + count +
                                     " AS n FROM dl_fragment_1 GROUP BY dl_fragment_1.dl_g0 HAVING ((" +
                                     count +
                                     " > 1) AND (n < 10)) ORDER BY n DESC, dl_fragment_1.dl_g0 LIMIT 5");
    EXPECT_EQ(asked("SELECT upper(city) AS c, sum(price) FROM t GROUP BY c ORDER BY 2"),
              "SELECT upper(city) AS dl_g0, sum(price) AS dl_p0 FROM t GROUP BY 1");
    EXPECT_EQ(asked("SELECT id % 3, sum(id % 3) FROM t GROUP BY 1"),
              "SELECT (id % 3) AS dl_g0, sum((id % 3)) AS dl_p0 FROM t GROUP BY 1");
    EXPECT_EQ(asked("SELECT city, flag, count(*), grouping(city) FROM t GROUP BY ROLLUP (city, flag)"),
              "SELECT city AS dl_g0, flag AS dl_g1, count_star() AS dl_p0 FROM t GROUP BY 1, 2");
    EXPECT_EQ(asked("SELECT city, count(DISTINCT id), sum(price) FROM t GROUP BY ALL"),
              "SELECT city AS dl_g0, id AS dl_g1, sum(price) AS dl_p0 FROM t GROUP BY 1, 2");
    EXPECT_EQ(asked("SELECT city, sum(count(*)) OVER () FROM t GROUP BY city"),
              "SELECT city AS dl_g0, count_star() AS dl_p0 FROM t GROUP BY 1");
    EXPECT_EQ(asked("SELECT city FROM t GROUP BY city"), "SELECT city AS dl_g0 FROM t GROUP BY 1");
    // What a condition can raise, it raises over one copy too.
    EXPECT_EQ(asked("SELECT count(*) FROM t WHERE CAST(city AS INT) = 3"),
              "SELECT count_star() AS dl_p0 FROM t WHERE (CAST(city AS INTEGER) = 3)");
}

TEST_F(AggregatePushdown, NodesInsideOthers) {
    EXPECT_EQ(asked("WITH s AS (SELECT city, count(*) AS n FROM t GROUP BY city) SELECT max(n) FROM s"),
              "SELECT city AS dl_g0, count_star() AS dl_p0 FROM t GROUP BY 1");
    EXPECT_EQ(asked("SELECT u.id FROM u JOIN (SELECT city, max(price) AS p FROM t GROUP BY city) m "
                    "ON m.city = u.city WHERE u.flag"),
              "SELECT \"id\", \"flag\", \"city\" FROM u WHERE flag\n"
              "SELECT city AS dl_g0, max(price) AS dl_p0 FROM t GROUP BY 1");
    EXPECT_EQ(asked("SELECT id FROM u WHERE id > (SELECT avg(id) FROM t)"),
              "SELECT sum(id) AS dl_p0, count(id) AS dl_p1 FROM t\nSELECT \"id\" FROM \"u\"");
}

TEST_F(AggregatePushdown, WhatIsNotUnderstoodSendsRows) {
    for (const char* sql : {"SELECT stddev(id), count(*) FROM t",
                            "SELECT string_agg(city, ',' ORDER BY id) FROM t",
                            "SELECT median(id) FROM t",
                            "SELECT first(id) FROM t",
                            "SELECT count(*) FROM t WHERE id < random()",
                            "SELECT sum(id::hugeint) FROM t",
                            "SELECT min(id, 2) FROM t",
                            "SELECT city, id FROM t GROUP BY city",
                            "SELECT sum(id) FROM t, range(3)",
                            "SELECT count(*) FROM t USING SAMPLE 3",
                            "SELECT (SELECT max(u.id) FROM u WHERE u.city = t.city) FROM t",
                            "SELECT sum(id) AS id FROM t GROUP BY city HAVING id > 3",
                            "SELECT max(interval 1 day * id) FROM t",
                            "SELECT max(uuid()) FROM t",
                            "SELECT count(*) FROM t WHERE id IN (SELECT id FROM u)",
                            "SELECT avg(t.at) FROM t",
                            "SELECT max(id::hugeint) FROM t",
                            "SELECT city, t.city, count(*) FROM t GROUP BY ROLLUP (city, t.city)",
                            "SELECT nullif(count(*), 0) FROM t",
                            "SELECT list(id) FROM t",
                            "SELECT 1, count(*) FROM t GROUP BY 1"}) {
        for (const auto& text : plan(sql).texts)
            EXPECT_EQ(text.find("dl_"), std::string::npos) << sql << " -> " << text;
    }
}

}  // namespace
}  // namespace dl::master::test
