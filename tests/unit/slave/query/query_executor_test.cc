#include "slave/query/query_executor.h"

#include <thread>

#include "slave/query/found_rows.h"
#include "slave/query/view_sql.h"
#include "tests/unit/slave/query/query_fixture.h"

namespace dl::slave::test {
namespace {

// What both engines do: the one in this process, and the one with processes of its own.
class QueryExecutorTest : public QueryFixture, public ::testing::WithParamInterface<const char*> {
  protected:
    QueryExecutorTest() {
        if (std::string(GetParam()) == "InThisProcess") {
            executor_ = in_this_process(folder_.path());
            return;
        }
        auto workers = WorkerExecutor::create(worker_settings());
        EXPECT_TRUE(workers) << workers.error().to_text();
        if (workers) executor_ = std::move(*workers);
    }
};

INSTANTIATE_TEST_SUITE_P(Engines, QueryExecutorTest, ::testing::Values("InThisProcess", "InWorkers"),
                         [](const auto& engine) { return std::string(engine.param); });

TEST_P(QueryExecutorTest, FilesWithAndWithoutDeadRowsAndTailsAreOneTable) {
    auto a = std::make_shared<TestView>();
    a->parquet.push_back(
        write_file("it's a.parquet", {{"1", "old"}, {"2", "two"}, {"3", "~"}, {"9", "x"}}, false, {0, 3}));
    a->parquet.push_back(write_file("b.parquet", {{"4", "four"}, {"5", "five"}}, false, {}));
    a->parquet.push_back(write_file("c.parquet", {{"6", "six"}}, false, {}));
    a->parquet.push_back(write_file("d.parquet", {{"7", "seven", "added"}}, true, {}));
    a->parquet.push_back(write_file("all dead.parquet", {{"7", "seven", "added"}}, true, {0}));
    a->units.push_back(tail_unit({{"1", "new", "a"}, {"10", "ten", "~"}}));
    auto b = std::make_shared<TestView>();
    b->units.push_back(tail_unit({{"11", "eleven", "b"}}));
    pin({a, b, std::make_shared<TestView>()});
    const Rows all{{"1", "new", "a"},       {"2", "two", "none's"},  {"3", "~", "none's"},
                   {"4", "four", "none's"}, {"5", "five", "none's"}, {"6", "six", "none's"},
                   {"7", "seven", "added"}, {"10", "ten", "~"},      {"11", "eleven", "b"}};
    EXPECT_EQ(rows("SELECT * FROM t ORDER BY id"), all);
    EXPECT_EQ(rows("SELECT count(*) FROM T"), (Rows{{"9"}}));
    EXPECT_EQ(rows("SELECT \"Straße\", count(*) FROM t WHERE id BETWEEN 2 AND 7 GROUP BY 1 ORDER BY 1"),
              (Rows{{"added", "1"}, {"none's", "5"}}));
    EXPECT_EQ(rows("SELECT a.id, b.name FROM t a JOIN t b ON a.id + 1 = b.id WHERE a.id < 3 ORDER BY 1"),
              (Rows{{"1", "two"}, {"2", "~"}}));
    EXPECT_EQ(rows("WITH t AS (SELECT 1 x) SELECT * FROM t"), (Rows{{"1"}}));
    const auto plan = rows("EXPLAIN SELECT id FROM t WHERE id = 3");
    ASSERT_EQ(plan.size(), 1u);
    EXPECT_EQ(plan[0][0], "physical_plan");
}

// Else the engine reads the first column of a table that lies in more than one place, whichever is asked for.
TEST_P(QueryExecutorTest, AConditionReadsItsOwnColumnsOnly) {
    auto view = std::make_shared<TestView>();
    view->parquet.push_back(write_file("a.parquet", {{"1", "one"}, {"2", "two"}}, false, {}));
    view->units.push_back(tail_unit({{"3", "two", "~"}}));
    pin({view});
    EXPECT_EQ(rows("SELECT count(*) FROM t WHERE name = 'two'"), (Rows{{"2"}}));
    const auto plan = rows("EXPLAIN SELECT count(*) FROM t WHERE name = 'two'")[0][1];
    EXPECT_NE(plan.find("f2 = 'two'"), std::string::npos) << plan;
    EXPECT_EQ(plan.find("f1"), std::string::npos) << plan;
    EXPECT_EQ(rows("SELECT * FROM t ORDER BY id"),
              (Rows{{"1", "one", "none's"}, {"2", "two", "none's"}, {"3", "two", "~"}}));
}

TEST_P(QueryExecutorTest, LongListsHaveAllTheirValues) {
    auto view = std::make_shared<TestView>();
    view->parquet.push_back(write_file("a.parquet", {{"1", "one"}, {"1999", "it's"}}, false, {}));
    view->units.push_back(tail_unit({{"3000", "'", "~"}, {"-7", "x", "~"}}));
    pin({view});
    std::string numbers = "-7", texts = "'it''s'";
    for (int i = 1; i < 2000; ++i) {
        numbers += "," + std::to_string(i);
        texts += ",'" + std::to_string(i) + "'";
    }
    EXPECT_EQ(rows("SELECT id FROM t WHERE id IN (" + numbers + ") ORDER BY id"),
              (Rows{{"-7"}, {"1"}, {"1999"}}));
    EXPECT_EQ(rows("SELECT count(*) FROM t WHERE id NOT IN (" + numbers + ")"), (Rows{{"1"}}));
    EXPECT_EQ(rows("SELECT count(*) FROM t WHERE name IN (" + texts + ",'''')"), (Rows{{"2"}}));
}

// Of files that are not even there.
TEST_P(QueryExecutorTest, CountsOfWholeTablesReadNothing) {
    auto a = std::make_shared<TestView>(), b = std::make_shared<TestView>();
    a->exact = b->exact = true;
    ViewFile clean, dirty;
    clean.path = folder_.path("gone.parquet");
    clean.rows = 5'998'000'000;
    dirty.path = folder_.path("gone too.parquet");
    dirty.rows = 2'000'000;
    dirty.dead_rows = 30;
    dirty.filter = std::make_shared<DeadRows>(std::set<std::int64_t>{1});
    a->parquet = {clean, dirty};
    b->units.push_back(tail_unit({{"1", "new", "a"}, {"10", "ten", "~"}}));
    pin({a, b});
    const std::string count = "5999999972";
    for (const char* sql : {"SELECT count(*) FROM t", "SELECT COUNT ( * ) FROM T AS x;",
                            "SELECT count(*) n FROM t", "SELECT count_star() FROM t"})
        EXPECT_EQ(rows(sql), (Rows{{count}})) << sql;
    EXPECT_EQ(rows("SELECT 'it''s', count(*) AS \"n n\", count(*), -2, NULL, 1.50 FROM t"),
              (Rows{{"it's", count, count, "-2", "~", "1.50"}}));
    auto running = executor_->start(query("SELECT count(*), 7 AS seven, count(*) AS n FROM t"));
    ASSERT_TRUE(running) << running.error().to_text();
    std::vector<std::string> columns;
    for (const auto& column : (*running)->columns())
        columns.push_back(column.name + " " + type_name(column.type));
    EXPECT_EQ(columns, (std::vector<std::string>{"count_star() long", "seven int", "n long"}));
    EXPECT_EQ(rows("EXPLAIN SELECT count(*) FROM t")[0][1].find("READ_PARQUET"), std::string::npos);

    // Everything else looks at the rows.
    for (const char* sql :
         {"SELECT count(*) FROM t WHERE id > 0", "SELECT count(id) FROM t", "SELECT count(*), max(id) FROM t",
          "SELECT count(*) FILTER (WHERE id > 0) FROM t", "SELECT count(*) FROM t GROUP BY ALL",
          "SELECT count(*) FROM t GROUP BY id", "SELECT count(*) FROM t HAVING max(id) > 1",
          "SELECT count(*) FROM t a, t b", "SELECT count(*) FROM t TABLESAMPLE 10%", "SELECT 1 FROM t",
          "SELECT count(*) OVER () FROM t", "SELECT count(*) FROM (SELECT * FROM t)",
          "SELECT count(DISTINCT id) FROM t", "SELECT count(*) + sum(id) FROM t",
          "WITH u AS (SELECT 1) SELECT count(*), (SELECT max(id) FROM t) FROM t",
          "SELECT count(*) FROM t UNION ALL SELECT count(id) FROM t"})
        EXPECT_FALSE(run(sql)) << sql;

    // Where only about as many are known, and where keys are looked up, they are scanned.
    b->exact = false;
    EXPECT_FALSE(run("SELECT count(*) FROM t"));
}

TEST_P(QueryExecutorTest, TablesThatCameAlongAreJoined) {
    auto a = std::make_shared<TestView>();
    a->units.push_back(tail_unit({{"1", "x", "a"}, {"2", "y", "b"}, {"3", "~", "c"}, {"4", "x", "d"}}));
    pin({a});
    BroadcastTable small;
    small.name = "dl_broadcast_1";
    small.columns = {{"key", type_of("string")}, {"p", type_of("decimal(4,1)")}};
    // Field ids mean nothing here, and two batches are one table.
    for (const Rows& texts : {Rows{{"x", "1.5"}, {"x", "2.5"}}, Rows{{"z", "~"}, {"~", "9.0"}}})
        small.batches.push_back(
            text_batch({{FieldId{1}, type_of("string")}, {FieldId{1}, type_of("decimal(4,1)")}}, texts));
    BroadcastTable empty;
    empty.name = "dl_broadcast_2";
    empty.columns = {{"key", type_of("int")}};
    const auto joined = [&](const std::string& sql) -> Result<Rows> {
        auto asked = query(sql);
        asked.broadcasts = {small, empty};
        return run(std::move(asked));
    };
    EXPECT_EQ(*joined("SELECT t.id, b.p FROM t JOIN dl_broadcast_1 b ON t.name = b.key ORDER BY 1, 2"),
              (Rows{{"1", "1.5"}, {"1", "2.5"}, {"4", "1.5"}, {"4", "2.5"}}));
    EXPECT_EQ(
        *joined(
            "SELECT count(*), count(b.p), count(e.key) FROM t LEFT JOIN dl_broadcast_1 b ON t.name = b.key "
            "LEFT JOIN dl_broadcast_2 e ON e.key = t.id"),
        (Rows{{"6", "4", "0"}}));
    EXPECT_EQ(*joined("SELECT count(*) FROM dl_broadcast_1 a, dl_broadcast_1 b"), (Rows{{"16"}}));
    EXPECT_EQ(joined("SELECT * FROM dl_broadcast_3").error().code, ErrorCode::table_not_found);
    EXPECT_EQ(run("SELECT * FROM dl_broadcast_1").error().code, ErrorCode::table_not_found);
}

TEST_P(QueryExecutorTest, RowsOfKeysAreLookedUpAndWhatCannotIsScanned) {
    const std::vector<std::string> texts{"1", "2"};
    const auto hashes = *hash_key_texts(table_, texts);
    auto a = std::make_shared<TestView>();
    a->indexed = true;
    a->by_key[hashes[0]] = tail_unit({{"1", "indexed", "a"}});
    // A record from before the last column was added.
    a->by_key[hashes[1]] = {
        text_batch({{FieldId{1}, type_of("int")}, {FieldId{2}, type_of("string")}}, {{"2", "~"}})};
    a->units.push_back(tail_unit({{"1", "scanned", "a"}, {"3", "three", "c"}}));
    auto view = [&](std::optional<std::vector<Hash128>> keys) {
        auto made = std::make_shared<QueryView>();
        auto& pinned = made->tables[TableId{5}];
        pinned.table = std::make_shared<TableMeta>(table_);
        pinned.partitions[PartitionId{0}] = a;
        pinned.keys = std::move(keys);
        view_ = made;
    };
    view(hashes);
    EXPECT_EQ(rows("SELECT *, 1 FROM t WHERE id IN (1, 2) ORDER BY id"),
              (Rows{{"1", "indexed", "a", "1"}, {"2", "~", "none's", "1"}}));
    EXPECT_EQ(rows("SELECT count(*) FROM t WHERE id = 1"), (Rows{{"1"}}));
    // The plainest form needs no keys beside it.
    view(std::nullopt);
    EXPECT_EQ(rows("select * from t where id = 2"), (Rows{{"2", "~", "none's"}}));
    auto found = rows("select name, id from t where id in (1, 2, 9, 1)");
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, (Rows{{"indexed", "1"}, {"~", "2"}}));
    EXPECT_EQ(rows("select name from t where id = 9"), Rows{});
    EXPECT_EQ(rows("SELECT name FROM t WHERE id = 1 AND true"), (Rows{{"scanned"}}));
    EXPECT_FALSE(run("select nope from t where id = 1"));
    a->indexed = false;
    view(hashes);
    EXPECT_EQ(rows("select name from t where id = 1"), (Rows{{"scanned"}}));
    EXPECT_EQ(rows("SELECT count(*) FROM t"), (Rows{{"2"}}));
    const std::vector<std::string> bad{"x"};
    EXPECT_EQ(hash_key_texts(table_, bad).error().code, ErrorCode::invalid_value);
}

TEST_P(QueryExecutorTest, EmptyTableHasItsColumns) {
    pin({std::make_shared<TestView>()});
    auto running = executor_->start(query("SELECT * FROM t"));
    ASSERT_TRUE(running) << running.error().to_text();
    ASSERT_EQ((*running)->columns().size(), 3u);
    EXPECT_EQ((*running)->columns()[2].name, "Straße");
    EXPECT_EQ((*running)->columns()[0].type, type_of("int"));
    EXPECT_FALSE((*running)->next()->has_value());
}

TEST_P(QueryExecutorTest, TheGateHoldsHereToo) {
    pin({std::make_shared<TestView>()});
    for (const std::string sql :
         {"SELECT * FROM read_text('/etc/passwd')", "COPY t TO 'x.csv'", "SELECT * FROM u", "DROP TABLE t"}) {
        EXPECT_FALSE(run(sql)) << sql;
    }
}

TEST_P(QueryExecutorTest, DeadlineAndCancelStopARunningQuery) {
    pin({std::make_shared<TestView>()});
    const std::string endless = "SELECT count(*) FROM range(1000000000000) r(x) WHERE x % 3 = 1";
    // Beginning may fail, or the first row.
    const auto end_of = [&](const auto& endless_query) {
        auto running = executor_->start(endless_query);
        if (running.has_error()) return running.error().code;
        const auto batch = (*running)->next();
        return batch.has_error() ? batch.error().code : ErrorCode::internal;
    };
    EXPECT_EQ(end_of(query(endless, 80ms)), ErrorCode::timeout);

    auto cancelled = query(endless);
    std::thread canceller([cancel = cancelled.cancel] {
        std::this_thread::sleep_for(80ms);
        cancel->cancel();
    });
    EXPECT_EQ(end_of(cancelled), ErrorCode::cancelled);
    canceller.join();
}

TEST_P(QueryExecutorTest, OneThatWasStoppedBeforeItBeganDoesNotRun) {
    pin({std::make_shared<TestView>()});
    auto cancelled = query("SELECT 1");
    cancelled.cancel->cancel();
    EXPECT_EQ(executor_->start(cancelled).error().code, ErrorCode::cancelled);
}

TEST(QueryViews, LeasesEndAndAreRenewed) {
    auto now = QueryViews::Clock::now();
    QueryViews views(2, [&] { return now; });
    const auto a = views.add({}, 100ms);
    const auto b = views.add({}, 1000ms);
    ASSERT_TRUE(a && b);
    EXPECT_NE(*a, *b);
    EXPECT_LT(*a, std::uint64_t{1} << 53);
    EXPECT_EQ(views.add({}, 1s).error().code, ErrorCode::overloaded);
    now += 90ms;
    ASSERT_TRUE(views.use(*a));
    now += 90ms;
    ASSERT_TRUE(views.use(*a));
    now += 110ms;
    EXPECT_EQ(views.use(*a).error().code, ErrorCode::unavailable);
    EXPECT_EQ(views.size(), 1u);
    views.remove(*b);
    views.remove(*b);
    EXPECT_EQ(views.size(), 0u);
    ASSERT_TRUE(views.add({}, 10ms));
    ASSERT_TRUE(views.add({}, 10ms));
    now += 20ms;
    ASSERT_TRUE(views.add({}, 10ms));  // makes room by itself
    now += 20ms;
    EXPECT_EQ(views.expire(), 1u);
}

}  // namespace
}  // namespace dl::slave::test
