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

TEST(PivotStatement, OthersStay) {
    for (const char* sql : {"select 1", "pivot t on a in ('x') using sum(v)", "", "unpivot t on a, b"})
        EXPECT_FALSE(PivotStatement::parse(sql).value()) << sql;
    for (const char* sql : {"pivot", "pivot t", "pivot on a", "pivot t on", "pivot t on using sum(v)",
                            "pivot t on a, using sum(v)", "pivot (t on a"})
        EXPECT_TRUE(PivotStatement::parse(sql).has_error()) << sql;
}

}  // namespace
}  // namespace dl::master
