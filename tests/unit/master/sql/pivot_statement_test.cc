#include "master/sql/pivot_statement.h"

#include <gtest/gtest.h>

namespace dl::master {
namespace {

using Texts = std::vector<std::string>;

TEST(PivotStatement, ValuesAreAskedForAndWrittenIn) {
    const auto one = PivotStatement::parse("PIVOT t ON year USING sum(v) GROUP BY g").value().value();
    EXPECT_EQ(one.value_queries(),
              (Texts{"SELECT DISTINCT CAST((year\n) AS VARCHAR) AS v FROM t\nORDER BY v"}));
    EXPECT_EQ(one.with_values({{"2023", "it's"}}),
              "PIVOT t ON year IN ('2023', 'it''s') USING sum(v) GROUP BY g");
    const auto two =
        PivotStatement::parse(
            "pivot (select a, b from u where c in (1, 2)) on a, lower(b), d in ('x') using max(v);")
            .value()
            .value();
    EXPECT_EQ(two.value_queries().size(), 2u);
    EXPECT_EQ(two.value_queries()[1],
              "SELECT DISTINCT CAST((lower(b)\n) AS VARCHAR) AS v FROM (select a, b from "
              "u where c in (1, 2))\nORDER BY v");
    EXPECT_EQ(
        two.with_values({{"1"}, {"x", "y"}}),
        "pivot (select a, b from u where c in (1, 2)) on a IN ('1'), lower(b) IN ('x', 'y'), d in ('x') "
        "using max(v);");
}

// The text when each of its open expressions gets the value x, and the queries for them.
std::string resolved(std::string sql, Texts* queries = nullptr) {
    for (int i = 0; i < 10; ++i) {
        const auto pivot = PivotStatement::parse(sql);
        if (pivot.has_error()) return pivot.error().to_text();
        if (!*pivot) return sql;
        const auto asked = (*pivot)->value_queries();
        if (queries != nullptr) queries->insert(queries->end(), asked.begin(), asked.end());
        sql = (*pivot)->with_values(std::vector<Texts>(asked.size(), {"x"}));
    }
    return "no end";
}

TEST(PivotStatement, WithinOtherStatements) {
    EXPECT_EQ(resolved("select * from (pivot t on s using sum(v) group by id) p where id = 1"),
              "select * from (pivot t on s IN ('x') using sum(v) group by id) p where id = 1");
    Texts queries;
    EXPECT_EQ(resolved("with a as (select 1 as s), b as (pivot a on s) pivot b on c using max(d);", &queries),
              "with a as (select 1 as s), b as (pivot a on s IN ('x')) pivot b on c IN ('x') using max(d);");
    ASSERT_EQ(queries.size(), 2u);
    EXPECT_EQ(queries[0],
              "with a as (select 1 as s)\nSELECT DISTINCT CAST((s\n) AS VARCHAR) AS v FROM a\n"
              "ORDER BY v");
    EXPECT_EQ(queries[1],
              "with a as (select 1 as s), b as (pivot a on s IN ('x'))\nSELECT DISTINCT CAST((c\n) "
              "AS VARCHAR) AS v FROM b\nORDER BY v");
    queries.clear();
    EXPECT_EQ(resolved("pivot (select * from (pivot u on a using sum(v))) on b, c in (1)", &queries),
              "pivot (select * from (pivot u on a IN ('x') using sum(v))) on b IN ('x'), c in (1)");
    EXPECT_EQ(queries[0].find("with"), std::string::npos);
    for (const char* sql : {"select count(pivot), (pivot + 1) from (pivot join b on pivot.x = b.y)",
                            "select * from t pivot (sum(v) for s in ('a'))",
                            "with p as (select 1) select * from (select 2) pivot (sum(v) for s in ('a'))",
                            "select 'pivot t on a', pivot from t join u on t.a = u.a"})
        EXPECT_EQ(resolved(sql), sql);
}

TEST(PivotStatement, OthersStay) {
    for (const char* sql : {"select 1", "pivot t on a in ('x') using sum(v)", "", "unpivot t on a, b"})
        EXPECT_FALSE(PivotStatement::parse(sql).value()) << sql;
    for (const char* sql : {"pivot", "pivot t", "pivot on a", "pivot t on", "pivot t on using sum(v)",
                            "pivot t on a, using sum(v)", "pivot (t on a"})
        EXPECT_TRUE(PivotStatement::parse(sql).has_error()) << sql;
}

}  // namespace
}  // namespace dl::master
