// Statements that end the process that runs them, cannot be stopped, or lose their client: in workers of a
// slave and of the master, with the real programs.
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
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Whose workers run the statements.
struct Whose {
    const char* name;
    int slaves;
    bool master;
    std::string deaf;      // a function of the engine that looks for no interrupt
    std::string crashing;  // and a number behind it
    std::string good;
    int answer;
};
const Whose kSlave{
    "slave",
    1,
    false,
    "select levenshtein(repeat(v || 'ab', 60000), repeat(v || 'ba', 60000)) from t where id < 1",
    "select v || 'worker.marked' from t where id + 0 > ",
    "select count(*) from t where v <> 'x'",
    2000};
// No table in what goes wrong; what is good is merged of all slaves.
const Whose kMaster{"master",
                    2,
                    true,
                    "select levenshtein(repeat('ab', 200000), repeat('ba', 200000))",
                    "select 'worker.marked', ",
                    "select count(*) from (select v, max(id) from t group by v)",
                    10};

class WorkersTest : public ClusterTest {
  protected:
    void begin(const Whose& whose, ClusterOptions options = {}) {
        whose_ = &whose;
        options.slaves = whose.slaves;
        options.slave_properties.try_emplace("slave.stop.grace.ms", "1000");
        start(std::move(options));
        auto client = connect();
        must(client, sql("create table t(id int primary key, v string) partition.number = 4"));
        auto data = json::array();
        for (int i = 0; i < 2000; ++i)
            data.push_back({{"id", i}, {"v", "v" + std::to_string(i % 10)}});
        must(client, json{{"batch_insert", {{"table_name", "t"}, {"data", data}}}}.dump());
    }
    DaemonProcess& daemon() { return whose_->master ? cluster().master() : cluster().slave(); }
    std::vector<pid_t> workers() { return workers_of(daemon().pid()); }
    void expect_serving() {
        ASSERT_TRUE(daemon().alive());
        auto client = connect();
        EXPECT_EQ(value(client, whose_->good), whose_->answer);
    }
    const Whose* whose_ = nullptr;
};

class QueryWorkersTest : public WorkersTest, public ::testing::WithParamInterface<const char*> {
  protected:
    const Whose& whose() const { return std::string_view(GetParam()) == kMaster.name ? kMaster : kSlave; }
    void begin(ClusterOptions options = {}) { WorkersTest::begin(whose(), std::move(options)); }
};

TEST_P(QueryWorkersTest, ADeadlineEndsWhatCannotBeInterrupted) {
    begin();
    auto client = connect();
    const auto from = Clock::now();
    const auto text = must_fail(client, limited(whose_->deaf, 500), "TIMEOUT");
    EXPECT_LT(Clock::now() - from, seconds(5)) << text;
    expect_serving();
}

