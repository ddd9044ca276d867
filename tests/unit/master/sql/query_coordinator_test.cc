#include "master/sql/query_coordinator.h"

#include <set>
#include <thread>

#include "tests/unit/master/sql/query_coordinator_fixture.h"

namespace dl::master::test {
namespace {

// A database that counts the statements it is given to parse.
class CountingDatabase : public DuckDatabase {
  public:
    Result<std::unique_ptr<DuckSession>> session() override { return database_->session(); }
    std::uint64_t memory_bytes_max() const override { return database_->memory_bytes_max(); }
    Result<std::string> select_tree(std::string_view sql) override {
        ++parsed;
        return database_->select_tree(sql);
    }
    std::atomic<int> parsed{0};

  private:
    std::shared_ptr<DuckDatabase> database_ = open_database();
};

// What both do: the one in this process, and the one with processes of its own.
class QueryCoordinatorTest : public CoordinatorFixture, public ::testing::WithParamInterface<const char*> {
  protected:
    QueryCoordinatorTest() {
        if (std::string(GetParam()) == "InThisProcess") {
            coordinator_ = QueryCoordinator::create(open_database(), slaves_);
            return;
        }
        auto workers = WorkerCoordinator::start(worker_settings(), slaves_, std::make_shared<NoViews>());
        EXPECT_TRUE(workers) << workers.error().to_text();
        if (workers) coordinator_ = std::move(*workers);
    }
};

INSTANTIATE_TEST_SUITE_P(Coordinators, QueryCoordinatorTest, ::testing::Values("InThisProcess", "InWorkers"),
                         [](const auto& one) { return std::string(one.param); });

TEST_P(QueryCoordinatorTest, OneSlaveRunsTheWholeStatement) {
    EXPECT_EQ(rows("SELECT city, id FROM cities WHERE id > 1 ORDER BY city;"),
              (Rows{{"Bern", "3"}, {"Oslo", "2"}}));
    EXPECT_EQ(slaves_.statements,
              (std::vector<std::string>{"b:1: SELECT city, id FROM cities WHERE id > 1 ORDER BY city"}));
}

TEST_P(QueryCoordinatorTest, StatementsWithoutTablesStayOnTheMaster) {
    EXPECT_EQ(rows("SELECT 1 + 1, 'x'"), (Rows{{"2", "x"}}));
    EXPECT_TRUE(slaves_.statements.empty());
}

TEST_P(QueryCoordinatorTest, RowsOfSeveralSlavesAreMerged) {
    EXPECT_EQ(rows("SELECT city, count(*), sum(price) FROM flights GROUP BY city ORDER BY city NULLS FIRST"),
              (Rows{{"~", "1", "~"}, {"Oslo", "1", "2.50"}, {"Rome", "2", "11.50"}}));
    // Only the columns that are needed are asked for.
    const std::set<std::string> asked(slaves_.statements.begin(), slaves_.statements.end());
    for (const auto& statement : asked)
        EXPECT_EQ(statement.find("\"id\""), std::string::npos) << statement;
    EXPECT_EQ(asked.size(), 2u);
    slaves_.statements.clear();
    EXPECT_EQ(rows("SELECT stddev_pop(id) FROM flights WHERE city = 'Rome'"), (Rows{{"1"}}));
    EXPECT_EQ(std::set<std::string>(slaves_.statements.begin(), slaves_.statements.end()),
              (std::set<std::string>{"a:1: SELECT \"id\", \"city\" FROM flights WHERE (city = 'Rome')",
                                     "b:1: SELECT \"id\", \"city\" FROM flights WHERE (city = 'Rome')"}));
    EXPECT_EQ(rows("SELECT count(*) FROM flights"), (Rows{{"4"}}));
    EXPECT_EQ(rows("SELECT f.id, c.id FROM flights f JOIN cities c USING (city) ORDER BY 1"),
              (Rows{{"1", "1"}, {"2", "2"}, {"3", "1"}}));
    EXPECT_EQ(rows("SELECT a.id, b.id FROM flights a, flights b WHERE a.id + 1 = b.id ORDER BY 1"),
              (Rows{{"1", "2"}, {"2", "3"}, {"3", "4"}}));
    EXPECT_EQ(rows("SELECT id FROM flights WHERE price > (SELECT avg(price) FROM flights)"), (Rows{{"3"}}));
    EXPECT_EQ(rows("WITH cities AS (SELECT 1 AS one) SELECT * FROM cities"), (Rows{{"1"}}));
    EXPECT_EQ(rows("SELECT * FROM flights ORDER BY id LIMIT 1"), (Rows{{"1", "Rome", "1.50"}}));
}

TEST_P(QueryCoordinatorTest, TellsTheCut) {
    auto stream = start("SELECT f.id FROM flights f, cities c");
    ASSERT_TRUE(stream);
    EXPECT_EQ((*stream)->offsets(),
              (std::map<std::string, std::map<std::uint32_t, Offset>>{
                  {"flights", {{0, 100}, {1, 101}, {2, 102}}}, {"cities", {{0, 100}}}}));
    EXPECT_EQ(slaves_.pinned_now, 2u);
}

TEST_P(QueryCoordinatorTest, MinOffsetsReachTheSlaves) {
    EXPECT_TRUE(start("SELECT id FROM flights", 10s, {{1, 55}, {2, 66}}));
    EXPECT_EQ(slaves_.min_offsets, (std::map<std::uint32_t, Offset>{{1, 55}, {2, 66}}));
    EXPECT_EQ(start("SELECT 1", 10s, {{1, 55}}).error().code, ErrorCode::invalid_request);
    EXPECT_EQ(start("SELECT id FROM flights", 10s, {{3, 1}}).error().code, ErrorCode::partition_not_found);
}

TEST_P(QueryCoordinatorTest, ThePlainestLookupsWaitWithoutAParser) {
    const auto database = std::make_shared<CountingDatabase>();
    const auto coordinator = QueryCoordinator::create(database, slaves_);
    const auto awaited = [&](const std::string& sql) {
        return coordinator->awaited(sql, lookup(), {{}, {{{1, 55}}, {}}, {}});
    };
    const auto point = awaited("SELECT city FROM flights WHERE id = 7");
    ASSERT_TRUE(point) << point.error().to_text();
    EXPECT_EQ(point->table, tables_["flights"]);
    EXPECT_EQ(point->offsets, (std::map<std::uint32_t, Offset>{{1, 55}}));
    EXPECT_EQ(database->parsed, 0);
    const auto other = awaited("SELECT city FROM flights WHERE id + 0 = 7");
    ASSERT_TRUE(other) << other.error().to_text();
    EXPECT_EQ(other->table, point->table);
    EXPECT_EQ(database->parsed, 1);
    for (const char* sql : {"SELECT city FROM flihgts WHERE id = 7", "SELECT 1"})
        EXPECT_FALSE(awaited(sql)) << sql;
    // Whether a column exists is asked when it runs.
    EXPECT_TRUE(awaited("SELECT nope FROM flights WHERE id = 7"));
}

TEST_P(QueryCoordinatorTest, ErrorsNameWhatIsWrong) {
    EXPECT_EQ(run("SELECT * FROM flihgts").error().to_text(),
              "TABLE_NOT_FOUND: no table 'flihgts', did you mean 'flights'?");
    EXPECT_EQ(run("SELECT nope FROM flights").error().code, ErrorCode::query_error);
    EXPECT_EQ(run("DROP TABLE flights").error().code, ErrorCode::not_supported);
    EXPECT_EQ(run("SELECT * FROM read_csv('/etc/passwd')").error().code, ErrorCode::not_supported);
    slaves_.down = "b:1";
    EXPECT_EQ(run("SELECT * FROM flights").error().to_text(), "UNAVAILABLE: slave b:1 does not answer");
    EXPECT_EQ(rows("SELECT 1"), (Rows{{"1"}}));
    slaves_.down.clear();
    slaves_.breaks = "b:1";
    EXPECT_EQ(run("SELECT sum(id) FROM flights").error().to_text(), "UNAVAILABLE: slave b:1 is gone");
    EXPECT_EQ(run("SELECT * FROM cities").error().to_text(), "UNAVAILABLE: slave b:1 is gone");
}

TEST_P(QueryCoordinatorTest, DescribesWithoutRunning) {
    EXPECT_EQ(shape("SELECT id, city AS c, count(*) n FROM flights GROUP BY ALL"),
              "id int, c string, n long");
    EXPECT_EQ(shape("SELECT * FROM flights WHERE id = $1 AND city IN ($2, 'x') LIMIT $3"),
              shape("SELECT * FROM flights") + "; int; string; long");
    EXPECT_EQ(shape("SELECT city || $1 AS c, $2 + id AS s FROM cities"), "c string, s any; any; any");
    EXPECT_EQ(shape("SELECT id, $1 AS x, city = $2 AS y FROM cities WHERE id = $3"),
              "id int, x any, y boolean; any; any; int");
    params_ = {{SqlLiteral::Kind::text, "x", 0}, {SqlLiteral::Kind::number, "1e0", 0}};
    EXPECT_EQ(shape("SELECT city || $1 AS c, $2 + id AS s FROM cities"), "c string, s double; any; any");
    params_.clear();
    EXPECT_EQ(shape("EXPLAIN SELECT id FROM flights"), "explain_key string, explain_value string");
    EXPECT_TRUE(shape("SELECT id FROM flihgts").starts_with("TABLE_NOT_FOUND"));
    EXPECT_TRUE(shape("SELECT nope FROM flights").starts_with("QUERY_ERROR"));
    EXPECT_TRUE(shape("SELECT getenv($1)").starts_with("NOT_SUPPORTED"));
    EXPECT_TRUE(slaves_.statements.empty());
}

TEST_P(QueryCoordinatorTest, ParametersAreTypedByTheirUse) {
    using Kind = SqlLiteral::Kind;
    params_ = {{Kind::text, "1.50", 0}, {Kind::number, "2.5", 0}};
    EXPECT_EQ(rows("SELECT id FROM flights WHERE price IN ($2, $1) AND '$1' = '$' || '1' ORDER BY id"),
              (Rows{{"1"}, {"2"}}));
    params_ = {{Kind::text, "Rome' OR 1=1 --", 0}};
    EXPECT_EQ(rows("SELECT id FROM flights WHERE city = $1"), Rows{});
    params_ = {{Kind::text, "abc", 0}};
    const auto wrong = run("SELECT id FROM flights WHERE price = $1").error().to_text();
    EXPECT_TRUE(wrong.starts_with("INVALID_VALUE: parameter $1: \"abc\" is not a valid decimal(9,2)"))
        << wrong;
    EXPECT_EQ(run("SELECT id FROM flights").error().code, ErrorCode::invalid_request);
    EXPECT_EQ(run("SELECT id FROM flights WHERE id = $1 OR id = $2").error().code,
              ErrorCode::invalid_request);
    EXPECT_EQ(run("SELECT id FROM flights WHERE id = $name").error().code, ErrorCode::invalid_request);
    params_.clear();
    const auto open = run("SELECT id FROM flights WHERE id = $1").error().to_text();
    EXPECT_TRUE(open.starts_with("NOT_SUPPORTED: the parameter $1 has no value here")) << open;
    slaves_.statements.clear();
    params_ = {{Kind::number, "1", 0}};
    EXPECT_EQ(rows("SELECT city FROM cities WHERE id = $1"), (Rows{{"Rome"}}));
    EXPECT_EQ(slaves_.statements, std::vector<std::string>{"b:1: SELECT city FROM cities WHERE id =  1 "});
}

TEST_P(QueryCoordinatorTest, ANumberBeyondDoubleIsNamed) {
    for (const char* sql : {"SELECT id FROM flights WHERE price < 1e400", "SELECT -1E999 FROM cities"}) {
        const auto refused = run(sql).error().to_text();
        EXPECT_TRUE(refused.starts_with("QUERY_ERROR: the number 1")) << refused;
        EXPECT_NE(refused.find("beyond the largest double"), std::string::npos) << refused;
    }
}

TEST_P(QueryCoordinatorTest, DeadlineAndCancelReachWaitingFragments) {
    slaves_.hang = true;
    for (const std::string sql : {"SELECT sum(id) FROM flights", "SELECT id FROM cities",
                                  "SELECT f.id FROM flights f JOIN cities c USING (id)"}) {
        cancel_ = std::make_shared<QueryCancel>();
        const auto failed = run(sql, 60ms);
        ASSERT_FALSE(failed);
        EXPECT_EQ(failed.error().code, ErrorCode::timeout) << failed.error().to_text();
        cancel_ = std::make_shared<QueryCancel>();
        std::thread canceller([cancel = cancel_] {
            std::this_thread::sleep_for(40ms);
            cancel->cancel();
        });
        const auto cancelled = run(sql);
        canceller.join();
        ASSERT_FALSE(cancelled);
        EXPECT_EQ(cancelled.error().code, ErrorCode::cancelled) << cancelled.error().to_text();
    }
}

TEST_P(QueryCoordinatorTest, EndlessWorkOnTheMasterStopsAtTheDeadline) {
    const auto failed = run("SELECT count(*) FROM range(1000000000000) r(x) WHERE x % 3 = 1", 60ms);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::timeout);
}

TEST_P(QueryCoordinatorTest, ExplainTellsTheWay) {
    auto plan = rows("EXPLAIN SELECT count(*) FROM flights");
    ASSERT_GE(plan.size(), 4u);
    EXPECT_EQ(plan[0], (std::vector<std::string>{"route", "merged on the master: flights from a:1 b:1"}));
    EXPECT_EQ(plan[1], (std::vector<std::string>{"count", "from manifests and marks, no row is read"}));
    EXPECT_EQ(plan[2],
              (std::vector<std::string>{"fragment", "a:1 b:1: SELECT count_star() AS dl_p0 FROM flights"}));
    EXPECT_NE(plan[3][1].find("DL_SCAN"), std::string::npos) << plan[3][1];
    plan = rows("EXPLAIN SELECT count(*) FROM cities");
    ASSERT_GE(plan.size(), 2u);
    EXPECT_EQ(plan[1][0], "count");
    plan = rows("EXPLAIN SELECT count(*) FROM flights WHERE id > 1");
    EXPECT_EQ(plan[1][0], "fragment") << "what is filtered is read";
    plan = rows("EXPLAIN SELECT * FROM cities");
    ASSERT_GE(plan.size(), 2u);
    EXPECT_EQ(plan[0][1], "whole statement on slave b:1");
}

TEST_P(QueryCoordinatorTest, SmallTablesGoAlong) {
    slaves_.table_rows = {{1, 1000}, {2, 3}};
    EXPECT_EQ(rows("SELECT c.id, count(*), sum(f.price) FROM flights f JOIN cities c ON f.city = c.city "
                   "GROUP BY c.id ORDER BY 1"),
              (Rows{{"1", "2", "11.50"}, {"2", "1", "2.50"}}));
    ASSERT_EQ(slaves_.statements.size(), 3u);
    EXPECT_EQ(slaves_.statements[0], "b:1: SELECT \"id\", \"city\", \"price\" FROM \"cities\"");
    EXPECT_EQ(
        slaves_.statements[1].substr(1),
        ":1: SELECT c.id AS dl_g0, count_star() AS dl_p0, sum(f.price) AS dl_p1 FROM (flights AS f INNER "
        "JOIN dl_broadcast_1 AS c ON ((f.city = c.city))) GROUP BY 1");
    EXPECT_EQ(slaves_.sent_rows, (std::vector<std::size_t>{3, 3}));
    // The rows that went along are the ones the master joins with: they are asked for once.
    slaves_.statements.clear();
    EXPECT_EQ(rows("SELECT f.id, c.id FROM flights f JOIN cities c ON f.city = c.city ORDER BY 1"),
              (Rows{{"1", "1"}, {"2", "2"}, {"3", "1"}}));
    EXPECT_EQ(std::count_if(slaves_.statements.begin(), slaves_.statements.end(),
                            [](const auto& asked) { return asked.find("cities") != std::string::npos; }),
              1);
    EXPECT_EQ(rows("SELECT count(*) FROM flights f LEFT JOIN cities c ON f.city = c.city AND c.id > 99"),
              (Rows{{"4"}}));
}

TEST_P(QueryCoordinatorTest, TablesThatTurnOutTooLargeAreNotAskedForTwice) {
    Rows many;
    for (int i = 0; i < 100'001; ++i)
        many.push_back({std::to_string(i), i == 77 ? "Oslo" : "c" + std::to_string(i), "0.00"});
    slaves_.add_rows("b:1", "towns", many);
    tables_["towns"] = table(3, "towns", {"b:1"});
    slaves_.table_rows = {{1, 1'000'000}, {3, 400'000}};  // with a filter a fifth is expected
    EXPECT_EQ(
        rows("SELECT c.id, count(*) FROM flights f JOIN towns c ON f.city = c.city AND c.id >= 0 GROUP BY 1"),
        (Rows{{"77", "1"}}));
    EXPECT_TRUE(slaves_.sent_rows.empty());
    EXPECT_EQ(slaves_.statements.size(), 3u);
    EXPECT_EQ(std::count_if(slaves_.statements.begin(), slaves_.statements.end(),
                            [](const auto& asked) { return asked.find("towns") != std::string::npos; }),
              1);
    // Far too large: what was not read to its end is asked for anew.
    const std::string wide(200, 'x');
    for (auto& row : many)
        row[1] = row[0] == "77" ? "Oslo" : wide + row[0];
    slaves_.add_rows("a:1", "wide", many);
    slaves_.add_rows("b:1", "wide", {{"500000", "Rome", "0.00"}});
    tables_["wide"] = table(4, "wide", {"a:1", "b:1"});
    slaves_.table_rows = {{1, 1'000'000}, {4, 50'000}};
    EXPECT_EQ(
        rows("SELECT c.id, count(*) FROM flights f JOIN wide c ON f.city = c.city GROUP BY 1 ORDER BY 1"),
        (Rows{{"77", "1"}, {"500000", "2"}}));
    EXPECT_TRUE(slaves_.sent_rows.empty());
}

TEST_P(QueryCoordinatorTest, ReadingSmallTablesStopsToo) {
    slaves_.table_rows = {{1, 1000}, {2, 3}};
    const std::string sql =
        "SELECT c.id, count(*) FROM flights f JOIN cities c ON f.city = c.city GROUP BY 1";
    slaves_.breaks = "b:1";
    EXPECT_EQ(run(sql).error().to_text(), "UNAVAILABLE: slave b:1 is gone");
    slaves_.breaks.clear();
    slaves_.hang = true;
    EXPECT_EQ(run(sql, 60ms).error().code, ErrorCode::timeout);
}

TEST_P(QueryCoordinatorTest, ExplainTellsWhatGoesAlong) {
    slaves_.table_rows = {{1, 1000}, {2, 3}};
    const auto plan =
        rows("EXPLAIN SELECT c.id, count(*) FROM flights f JOIN cities c ON f.city = c.city GROUP BY 1");
    ASSERT_GE(plan.size(), 4u);
    EXPECT_EQ(plan[1], (std::vector<std::string>{
                           "broadcast",
                           "cities (3 rows max) as dl_broadcast_1 to 2 slaves; b:1: SELECT \"id\", \"city\" "
                           "FROM \"cities\""}));
    EXPECT_EQ(plan[2][0], "fragment");
    EXPECT_NE(plan[2][1].find("JOIN dl_broadcast_1 AS c"), std::string::npos) << plan[2][1];
    EXPECT_TRUE(slaves_.statements.empty());
}

TEST_P(QueryCoordinatorTest, AbandonedStreamLetsGo) {
    {
        auto stream = start("SELECT a.id FROM flights a, flights b, range(3000000) r(x)");
        ASSERT_TRUE(stream);
        ASSERT_TRUE((*stream)->next());
    }
    EXPECT_EQ(slaves_.pinned_now, 0u);
}

TEST(QueryPlanner, GroupsPartitionsBySlave) {
    const QueryTables tables{{"flights", table(1, "flights", {"a:1", "b:1", "a:1"})},
                             {"cities", table(2, "cities", {"b:1"})}};
    const auto plan = plan_query(tables, leader_of, {});
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->way, QueryPlan::Way::merge);
    ASSERT_EQ(plan->pins.size(), 2u);
    EXPECT_EQ(plan->pins[0].node, "b:1");
    EXPECT_EQ(plan->pins[1].node, "a:1");
    EXPECT_EQ(plan->pins[0].tables.size(), 2u);
    const auto& asked = plan->pins[1].tables[0].asked.partitions;
    ASSERT_EQ(asked.size(), 2u);
    EXPECT_EQ(asked[0].partition, PartitionId{0});
    EXPECT_EQ(asked[1].partition, PartitionId{2});
    EXPECT_EQ(plan_query({{"cities", tables.at("cities")}}, leader_of, {})->way, QueryPlan::Way::whole);
    EXPECT_EQ(plan_query({}, leader_of, {})->way, QueryPlan::Way::local);
    const auto lost = plan_query({{"x", table(3, "x", {"a:1", ""})}}, leader_of, {});
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().to_text(), "UNAVAILABLE: partition 1 of table 'x' is on no slave");
}

}  // namespace
}  // namespace dl::master::test
