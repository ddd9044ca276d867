// What processes of their own for SELECTs of the master are for: that nothing a statement does reaches
// anything else.
#include "master/sql/worker_coordinator.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <thread>

#include "common/base/log.h"
#include "master/sql/query_worker.h"
#include "tests/unit/common/worker/hostile_worker.h"
#include "tests/unit/master/sql/hostile_select_worker.h"
#include "tests/unit/master/sql/query_coordinator_fixture.h"

namespace dl::master::test {
namespace {

using Clock = std::chrono::steady_clock;

// The engine does not look for an interrupt while it compares two texts.
const std::string kDeaf = "SELECT levenshtein(repeat('ab', 200000), repeat('ba', 200000))";
const std::string kMerged = "SELECT city, count(*) FROM flights WHERE city = 'Rome' GROUP BY city";

class WorkerCoordinatorTest : public CoordinatorFixture {
  protected:
    WorkerCoordinatorTest() { set_log_level(LogLevel::off); }
    ~WorkerCoordinatorTest() override {
        coordinator_.reset();
        ::unsetenv("DL_FAILPOINT");
        set_log_level(LogLevel::info);
    }
    void begin(WorkerSettings settings = worker_settings()) {
        auto started = WorkerCoordinator::start(std::move(settings), slaves_);
        ASSERT_TRUE(started) << started.error().to_text();
        workers_ = started->get();
        coordinator_ = std::move(*started);
    }
    void expect_serving() { EXPECT_EQ(rows(kMerged), (Rows{{"Rome", "2"}})); }
    ErrorCode code_of(const std::string& sql, std::chrono::milliseconds time = 30s) {
        cancel_ = std::make_shared<QueryCancel>();
        const auto found = run(sql, time);
        cancel_ = std::make_shared<QueryCancel>();
        return found ? ErrorCode::internal : found.error().code;
    }

    WorkerCoordinator* workers_ = nullptr;
};

TEST_F(WorkerCoordinatorTest, WhatCannotBeInterruptedEndsInTimeAllTheSame) {
    begin();
    const auto from = Clock::now();
    EXPECT_EQ(code_of(kDeaf, 300ms), ErrorCode::timeout);
    EXPECT_LT(Clock::now() - from, 5s);
    EXPECT_EQ(workers_->crashes(), 0u) << "a deadline is no crash";
    expect_serving();
}

// 60 sub-selects in one another: planning doubles with each.
TEST_F(WorkerCoordinatorTest, PlanningWithoutEndEndsInTimeToo) {
    begin();
    std::string sql = "x";
    for (int i = 0; i < 60; ++i)
        sql = "(SELECT " + sql + ")";
    const auto from = Clock::now();
    const auto found = run("SELECT " + sql + " FROM (SELECT 1 AS x)", 500ms);
    EXPECT_LT(Clock::now() - from, 5s);
    EXPECT_EQ(found ? ErrorCode::timeout : found.error().code, ErrorCode::timeout);
    cancel_ = std::make_shared<QueryCancel>();
    expect_serving();
}

TEST_F(WorkerCoordinatorTest, MemoryBeyondTheShareIsAnErrorOfTheStatement) {
    auto settings = worker_settings();
    settings.memory_bytes = 128u << 20;
    begin(settings);
    const auto failed = run("SELECT length(repeat(repeat('x', 1000000), 3000))", 60s);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::limit_exceeded) << failed.error().to_text();
    EXPECT_THAT(failed.error().message, ::testing::HasSubstr("master.query.memory.bytes"));
    expect_serving();
}

// Rows of a statement that one slave runs do not pass the process, which is free at once.
TEST_F(WorkerCoordinatorTest, RowsOfOneSlaveHoldNoProcess) {
    begin();
    auto stream = start("SELECT city, id FROM cities WHERE id > 0 ORDER BY id", 60s);
    ASSERT_TRUE(stream) << stream.error().to_text();
    EXPECT_EQ(workers_->ready_now(), 1u);
    auto batch = (*stream)->next();
    ASSERT_TRUE(batch && *batch);
    EXPECT_EQ((*batch)->rows(), 3u);
    EXPECT_EQ((*stream)->offsets().at("cities"), (std::map<std::uint32_t, Offset>{{0, 100}}));
}

// What is still on its way when a statement is cancelled is not all there is.
TEST_F(WorkerCoordinatorTest, ACancelledResultHasNoEnd) {
    begin();
    auto stream = start("SELECT x FROM range(20000) r(x)", 60s);
    ASSERT_TRUE(stream) << stream.error().to_text();
    ASSERT_TRUE((*stream)->next());
    std::this_thread::sleep_for(200ms);  // all of it is in the socket
    cancel_->cancel();
    for (;;) {
        const auto batch = (*stream)->next();
        if (batch && *batch) continue;
        ASSERT_FALSE(batch) << "an end without all rows";
        EXPECT_EQ(batch.error().code, ErrorCode::cancelled);
        return;
    }
}

TEST_F(WorkerCoordinatorTest, AKeptPlanFollowsTheLeader) {
    begin();
    const std::string sql = "SELECT city, id FROM cities WHERE id > 0 ORDER BY id";
    EXPECT_EQ(rows(sql).size(), 3u);
    slaves_.add_rows("a:1", "cities", {{"9", "Lima", "0.00"}});
    leaders_of["cities"] = {"a:1"};
    EXPECT_EQ(rows(sql), (Rows{{"Lima", "9"}}));
}

TEST_F(WorkerCoordinatorTest, PlansAreKeptForTheirParameters) {
    begin();
    const std::string sql = "SELECT city FROM cities WHERE id + 0 = $1";
    for (const char* id : {"1", "2", "1", "3"}) {
        SqlLiteral value;
        value.kind = SqlLiteral::Kind::number;
        value.text = id;
        params_ = {value};
        const auto expected = std::string(id) == "1" ? "Rome" : std::string(id) == "2" ? "Oslo" : "Bern";
        EXPECT_EQ(rows(sql), (Rows{{expected}})) << id;
    }
}

TEST_F(WorkerCoordinatorTest, AStatementThatSeveralSlavesAnswerIsPlannedOnceByAProcess) {
    begin();
    EXPECT_EQ(rows(kMerged), (Rows{{"Rome", "2"}}));
    slaves_.statements.clear();
    EXPECT_EQ(rows(kMerged), (Rows{{"Rome", "2"}}));
    const auto again = slaves_.statements;
    EXPECT_EQ(again.size(), 2u);
    auto altered = std::make_shared<TableMeta>(*tables_["flights"]);
    altered->schema.fields[1].name = "town";
    tables_["flights"] = altered;
    const auto gone = run(kMerged);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code, ErrorCode::query_error) << gone.error().to_text();
}

