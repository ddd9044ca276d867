#include "master/sql/filter_pushdown.h"

#include "tests/unit/master/sql/pushdown_test_support.h"

namespace dl::master::test {
namespace {

class FilterPushdown : public PushdownTest {
  protected:
    // `asked` without the columns.
    std::string filters(const std::string& sql) {
        std::string lines;
        for (const auto& text : plan(sql).texts)
            lines += (lines.empty() ? "" : "\n") + text.substr(text.find(" FROM ") + 6);
        return lines;
    }
};

TEST_F(FilterPushdown, TermsThatHaveAValueForEveryRow) {
    EXPECT_EQ(asked("SELECT id FROM t WHERE id > 3 AND city LIKE 'a%'"),
              R"(SELECT "id", "city" FROM t WHERE ((id > 3) AND (city ~~ 'a%')))");
    for (const auto& [condition, pushed] : std::initializer_list<std::pair<const char*, const char*>>{
             {"id = 3", "(id = 3)"},
             {"3 < t.id", "(3 < id)"},
             {"flag", "flag"},
             {"id IN (1, 2, 3)", "(id IN (1, 2, 3))"},
             {"city NOT IN ('a', NULL)", "(NOT (city IN ('a', NULL)))"},
             {"price > 1.5", "(price > 1.5)"},
             {"price BETWEEN 1 AND big", "(price BETWEEN 1 AND big)"},
             {"id IS NOT DISTINCT FROM big", "(id IS NOT DISTINCT FROM big)"},
             {"NOT (flag OR ratio + 1.5::double > big)", nullptr},
             {"ratio * ratio > big", "((ratio * ratio) > big)"},
             {"city IS NULL", "(city IS NULL)"},
             {"upper(city) = 'A' OR length(city) < 3", "((upper(city) = 'A') OR (length(city) < 3))"},
             {"day >= '2024-01-31'", "(\"day\" >= '2024-01-31')"},
             {"t.at < '2024-02-29 10:00:00'", nullptr},
             {"t.at < '2024-02-28 10:00:00'", "(\"at\" < '2024-02-28 10:00:00')"},
             {"day > date '2024-01-01'", "(\"day\" > CAST('2024-01-01' AS DATE))"},
             {"year(day) = 2024", "(\"year\"(\"day\") = 2024)"},
             {"\"ORDER\" = 4", "(\"Order\" = 4)"},
             {"city = 'it''s'", "(city = 'it''s')"}}) {
        const auto got = filters(std::string("SELECT id FROM t WHERE ") + condition);
        if (pushed != nullptr) {
            EXPECT_EQ(got, std::string("t WHERE ") + pushed);
        } else {
            EXPECT_TRUE(got.starts_with("t WHERE COALESCE(TRY(")) << condition << " -> " << got;
        }
    }
}

TEST_F(FilterPushdown, TermsThatCanFailLeaveTheRowToTheMaster) {
    EXPECT_EQ(filters("SELECT id FROM t WHERE CAST(city AS INT) > 3"),
              "t WHERE COALESCE(TRY(CAST((CAST(city AS INTEGER) > 3) AS BOOLEAN)), CAST('t' AS BOOLEAN))");
    for (const char* condition :
         {"city = 5", "id = 'x'", "id + 1 > 3", "wide > 2", "day < '2024-02-30'", "day < 'today'", "id",
          "big // 2 = 1", "CASE WHEN flag THEN id > 1 END", "coalesce(flag, id > 1)", "day = t.at",
          "id IN (1, 'x')", "substr(city, 2) = 'a'"}) {
        EXPECT_TRUE(filters(std::string("SELECT id FROM t WHERE ") + condition)
                        .starts_with("t WHERE COALESCE(TRY(CAST("))
            << condition << " -> " << filters(std::string("SELECT id FROM t WHERE ") + condition);
    }
}

TEST_F(FilterPushdown, TermsThatStay) {
    for (const char* condition :
         {"random() > 0.5", "t.at < now()", "day = current_date", "id > (SELECT avg(id) FROM t)",
          "id IN (SELECT id FROM t)", "age(t.at) > interval 1 day", "1 = 1", "x.id = 3 OR random() > 0.5",
          "list_contains(list_transform([id], y -> y + 1), 2)", "uuid()::text > city", "nullif(id, 2) = 1"}) {
        const auto texts =
            plan(std::string("SELECT id FROM t, u x WHERE t.big = x.big AND ") + condition).texts;
        for (const auto& text : texts) {
            EXPECT_EQ(text.find("WHERE"), std::string::npos) << condition << " -> " << text;
        }
    }
}

TEST_F(FilterPushdown, JoinsPushWhereRowsCannotComeBackAsNulls) {
    EXPECT_EQ(filters("SELECT a.id FROM t a JOIN t b ON a.id = b.big AND b.flag "
                      "WHERE a.city = 'x' AND b.day IS NOT NULL AND a.id > b.id"),
              "t WHERE (city = 'x')\nt WHERE ((\"day\" IS NOT NULL) AND flag)");
    const std::string on = " ON t.id = u.id AND u.flag AND t.city = 'z' WHERE t.price > 1 AND u.city IS NULL";
    EXPECT_EQ(filters("SELECT t.id FROM t LEFT JOIN u" + on), "t WHERE (price > 1)\nu WHERE flag");
    EXPECT_EQ(filters("SELECT t.id FROM t RIGHT JOIN u" + on),
              "t WHERE (city = 'z')\nu WHERE (city IS NULL)");
    EXPECT_EQ(filters("SELECT t.id FROM t FULL JOIN u" + on), "\"t\"\n\"u\"");
    EXPECT_EQ(filters("SELECT t.id FROM t SEMI JOIN u ON t.id = u.id AND u.flag WHERE t.price > 1"),
              "t WHERE (price > 1)\nu WHERE flag");
    EXPECT_EQ(
        filters("SELECT t.id FROM t ANTI JOIN u ON t.id = u.id AND u.flag AND t.flag WHERE t.price > 1"),
        "t WHERE (price > 1)\nu WHERE flag");
    EXPECT_EQ(filters("SELECT t.id FROM t LEFT JOIN (u JOIN v ON u.id = v.id AND v.flag) ON u.id = t.id "
                      "WHERE v.city = 'a' AND t.city = 'b'"),
              "t WHERE (city = 'b')\nv WHERE flag\n\"u\"");
    EXPECT_EQ(filters("SELECT t.id FROM t ASOF JOIN u ON t.id = u.id AND t.at >= u.at "
                      "WHERE t.flag AND u.flag"),
              "t WHERE flag\n\"u\"");
    EXPECT_EQ(filters("SELECT t.id FROM t POSITIONAL JOIN u WHERE t.flag AND u.flag"), "\"t\"\n\"u\"");
    EXPECT_EQ(filters("SELECT t.id FROM t, u, v WHERE t.id = u.id AND t.city = 'a' AND u.city = 'b' AND "
                      "v.\"Order\" = 4"),
              "t WHERE (city = 'a')\nu WHERE (city = 'b')\nv WHERE (\"Order\" = 4)");
}

TEST_F(FilterPushdown, NamesThatMeanNoSingleTableStay) {
    EXPECT_EQ(filters("SELECT t.city FROM t JOIN u USING (id) WHERE id > 3 AND t.big = 1"),
              "t WHERE (big = 1)\n\"u\"");
    EXPECT_EQ(filters("SELECT t.city FROM t NATURAL JOIN u WHERE flag AND t.big = 1"),
              "t WHERE (big = 1)\n\"u\"");
    EXPECT_EQ(filters("SELECT x FROM t AS s(x, y) WHERE x > 3"), "\"t\"");
    EXPECT_EQ(filters("SELECT main.t.id FROM t WHERE id = 3"), "\"t\"");
    EXPECT_EQ(filters("SELECT id + 1 AS n FROM t WHERE n > 3"), "\"t\"");
    EXPECT_EQ(filters("SELECT id FROM t TABLESAMPLE 50% WHERE id > 3"), "\"t\"");
    // The name means the inner table here, and the outer one there.
    EXPECT_EQ(filters("SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE flag AND u.id = t.id)"),
              "u WHERE flag\n\"t\"");
    EXPECT_EQ(filters("SELECT id FROM t WHERE EXISTS (SELECT 1 FROM range(3) r(n) WHERE flag)"), "\"t\"");
}

TEST_F(FilterPushdown, EveryNodeByItself) {
    EXPECT_EQ(filters("SELECT * FROM (SELECT id, city FROM t WHERE id < 10) s WHERE city = 'q'"),
              "t WHERE (id < 10)");
    EXPECT_EQ(filters("WITH t AS (SELECT * FROM u WHERE id = 1) SELECT * FROM t WHERE id = 2"),
              "u WHERE (id = 1)");
    EXPECT_EQ(filters("SELECT id FROM t WHERE flag UNION ALL SELECT id FROM t WHERE id = 2"),
              "t WHERE flag\nt WHERE (id = 2)");
    EXPECT_EQ(filters("WITH RECURSIVE t AS (SELECT 1 AS id UNION ALL SELECT t.id + 1 FROM t, u "
                      "WHERE t.id < 5 AND u.flag) SELECT * FROM t WHERE id > 2"),
              "u WHERE flag");
}

}  // namespace
}  // namespace dl::master::test