TEST_P(QueryWorkersTest, AClientThatLeavesTakesItsStatementAlong) {
    begin();
    const auto ready = workers();
    ASSERT_FALSE(ready.empty());
    auto client = connect();
    client.send_frame(limited(whose_->deaf, 60'000));
    std::this_thread::sleep_for(milliseconds(500));
    client.close();
    // The one that ran it is replaced.
    EXPECT_TRUE(wait_until(seconds(20), [&] {
        return std::any_of(ready.begin(), ready.end(), [](pid_t one) { return is_gone(one); });
    }));
    expect_serving();
}

TEST_P(QueryWorkersTest, NoWorkerOutlivesItsDaemon) {
    begin();
    std::vector<std::thread> clients;
    for (int i = 0; i < 3; ++i)
        clients.emplace_back([this] {
            try {
                auto client = connect();
                (void)client.request(limited(whose_->deaf, 60'000));
            } catch (const TransportError&) {  // the master ends, or gives up
            }
        });
    EXPECT_TRUE(wait_until(seconds(20), [this] { return workers().size() >= 4; }))
        << "three that run, and one ready";
    const auto running = workers();
    const auto end = daemon().stop(seconds(30));
    EXPECT_FALSE(end.by_signal) << end.to_text();
    for (const auto worker : running)
        EXPECT_TRUE(wait_until(seconds(5), [&] { return is_gone(worker); })) << worker;
    for (auto& client : clients)
        client.join();

    daemon().start();
    cluster().wait_serving("t");
    expect_serving();
    const auto killed = workers();
    ASSERT_FALSE(killed.empty());
    daemon().kill_hard();
    for (const auto worker : killed)
        EXPECT_TRUE(wait_until(seconds(5), [&] { return is_gone(worker); })) << worker;
}

TEST_P(QueryWorkersTest, GoodStatementsGoOnBesideThoseThatCrash) {
    const Environment crash = {{"DL_FAILPOINT", "worker.marked:kill:1"}};
    ClusterOptions options;
    (whose().master ? options.master_environment : options.slave_environment) = crash;
    begin(std::move(options));
    std::atomic<bool> stop{false};
    std::atomic<int> good{0}, bad{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 8; ++i)
        clients.emplace_back([&] {
            auto client = connect();
            while (!stop) {
                const auto reply = client.request(query(whose_->good));
                const bool right = reply.ok() && reply.frames.size() == 1 &&
                                   json::parse(reply.frames[0]).front() == whose_->answer;
                right ? ++good : ++bad;
            }
        });
    auto client = connect();
    for (int i = 0; i < 10; ++i)
        must_fail(client, query(whose_->crashing + std::to_string(i)), "CRASHED");
    // The same again twice: then it is refused, and ends no process any more.
    must_fail(client, query(whose_->crashing + "0"), "CRASHED");
    EXPECT_THAT(must_fail(client, query(whose_->crashing + "0"), "CRASHED"), HasSubstr("refused"));
    stop = true;
    for (auto& one : clients)
        one.join();
    EXPECT_EQ(bad, 0);
    EXPECT_GT(good, 0);
    expect_serving();
    const auto log = daemon().log_text();
    EXPECT_THAT(log, HasSubstr("a statement ended the process that ran it"));
    EXPECT_THAT(log, HasSubstr("crashes=11"));
    EXPECT_THAT(log, ::testing::Not(HasSubstr("crashes=12")));
}

// A client that does not take the rest of its rows holds a worker no longer than its statement may run.
TEST_P(QueryWorkersTest, RowsThatNobodyTakesHoldNothingBehindTheirTime) {
    begin();
    auto client = connect();
    client.send_frame(limited(whose_->master ? "select x, repeat('y', 10000) as y from range(10000000) r(x)"
                                             : "select a.id, repeat(a.v, 2000) as y from t a, t b where "
                                               "a.id + b.id >= 0",
                              2000));
    std::this_thread::sleep_for(seconds(1));
    EXPECT_TRUE(wait_until(seconds(20), [&] {
        const auto now = workers();
        // Either it was ended, or it has ended its statement and idles: nobody works.
        return std::all_of(now.begin(), now.end(), [](pid_t one) { return is_idle(one); });
    })) << "a worker goes on";
    expect_serving();
}

INSTANTIATE_TEST_SUITE_P(Of, QueryWorkersTest, ::testing::Values("slave", "master"),
                         [](const auto& test) { return std::string(test.param); });

// Rows have come, and then the slave hangs: it is given up long before the statement's time is over.
TEST_F(WorkersTest, ASlaveThatHangsWhileItSendsIsGivenUp) {
    begin(kSlave);
    auto client = connect();
    client.send_frame(
        limited("select a.id, repeat(a.v, 1000) as y from t a, t b where a.id + b.id >= 0", 120'000));
    const auto first = client.read_i32();
    ASSERT_GT(first, 0);
    (void)client.read_exactly(static_cast<std::size_t>(first));
    ASSERT_EQ(::kill(cluster().slave().pid(), SIGSTOP), 0);
    const auto from = Clock::now();
    const auto reply = client.read_reply();
    EXPECT_LT(Clock::now() - from, seconds(60));
    ::kill(cluster().slave().pid(), SIGCONT);
    EXPECT_THAT(reply.text, HasSubstr("does not answer any more"));
    expect_serving();
}

TEST_F(WorkersTest, PlanningWithoutEndEndsInTimeToo) {
    begin(kMaster);
    std::string nested = "x";
    for (int i = 0; i < 60; ++i)
        nested = "(select " + nested + ")";
    auto client = connect();
    const auto from = Clock::now();
    const auto reply = client.request(limited("select " + nested + " from (select 1 as x)", 500));
    EXPECT_THAT(reply.code(), ::testing::AnyOf("", "TIMEOUT", "LIMIT_EXCEEDED"));
    EXPECT_LT(Clock::now() - from, seconds(8));
    expect_serving();
}

TEST_F(WorkersTest, ASlaveWithLittleMemoryGoesOn) {
    ClusterOptions options;
    options.slave_properties = {{"slave.query.memory.bytes", "64m"}};
    begin(kSlave, std::move(options));
    auto client = connect();
    for (int i = 0; i < 2; ++i)
        must_fail(client, query("select length(repeat(repeat(v, 1000000), 3000)) from t"), "LIMIT_EXCEEDED");
    EXPECT_EQ(value(client, "select v from t where v <> 'y' and id = 1"), "v1");
}

// Q7 of the cases: the daemon's memory is not the statement's.
TEST_F(WorkersTest, MemoryBeyondTheLimitIsAnErrorAndTheMasterStaysSmall) {
    ClusterOptions options;
    options.master_properties = {{"master.query.memory.bytes", "256m"}};
    begin(kMaster, std::move(options));
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
    EXPECT_THAT(
        must_fail(client,
                  limited("select x, reservoir_quantile(x, 0.5, 100000) from range(100000) r(x) group by x",
                          20'000),
                  "LIMIT_EXCEEDED"),
        HasSubstr("raise master.query.memory.bytes"))
        << "a sample for each group";
    EXPECT_LT(resident_kib(cluster().master().pid()), before + (128u << 10)) << "KiB";
    expect_serving();
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// What stands ready costs little, also once it has run statements.
TEST_F(WorkersTest, IdleWorkersAreSmall) {
    begin(kMaster);
    auto client = connect();
    for (int i = 0; i < 20; ++i) {
        must(client,
             query("select v, count(*), max(id) from t where id > " + std::to_string(i) + " group by v"));
        must(client, query("select a.v, b.v from t a join t b on a.id = b.id + " + std::to_string(i)));
    }
    std::this_thread::sleep_for(seconds(2));
    for (auto* daemon : {&cluster().master(), &cluster().slave(0), &cluster().slave(1)}) {
        const auto idle = workers_of(daemon->pid());
        EXPECT_FALSE(idle.empty());
        for (const auto worker : idle) {
            const auto kib = private_kib(worker);
            std::printf("a worker of %s: %llu KiB of its own\n", daemon->name().c_str(),
                        static_cast<unsigned long long>(kib));
            EXPECT_GT(kib, 0u);
            EXPECT_LE(kib, 30u << 10) << "KiB of an idle worker's own";
        }
    }
}
#endif

}  // namespace
}  // namespace dl::test