#ifdef DL_FAILPOINTS
class CoordinatorFaultTest : public WorkerCoordinatorTest,
                             public ::testing::WithParamInterface<const char*> {};

TEST_P(CoordinatorFaultTest, ACrashEndsItsStatementAloneAndLetsGo) {
    ::setenv("DL_FAILPOINT", GetParam(), 1);
    begin();
    ::unsetenv("DL_FAILPOINT");
    EXPECT_EQ(code_of("SELECT id, 'worker.marked' FROM flights WHERE city <> 'x'"), ErrorCode::crashed);
    EXPECT_EQ(workers_->crashes(), 1u);
    EXPECT_EQ(slaves_.pinned_now, 0u);
    expect_serving();
}

INSTANTIATE_TEST_SUITE_P(Faults, CoordinatorFaultTest,
                         ::testing::Values("worker.mapped:kill:1", "worker.before-reply:kill:1",
                                           "worker.sending:kill:1", "worker.marked:kill:1"));

// The process dies with the second statement it gets: the same text does not come to it again.
TEST_F(WorkerCoordinatorTest, APlanIsKeptWhileItsTablesAreTheSame) {
    ::setenv("DL_FAILPOINT", "worker.mapped:kill:2", 1);
    begin();
    const std::string sql = "SELECT city, id FROM cities WHERE id > 0 ORDER BY id";
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(rows(sql).size(), 3u) << i;
    EXPECT_EQ(rows("SELECT city, id FROM cities WHERE id > 1 ORDER BY id").size(), 2u) << "its like";
    tables_["cities"] = std::make_shared<TableMeta>(*tables_["cities"]);  // as after ALTER TABLE
    EXPECT_EQ(code_of(sql), ErrorCode::crashed);
}

TEST_F(WorkerCoordinatorTest, AStatementThatCrashesAgainIsRefused) {
    ::setenv("DL_FAILPOINT", "worker.marked:kill:1", 1);
    begin();
    const std::string sql = "SELECT 'worker.marked'";
    EXPECT_EQ(code_of(sql), ErrorCode::crashed);
    EXPECT_EQ(code_of(sql), ErrorCode::crashed);
    const auto refused = run(sql);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, ::testing::HasSubstr("refused"));
    EXPECT_EQ(workers_->crashes(), 2u) << "it was not run";
    expect_serving();
}
#endif

}  // namespace
}  // namespace dl::master::test

// Workers are this program, started again.
int main(int argc, char** argv) {
    if (dl::test::is_hostile_worker(argc, argv)) dl::master::test::serve_hostile_selects();
    if (const auto status = dl::master::run_as_query_worker(argc, argv)) return *status;
    ::testing::InitGoogleMock(&argc, argv);
    return RUN_ALL_TESTS();
}
