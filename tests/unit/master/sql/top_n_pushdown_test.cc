#include "master/sql/top_n_pushdown.h"

#include "tests/unit/master/sql/pushdown_test_support.h"

namespace dl::master::test {
namespace {

class TopNPushdown : public PushdownTest {};

TEST_F(TopNPushdown, FirstRowsOfAnOrder) {
    EXPECT_EQ(asked("SELECT id FROM t ORDER BY price DESC NULLS LAST, id LIMIT 10 OFFSET 5"),
              R"(SELECT "id", "price" FROM t ORDER BY price DESC NULLS LAST, id LIMIT 15)");
    EXPECT_EQ(asked("SELECT id, price * 2 AS p FROM t WHERE city = 'x' ORDER BY p LIMIT 3"),
              R"(SELECT "id", "city", "price" FROM t WHERE (city = 'x') ORDER BY (price * 2) LIMIT 3)");
    EXPECT_EQ(asked("SELECT id, -big AS id2 FROM t ORDER BY 2, id LIMIT 3"),
              R"(SELECT "id", "big" FROM t ORDER BY (-(big)), id LIMIT 3)");
    // A name of the select list comes before a column.
    EXPECT_EQ(asked("SELECT -id AS id FROM t ORDER BY id LIMIT 1"),
              R"(SELECT "id" FROM t ORDER BY (-(id)) LIMIT 1)");
    EXPECT_EQ(asked("SELECT id FROM t WHERE flag LIMIT 3"),
              R"(SELECT "id", "flag" FROM t WHERE flag LIMIT 3)");
    EXPECT_EQ(asked("SELECT id FROM t LIMIT 0"), R"(SELECT "id" FROM t LIMIT 0)");
    EXPECT_EQ(asked("SELECT a.id FROM (SELECT id FROM t ORDER BY id LIMIT 3) a JOIN u ON a.id = u.id"),
              "SELECT \"id\" FROM t ORDER BY id LIMIT 3\nSELECT \"id\" FROM \"u\"");
}

TEST_F(TopNPushdown, WhatNeedsMoreRowsThanTheFirst) {
    for (const char* sql :
         {"SELECT id FROM t ORDER BY random() LIMIT 3", "SELECT id FROM t WHERE random() > 0.5 LIMIT 3",
          "SELECT id FROM t ORDER BY id LIMIT 10%", "SELECT id FROM t ORDER BY id LIMIT 2 + 1",
          "SELECT unnest([1, 2]) FROM t LIMIT 3", "SELECT row_number() OVER () FROM t LIMIT 3",
          "SELECT id FROM t ORDER BY sum(id) OVER () LIMIT 3",
          "SELECT id FROM t QUALIFY row_number() OVER () < 3 LIMIT 3", "SELECT count(*) FROM t LIMIT 1",
          "SELECT * FROM t ORDER BY 3 LIMIT 1", "SELECT id FROM t ORDER BY (SELECT max(id) FROM u) LIMIT 1",
          "SELECT t.id FROM t, u ORDER BY t.id LIMIT 1", "SELECT DISTINCT ON (city) id FROM t LIMIT 1",
          "SELECT DISTINCT upper(city) FROM t LIMIT 1", "SELECT id FROM t UNION SELECT id FROM u LIMIT 3",
          "SELECT id FROM t USING SAMPLE 10 ROWS", "SELECT id FROM t ORDER BY id OFFSET 3",
          "SELECT id FROM t LIMIT 100000000", "SELECT id AS a, big AS a FROM t ORDER BY a LIMIT 1"}) {
        for (const auto& text : plan(sql).texts) {
            EXPECT_EQ(text.find("LIMIT"), std::string::npos) << sql << " -> " << text;
            EXPECT_EQ(text.find("DISTINCT"), std::string::npos) << sql << " -> " << text;
        }
    }
}

TEST_F(TopNPushdown, DistinctColumns) {
    const auto planned = plan("SELECT DISTINCT city, flag FROM t WHERE id > 3 ORDER BY city LIMIT 10");
    EXPECT_EQ(planned.texts, (std::vector<std::string>{"SELECT DISTINCT city, flag FROM t WHERE (id > 3)"}));
    EXPECT_EQ(planned.statement, "SELECT DISTINCT city, flag FROM dl_fragment_1 AS t ORDER BY city LIMIT 10");
    EXPECT_EQ(asked("SELECT DISTINCT city AS c, t.city FROM t"), "SELECT DISTINCT city FROM t");
    EXPECT_EQ(asked("SELECT DISTINCT * FROM t WHERE flag").find("DISTINCT"), std::string::npos);
}

}  // namespace
}  // namespace dl::master::test
