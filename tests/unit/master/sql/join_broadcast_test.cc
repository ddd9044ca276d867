#include "master/sql/join_broadcast.h"

#include "tests/unit/master/sql/pushdown_test_support.h"

namespace dl::master::test {
namespace {

// t is large, u and v are small.
class JoinBroadcast : public PushdownTest {
  protected:
    JoinBroadcast() { rows_ = {{"t", 1'000'000}, {"u", 97}, {"v", 500}}; }

    // What goes along, a line each.
    std::string sent(const FragmentPlan& planned) {
        std::string lines;
        for (const auto& broadcast : planned.broadcasts())
            lines += (lines.empty() ? "" : "\n") + broadcast->view + ": " +
                     broadcast->rows.sql(broadcast->columns);
        return lines;
    }
    std::string sent(const std::string& sql) { return sent(plan(sql)); }
};

TEST_F(JoinBroadcast, TheSlavesAggregateTheirPartOfTheJoin) {
    const auto planned = plan("SELECT b.city, count(*) AS n FROM t JOIN u b ON t.id = b.id GROUP BY b.city");
    EXPECT_EQ(sent(planned), R"(dl_broadcast_1: SELECT "id", "city" FROM "u")");
    EXPECT_EQ(planned.texts,
              (std::vector<std::string>{"SELECT b.city AS dl_g0, count_star() AS dl_p0 FROM (t INNER JOIN "
                                        "dl_broadcast_1 AS b ON ((t.id = b.id))) GROUP BY 1"}));
    EXPECT_EQ(
        planned.statement,
        "SELECT dl_fragment_2.dl_g0 AS city, CAST(COALESCE(sum(dl_fragment_2.dl_p0), 0) AS BIGINT) AS n "
        "FROM dl_fragment_2 GROUP BY dl_fragment_2.dl_g0");
    ASSERT_EQ(planned.fragments.size(), 1u);
    EXPECT_EQ(planned.fragments[0].table->name, "t");
    EXPECT_EQ(planned.broadcasts().front()->table_rows, 97u);
}

TEST_F(JoinBroadcast, FiltersAndExpressionsOfBothSides) {
    const auto planned = plan(
        "SELECT sum(t.price * u.ratio) AS s, avg(t.id + u.id) FROM t, u "
        "WHERE t.id = u.id AND u.flag AND t.city = 'x'");
    EXPECT_EQ(sent(planned),
              R"(dl_broadcast_2: SELECT "id", "ratio", "flag", "city", "price" FROM u WHERE flag)");
    EXPECT_EQ(
        planned.texts,
        (std::vector<std::string>{
            "SELECT sum((t.price * u.ratio)) AS dl_p0, sum((t.id + u.id)) AS dl_p1, count((t.id + u.id)) "
            "AS dl_p2 FROM t , dl_broadcast_2 AS u WHERE ((t.id = u.id) AND u.flag AND (t.city = 'x'))"}));
}

TEST_F(JoinBroadcast, JoinsThatDoNotAddUpAreDoneHere) {
    for (const char* sql : {"SELECT count(*) FROM u LEFT JOIN t ON t.id = u.id",
                            "SELECT count(*) FROM t RIGHT JOIN u ON t.id = u.id",
                            "SELECT count(*) FROM t FULL JOIN u ON t.id = u.id",
                            "SELECT count(*) FROM u ANTI JOIN t ON t.id = u.id",
                            "SELECT count(*) FROM u SEMI JOIN t ON t.id = u.id",
                            "SELECT count(*) FROM t ASOF JOIN u ON t.id = u.id AND t.at >= u.at",
                            "SELECT count(*) FROM t POSITIONAL JOIN u",
                            "SELECT count(*) FROM t JOIN u ON t.id = u.id AND random() < 0.5",
                            "SELECT count(*) FROM t JOIN u ON t.id = u.id + (SELECT min(id) FROM v)",
                            "SELECT count(*) FROM t JOIN (SELECT id FROM u) x ON t.id = x.id",
                            "SELECT count(*) FROM t JOIN u TABLESAMPLE 10% ON t.id = u.id",
                            "SELECT count(*) FROM t JOIN u AS x(id, y) ON t.id = x.id"}) {
        for (const auto& text : plan(sql).texts)
            EXPECT_EQ(text.find("count"), std::string::npos) << sql << " -> " << text;
    }
    for (const char* sql :
         {"SELECT count(*) FROM t LEFT JOIN u ON t.id = u.id",
          "SELECT count(*) FROM u RIGHT JOIN t ON t.id = u.id",
          "SELECT count(*) FROM t SEMI JOIN u ON t.id = u.id",
          "SELECT count(*) FROM t ANTI JOIN u ON t.id = u.id", "SELECT count(*) FROM t CROSS JOIN u",
          "SELECT count(*) FROM t NATURAL JOIN u", "SELECT count(*) FROM t JOIN u USING (id)",
          "SELECT count(*) FROM t JOIN (u FULL JOIN v ON u.id = v.id) ON t.id = v.id"}) {
        const auto texts = plan(sql).texts;
        ASSERT_FALSE(texts.empty()) << sql;
        EXPECT_NE(texts[0].find("count_star() AS dl_p0"), std::string::npos) << sql << " -> " << texts[0];
    }
}

TEST_F(JoinBroadcast, WhatIsSmallIsKnownFromTheCut) {
    const std::string sql = "SELECT count(*) FROM t JOIN u ON t.id = u.id";
    EXPECT_NE(sent(sql), "");
    for (const TableRows& rows :
         {TableRows{}, TableRows{{"t", 1'000'000}}, TableRows{{"u", 97}}, TableRows{{"t", 150}, {"u", 97}},
          TableRows{{"t", 1'000'000'000}, {"u", 100'001}}}) {
        rows_ = rows;
        EXPECT_EQ(sent(sql), "") << rows.size();
    }
    // A filter is taken to leave a fifth.
    rows_ = {{"t", 1'000'000'000}, {"u", 400'000}};
    EXPECT_NE(sent(sql + " AND u.flag"), "");
    rows_ = {{"t", 400}, {"u", 97}};
    EXPECT_EQ(sent(sql + " WHERE t.flag"), "");
    // It is the other way round when the other one is large.
    rows_ = {{"t", 97}, {"u", 1'000'000}};
    EXPECT_EQ(sent(sql), R"(dl_broadcast_1: SELECT "id" FROM "t")");
}

TEST_F(JoinBroadcast, OnlyNamedColumnsGoAlongAndEqualTablesOnce) {
    EXPECT_EQ(
        sent("SELECT a.city, b.day, count(*) FROM t JOIN u a ON t.id = a.id LEFT JOIN u b ON t.big = b.big "
             "GROUP BY ALL"),
        R"(dl_broadcast_1: SELECT "id", "big", "city", "day" FROM "u")");
    EXPECT_EQ(sent("SELECT count(*) FROM t CROSS JOIN u"), R"(dl_broadcast_1: SELECT "id" FROM "u")");
    EXPECT_EQ(sent("SELECT t.city FROM t JOIN u ON t.id = u.id WHERE u.flag LIMIT 3"),
              R"(dl_broadcast_2: SELECT "id", "flag", "city" FROM u WHERE flag)");
    EXPECT_EQ(
        sent("SELECT count(*) FROM t JOIN u USING (id) UNION ALL SELECT sum(id) FROM t JOIN u USING (id)"),
        R"(dl_broadcast_1: SELECT "id" FROM "u")");
}

TEST_F(JoinBroadcast, FirstAndDistinctRowsOfTheJoin) {
    auto planned = plan(
        "SELECT t.id, u.city AS c FROM t JOIN u ON t.id = u.id ORDER BY t.price DESC, c LIMIT 5 OFFSET 2");
    EXPECT_EQ(
        planned.texts,
        (std::vector<std::string>{
            "SELECT t.id AS dl_c0, u.city AS dl_c1, t.price AS dl_o0 FROM (t INNER JOIN dl_broadcast_1 AS u "
            "ON ((t.id = u.id))) ORDER BY t.price DESC, u.city LIMIT 7"}));
    EXPECT_EQ(planned.statement,
              "SELECT dl_fragment_2.dl_c0 AS id, dl_fragment_2.dl_c1 AS c FROM dl_fragment_2 ORDER BY "
              "dl_fragment_2.dl_o0 DESC, dl_fragment_2.dl_c1 LIMIT 5 OFFSET 2");
    EXPECT_EQ(asked("SELECT DISTINCT u.city, t.flag FROM t JOIN u ON t.id = u.id ORDER BY 2"),
              "SELECT DISTINCT u.city AS dl_c0, t.flag AS dl_c1 FROM (t INNER JOIN dl_broadcast_1 AS u ON "
              "((t.id = u.id))) ORDER BY t.flag");
    EXPECT_EQ(plan("SELECT * FROM t JOIN u ON t.id = u.id LIMIT 1").fragments.front().columns.size(), 24u);
    EXPECT_EQ(plan("SELECT u.* FROM t JOIN u ON t.id = u.id LIMIT 1").fragments.front().columns.size(), 12u);
    // A collation would be lost, and windows see all rows.
    for (const char* sql : {"SELECT t.id FROM t JOIN u ON t.id = u.id ORDER BY u.city COLLATE nocase LIMIT 5",
                            "SELECT t.id, row_number() OVER () FROM t JOIN u ON t.id = u.id LIMIT 5",
                            "SELECT t.id, random() FROM t JOIN u ON t.id = u.id LIMIT 5",
                            "SELECT DISTINCT ON (u.city) t.id FROM t JOIN u ON t.id = u.id",
                            "SELECT t.id FROM t JOIN u ON t.id = u.id LIMIT (SELECT 3)",
                            "SELECT t.id FROM t JOIN u ON t.id = u.id LIMIT 10%"}) {
        for (const auto& text : plan(sql).texts)
            EXPECT_EQ(text.find("LIMIT"), std::string::npos) << sql << " -> " << text;
    }
}

TEST_F(JoinBroadcast, RowsWithoutPartnersStay) {
    EXPECT_EQ(
        asked("SELECT t.city, u.city FROM t JOIN u ON t.id = u.id AND t.ratio < u.ratio WHERE t.flag"),
        "SELECT \"id\", \"ratio\", \"flag\", \"city\" FROM t AS t SEMI JOIN dl_broadcast_1 AS u ON (((t.id = "
        "u.id) "
        "AND (t.ratio < u.ratio))) WHERE flag\nSELECT \"id\", \"ratio\", \"flag\", \"city\" FROM \"u\"");
    const auto partners = [&](const std::string& sql) {
        return asked(sql).find("SEMI JOIN dl_broadcast") != std::string::npos;
    };
    for (const char* sql :
         {"SELECT t.id FROM t, u WHERE t.id = u.id", "SELECT id FROM t JOIN u USING (id)",
          "SELECT t.id FROM t NATURAL JOIN u", "SELECT u.id, t.id FROM u LEFT JOIN t ON t.id = u.id",
          "SELECT u.id, t.id FROM t RIGHT JOIN u ON t.id = u.id",
          "SELECT u.id FROM u ANTI JOIN t ON t.id = u.id", "SELECT u.id FROM u SEMI JOIN t ON t.id = u.id",
          "SELECT t.id FROM t SEMI JOIN u ON t.id = u.id", "SELECT median(t.id) FROM t JOIN u ON t.id = u.id",
          "SELECT t.id FROM (t JOIN u ON t.id = u.id) LEFT JOIN v ON v.id = t.id",
          "SELECT t.id FROM t JOIN u ON t.id = u.id JOIN (SELECT 1 AS one) x ON x.one = t.big"}) {
        EXPECT_TRUE(partners(sql)) << sql;
    }
    for (const char* sql :
         {"SELECT t.id, u.id FROM t LEFT JOIN u ON t.id = u.id",
          "SELECT t.id, u.id FROM t FULL JOIN u ON t.id = u.id",
          "SELECT t.id FROM t ANTI JOIN u ON t.id = u.id",
          "SELECT t.id, u.id FROM u RIGHT JOIN t ON t.id = u.id",
          "SELECT t.id, u.id FROM t LEFT JOIN u ON t.id = u.id WHERE coalesce(u.id, t.id) = t.id",
          "SELECT t.id FROM t, u WHERE t.id > u.id", "SELECT t.id FROM t, u WHERE t.id = u.id OR t.flag",
          "SELECT t.id FROM t, u WHERE t.city = u.id", "SELECT t.id FROM t JOIN u ON t.id = u.id + 1",
          "SELECT t.id FROM t ASOF JOIN u ON t.id = u.id AND t.at >= u.at",
          "SELECT t.id FROM t LEFT JOIN (u JOIN v ON u.id = v.id) ON true WHERE t.id = u.id OR u.id IS "
          "NULL"}) {
        EXPECT_FALSE(partners(sql)) << sql;
    }
}

TEST_F(JoinBroadcast, ReservedNamesAreLeftAlone) {
    EXPECT_EQ(sent("WITH dl_broadcast_1 AS (SELECT 1 AS x) SELECT count(*) FROM dl_broadcast_1, t JOIN u ON "
                   "t.id = u.id"),
              "");
}

}  // namespace
}  // namespace dl::master::test
