// SELECTs that end the master's process that reads, plans or finishes them, cannot be stopped, or take its
// memory: with the real programs.
#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/support/cluster_fixture.h"
#include "tests/support/worker_processes.h"

namespace dl::test {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A function of the engine that looks for no interrupt, and no table: the master's own work.
const std::string kDeaf = "select levenshtein(repeat('ab', 200000), repeat('ba', 200000))";

class MasterWorkersTest : public ClusterTest {
  protected:
    void begin(int slaves = 2, Environment master_environment = {}, Properties master_properties = {}) {
        ClusterOptions options;
        options.slaves = slaves;
        options.master_environment = std::move(master_environment);
        options.master_properties = std::move(master_properties);
        start(options);
        auto client = connect();
        must(client, sql("create table t(id int primary key, v string) partition.number = 4"));
        auto data = json::array();
        for (int i = 0; i < 2000; ++i)
            data.push_back({{"id", i}, {"v", "v" + std::to_string(i % 10)}});
        must(client, json{{"batch_insert", {{"table_name", "t"}, {"data", data}}}}.dump());
    }
    static std::string limited(const std::string& statement, int timeout_ms) {
        return json{{"query", statement}, {"options", {{"timeout_ms", timeout_ms}}}}.dump();
    }
    // Merged here, of all slaves.
    void expect_serving() {
        ASSERT_TRUE(cluster().master().alive());
        auto client = connect();
        EXPECT_EQ(value(client, "select count(*) from (select v, count(*) from t group by v)"), 10);
    }
};

TEST_F(MasterWorkersTest, ADeadlineEndsWhatCannotBeInterrupted) {
    begin();
    auto client = connect();
    std::string nested = "x";
    for (int i = 0; i < 60; ++i)
        nested = "(select " + nested + ")";
    for (const auto& statement : {kDeaf, "select " + nested + " from (select 1 as x)"}) {
        const auto from = Clock::now();
        const auto reply = client.request(limited(statement, 500));
        EXPECT_THAT(reply.code(), ::testing::AnyOf("", "TIMEOUT", "LIMIT_EXCEEDED")) << statement;
        EXPECT_LT(Clock::now() - from, seconds(8)) << statement;
    }
    must_fail(client, limited(kDeaf, 500), "TIMEOUT");
    expect_serving();
}

TEST_F(MasterWorkersTest, AClientThatLeavesTakesItsStatementAlong) {
    begin();
    const auto ready = workers_of(cluster().master().pid());
    ASSERT_FALSE(ready.empty());
    auto client = connect();
    client.send_frame(limited(kDeaf, 60'000));
    std::this_thread::sleep_for(milliseconds(500));
    client.close();
    // The one that ran it is replaced.
    EXPECT_TRUE(wait_until(seconds(20), [&] {
        return std::any_of(ready.begin(), ready.end(), [](pid_t one) { return is_gone(one); });
    }));
    expect_serving();
}

TEST_F(MasterWorkersTest, NoWorkerOutlivesItsMaster) {
    begin(1);
    std::vector<std::thread> clients;
    for (int i = 0; i < 3; ++i)
        clients.emplace_back([this] {
            try {
                auto client = connect();
                (void)client.request(limited(kDeaf, 60'000));
            } catch (const TransportError&) {  // the master ends
            }
        });
    EXPECT_TRUE(wait_until(seconds(20), [this] { return workers_of(cluster().master().pid()).size() >= 4; }))
        << "three that run, and one ready";
    const auto workers = workers_of(cluster().master().pid());
    const auto end = cluster().master().stop(seconds(30));
    EXPECT_FALSE(end.by_signal) << end.to_text();
    for (const auto worker : workers)
        EXPECT_TRUE(wait_until(seconds(5), [&] { return is_gone(worker); })) << worker;
    for (auto& client : clients)
        client.join();

    cluster().master().start();
    cluster().wait_serving("t");
    const auto killed = workers_of(cluster().master().pid());
    ASSERT_FALSE(killed.empty());
    cluster().master().kill_hard();
    for (const auto worker : killed)
        EXPECT_TRUE(wait_until(seconds(5), [&] { return is_gone(worker); })) << worker;
}

// Q7 of the cases: the daemon's memory is not the statement's.
TEST_F(MasterWorkersTest, MemoryBeyondTheLimitIsAnErrorAndTheMasterStaysSmall) {
    begin(2, {}, {{"master.query.memory.bytes", "256m"}});
    auto client = connect();
    const auto before = resident_kib(cluster().master().pid());
    std::string chained = "with a0 as (select repeat('x', 1000) as s)";
    for (int i = 1; i <= 18; ++i) {
        const auto last = "a" + std::to_string(i - 1);
        chained +=
            ", a" + std::to_string(i) + " as (select x.s || y.s as s from " + last + " x, " + last + " y)";
    }
    for (const std::string& statement :
         {std::string("select length(repeat(repeat('x',1000000),3000))"),
          std::string("select max(length(repeat(x::varchar,1000000))) from range(10000) r(x)"),
          std::string("select len(list_concat(range(1000000),[x])) from range(100000) r(x) order by 1"),
          chained + " select length(s) from a18"}) {
        const auto reply = client.request(limited(statement, 20'000));
        EXPECT_TRUE(!reply.ok() || reply.frames.size() == 1) << statement.substr(0, 60);
    }
    must_fail(client, limited("select length(repeat(repeat('x',1000000),3000))", 20'000), "LIMIT_EXCEEDED");
    EXPECT_LT(resident_kib(cluster().master().pid()), before + (128u << 10)) << "KiB";
    expect_serving();
}

TEST_F(MasterWorkersTest, GoodStatementsGoOnBesideThoseThatCrash) {
    begin(2, {{"DL_FAILPOINT", "worker.marked:kill:1"}});
    std::atomic<bool> stop{false};
    std::atomic<int> good{0}, bad{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 4; ++i)
        clients.emplace_back([&] {
            auto client = connect();
            while (!stop) {
                const auto reply =
                    client.request(query("select count(*) from (select v, max(id) from t group by v)"));
                const bool right =
                    reply.ok() && reply.frames.size() == 1 && json::parse(reply.frames[0]).front() == 10;
                right ? ++good : ++bad;
            }
        });
    auto client = connect();
    for (int i = 0; i < 6; ++i)
        must_fail(client, query("select 'worker.marked', " + std::to_string(i)), "CRASHED");
    must_fail(client, query("select 'worker.marked', 0"), "CRASHED");
    EXPECT_THAT(must_fail(client, query("select 'worker.marked', 0"), "CRASHED"),
                ::testing::HasSubstr("refused"));
    stop = true;
    for (auto& one : clients)
        one.join();
    EXPECT_EQ(bad, 0);
    EXPECT_GT(good, 0);
    expect_serving();
    EXPECT_THAT(cluster().master().log_text(),
                ::testing::HasSubstr("a statement ended the process that ran it"));
}

}  // namespace
}  // namespace dl::test
