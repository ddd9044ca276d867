// Queries that end the process that runs them, cannot be stopped, or lose their client: with the real
// programs.
#include <gmock/gmock.h>
#include <signal.h>

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

// A function of the engine that looks for no interrupt.
const std::string kDeaf =
    "select levenshtein(repeat(v || 'ab', 60000), repeat(v || 'ba', 60000)) from t where id < 1";

class QueryWorkersTest : public ClusterTest {
  protected:
    void begin(Environment slave_environment = {}) {
        ClusterOptions options;
        options.slave_environment = std::move(slave_environment);
        options.slave_properties = {{"slave.stop.grace.ms", "1000"}};
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
    std::size_t busy() { return workers_of(cluster().slave().pid()).size(); }
    void expect_serving() {
        ASSERT_TRUE(cluster().slave().alive());
        auto client = connect();
        EXPECT_EQ(value(client, "select count(*) from t where v <> 'x'"), 2000);
    }
};

TEST_F(QueryWorkersTest, ADeadlineEndsWhatCannotBeInterrupted) {
    begin();
    auto client = connect();
    const auto begin_query = Clock::now();
    const auto text = must_fail(client, limited(kDeaf, 500), "TIMEOUT");
    EXPECT_LT(Clock::now() - begin_query, seconds(5)) << text;
    expect_serving();
}

TEST_F(QueryWorkersTest, AClientThatLeavesTakesItsQueryAlong) {
    begin();
    const auto ready = workers_of(cluster().slave().pid());
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

TEST_F(QueryWorkersTest, NoWorkerOutlivesItsSlave) {
    begin();
    std::vector<std::thread> clients;
    for (int i = 0; i < 3; ++i)
        clients.emplace_back([this] {
            try {
                auto client = connect();
                (void)client.request(limited(kDeaf, 60'000));
            } catch (const TransportError&) {  // its master may give up
            }
        });
    EXPECT_TRUE(wait_until(seconds(20), [this] { return busy() >= 4; })) << "three that run, and one ready";
    const auto workers = workers_of(cluster().slave().pid());
    const auto end = cluster().slave().stop(seconds(30));
    EXPECT_FALSE(end.by_signal) << end.to_text();
    for (const auto& worker : workers)
        EXPECT_TRUE(wait_until(seconds(5), [&] { return is_gone(worker); })) << worker;
    for (auto& client : clients)
        client.join();

    cluster().slave().start();
    cluster().wait_serving("t");
    expect_serving();
    const auto killed = workers_of(cluster().slave().pid());
    ASSERT_FALSE(killed.empty());
    cluster().slave().kill_hard();
    for (const auto& worker : killed)
        EXPECT_TRUE(wait_until(seconds(5), [&] { return is_gone(worker); })) << worker;
}

TEST_F(QueryWorkersTest, GoodQueriesGoOnBesideThoseThatCrash) {
    begin({{"DL_FAILPOINT", "worker.marked:kill:1"}});
    std::atomic<bool> stop{false};
    std::atomic<int> good{0}, bad{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 8; ++i)
        clients.emplace_back([&] {
            auto client = connect();
            while (!stop) {
                const auto reply = client.request(query("select count(*) from t where v <> 'x'"));
                const bool right =
                    reply.ok() && reply.frames.size() == 1 && json::parse(reply.frames[0]).front() == 2000;
                right ? ++good : ++bad;
            }
        });
    auto client = connect();
    const std::string crashing = "select v || 'worker.marked' from t where id + 0 > ";
    for (int i = 0; i < 10; ++i)
        must_fail(client, query(crashing + std::to_string(i)), "CRASHED");
    // The same again twice: then it is refused, and ends no process any more.
    must_fail(client, query(crashing + "0"), "CRASHED");
    EXPECT_THAT(must_fail(client, query(crashing + "0"), "CRASHED"), ::testing::HasSubstr("refused"));
    stop = true;
    for (auto& one : clients)
        one.join();
    EXPECT_EQ(bad, 0);
    EXPECT_GT(good, 0);
    expect_serving();
    const auto log = cluster().slave().log_text();
    EXPECT_THAT(log, ::testing::HasSubstr("a statement ended the process that ran it"));
    EXPECT_THAT(log, ::testing::HasSubstr("crashes=11"));
    EXPECT_THAT(log, ::testing::Not(::testing::HasSubstr("crashes=12")));
}

TEST_F(QueryWorkersTest, ASlaveWithLittleMemoryGoesOn) {
    ClusterOptions options;
    options.slave_properties = {{"slave.query.memory.bytes", "64m"}};
    start(options);
    auto client = connect();
    must(client, sql("create table t(id int primary key, v string) partition.number = 4"));
    must(client, json{{"batch_insert", {{"table_name", "t"}, {"data", {{{"id", 1}, {"v", "x"}}}}}}}.dump());
    for (int i = 0; i < 2; ++i)
        must_fail(client, query("select length(repeat(repeat(v, 1000000), 3000)) from t"), "LIMIT_EXCEEDED");
    EXPECT_EQ(value(client, "select v from t where v <> 'y'"), "x");
}

}  // namespace
}  // namespace dl::test
