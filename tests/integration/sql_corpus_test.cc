// Statements over tables that lie on several slaves, compared with DuckDB over one copy of the rows: values,
// names, types and order. The hand-written ones are in sql_corpus.sql, families are made here; those over all
// functions are in sql_functions_test.cc.
#include <gmock/gmock.h>

#include <fstream>
#include <tuple>

#include "tests/integration/corpus_fixture.h"

namespace dl::test {
namespace {

class SqlCorpusTest : public CorpusFixture, public ::testing::WithParamInterface<int> {
  protected:
    void SetUp() override { fill_cluster(GetParam()); }
};

// In parts, so that none takes long on a busy machine.
constexpr int kFileParts = 4;

class SqlFileTest : public CorpusFixture, public ::testing::WithParamInterface<std::tuple<int, int>> {
  protected:
    void SetUp() override { fill_cluster(std::get<0>(GetParam())); }
};

// A block is a statement; blocks are separated by empty lines. In front of it `-- ordered`: the order counts;
// `-- broadcast`: a small table goes along with the fragments of a large one.
TEST_P(SqlFileTest, Statements) {
    std::ifstream file(DL_SQL_CORPUS);
    ASSERT_TRUE(file);
    std::string line, statement;
    bool ordered = false, broadcast = false;
    int number = 0;
    const auto finish = [&] {
        const bool mine = !statement.empty() && number++ % kFileParts == std::get<1>(GetParam());
        if (mine) compare(statement, ordered);
        if (mine && broadcast) {
            EXPECT_TRUE(sends_tables(statement)) << statement;
        }
        statement.clear();
        ordered = broadcast = false;
    };
    while (std::getline(file, line)) {
        if (line.empty()) {
            finish();
        } else if (line == "-- ordered") {
            ordered = true;
        } else if (line == "-- broadcast") {
            broadcast = true;
        } else if (!line.starts_with("--")) {
            statement += (statement.empty() ? "" : "\n") + line;
        }
    }
    finish();
    EXPECT_GE(compared_, 400 / kFileParts);
}

INSTANTIATE_TEST_SUITE_P(Slaves, SqlFileTest,
                         ::testing::Combine(::testing::Values(2, 3), ::testing::Range(0, kFileParts)),
                         [](const auto& param) {
                             return "Of" + std::to_string(std::get<0>(param.param)) + "Part" +
                                    std::to_string(std::get<1>(param.param));
                         });

TEST_P(SqlCorpusTest, EachAggregateOverEachType) {
    const char* aggregates[] = {
        "count(#)",          "min(#)",         "max(#)",     "sum(#)",         "avg(#)",
        "bool_and(#)",       "bit_or(#)",      "product(#)", "arg_max(id, #)", "arg_min(#, id)",
        "count(DISTINCT #)", "sum(DISTINCT #)"};
    for (const auto& column : kColumns.at("items")) {
        if (column.name == std::string("note")) continue;
        for (std::string aggregate : aggregates) {
            // Keys decide between equal values.
            if (aggregate == "arg_max(id, #)") aggregate = "max(id) FILTER (# IS NOT NULL)";
            for (auto at = aggregate.find('#'); at != std::string::npos; at = aggregate.find('#'))
                aggregate.replace(at, 1, column.name);
            compare("SELECT " + aggregate + " FROM items", false);
            compare("SELECT grp, " + aggregate + " AS a FROM items GROUP BY grp", false);
        }
    }
}

TEST_P(SqlCorpusTest, AggregatesInTheirForms) {
    const std::vector<std::string> aggregates = {"count(*)",        "count(n)",       "sum(n)",
                                                 "sum(p)",          "sum(w)",         "sum(d)",
                                                 "avg(n)",          "avg(big)",       "avg(p)",
                                                 "avg(tiny)",       "avg(d)",         "min(s)",
                                                 "max(ts)",         "bool_or(flag)",  "bit_xor(big)",
                                                 "count_if(flag)",  "sum(flag)",      "product(f)",
                                                 "arg_max(s, id)",  "min_by(id, id)", "count(DISTINCT n)",
                                                 "avg(DISTINCT p)", "stddev(d)",      "var_pop(n)",
                                                 "median(n)"};
    for (const auto& aggregate : aggregates) {
        for (const char* form : {"SELECT # FROM items WHERE id < 0", "SELECT # FROM nothing, items",
                                 "SELECT grp, # FROM items WHERE id < 0 GROUP BY grp",
                                 "SELECT # FILTER (WHERE flag), # FROM items",
                                 "SELECT grp, flag, # AS a FROM items GROUP BY ROLLUP (grp, flag)",
                                 "SELECT grp FROM items GROUP BY grp HAVING # IS NOT NULL",
                                 "SELECT a.x FROM (SELECT grp, # AS x FROM items WHERE n > 0 GROUP BY ALL) a",
                                 "SELECT dt IS NULL AS k, # FROM items GROUP BY k"}) {
            std::string statement = form;
            for (auto at = statement.find('#'); at != std::string::npos;
                 at = statement.find('#', at + aggregate.size()))
                statement.replace(at, 1, aggregate);
            // Over a join names would be ambiguous; the join is of nothing anyway.
            if (statement.find("nothing, items") != std::string::npos)
                statement = "SELECT " + aggregate + " FROM (SELECT i.* FROM nothing, items i) items";
            compare(statement, false);
        }
    }
}

TEST_P(SqlCorpusTest, FiltersOverEachType) {
    const std::map<std::string, std::vector<std::string>> values = {
        {"n", {"3", "2.5", "-1e0", "NULL", "'3'", "'x'", "99999999999"}},
        {"big", {"0", "20000000000014", "1.5"}},
        {"d", {"10", "10.25", "1e2", "'nan'"}},
        {"s", {"'apple'", "'42'", "''", "42"}},
        {"dt", {"'2021-05-03'", "date '2021-05-03'", "'2021-02-30'", "timestamp '2021-05-03 10:00:00'"}},
        {"ts", {"'2021-05-03 10:00:00'", "'2021-05-03'", "date '2021-05-03'"}},
        {"p", {"12.5", "12", "12.345", "1e1", "d"}},
        {"w", {"0", "12345678901234567890123.5", "p"}},
        {"b", {"'\\xAA'::blob", "'hi'::blob"}},
        {"flag", {"true", "1", "'yes'"}}};
    for (const auto& [column, list] : values) {
        for (const auto& value : list) {
            for (const char* form :
                 {"SELECT id FROM items WHERE # >= @",
                  "SELECT i.id, c.name FROM items i JOIN cust c ON i.n = c.id AND i.# <> @",
                  "SELECT count(*) FROM items WHERE # IN (@, @) OR # IS NULL"}) {
                std::string statement = form;
                for (auto at = statement.find('#'); at != std::string::npos; at = statement.find('#'))
                    statement.replace(at, 1, column);
                for (auto at = statement.find('@'); at != std::string::npos; at = statement.find('@'))
                    statement.replace(at, 1, value == "d" || value == "p" ? "id::decimal(5)" : value);
                compare(statement, false);
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Slaves, SqlCorpusTest, ::testing::Values(2, 3),
                         [](const auto& param) { return "Of" + std::to_string(param.param); });

}  // namespace
}  // namespace dl::test
