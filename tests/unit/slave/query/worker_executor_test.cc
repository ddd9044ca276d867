// What a process of its own for queries is for: that nothing a statement does reaches anything else.
#include "slave/query/worker_executor.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "common/base/log.h"
#include "slave/query/query_worker.h"
#include "tests/unit/common/worker/hostile_worker.h"
#include "tests/unit/slave/query/hostile_fragment_worker.h"
#include "tests/unit/slave/query/query_fixture.h"

namespace dl::slave::test {
namespace {

using Clock = std::chrono::steady_clock;

const std::string kEndless = "SELECT count(*) FROM range(1000000000000) r(x) WHERE x % 3 = 1";
// The engine does not look for an interrupt while it compares two texts.
const std::string kDeaf = "SELECT levenshtein(repeat('ab', 200000), repeat('ba', 200000))";
const std::string kLong = "SELECT x, repeat('y', 100) FROM range(2000000) r(x)";

// Workers of this process, by what /proc tells: those that run, or those that nobody has waited for.
std::vector<pid_t> children(bool dead = false) {
    std::vector<pid_t> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::ifstream stat(entry.path() / "stat");
        std::string line;
        if (!std::getline(stat, line)) continue;
        const auto name_end = line.rfind(')');
        if (name_end == std::string::npos || (line[name_end + 2] == 'Z') != dead) continue;
        if (std::atoi(line.c_str() + name_end + 4) == ::getpid()) found.push_back(std::atoi(line.c_str()));
    }
    return found;
}

std::size_t zombies() {
    return children(true).size();
}

// Of the processor, in hundredths of a second.
std::uint64_t ticks_of(pid_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(stat, line)) return 0;
    std::istringstream fields(line.substr(line.rfind(')') + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i)
        fields >> skipped;
    std::uint64_t user = 0, system = 0;
    fields >> user >> system;
    return user + system;
}

template <class Condition>
bool soon(Condition condition, std::chrono::milliseconds time = 20s) {
    for (const auto end = Clock::now() + time; Clock::now() < end; std::this_thread::sleep_for(5ms))
        if (condition()) return true;
    return condition();
}

class WorkerExecutorTest : public QueryFixture {
  protected:
    WorkerExecutorTest() {
        set_log_level(LogLevel::off);
        pin({std::make_shared<TestView>()});
    }
    ~WorkerExecutorTest() override {
        executor_.reset();
        EXPECT_TRUE(children().empty()) << "a worker outlives its executor";
        ::unsetenv("DL_FAILPOINT");
        set_log_level(LogLevel::info);
    }
    void start() { start(worker_settings()); }
    void start(WorkerSettings settings) {
        auto started = WorkerExecutor::create(std::move(settings));
        ASSERT_TRUE(started) << started.error().to_text();
        workers_ = started->get();
        executor_ = std::move(*started);
    }
    ErrorCode code_of(const std::string& sql, std::chrono::milliseconds time = 30s) {
        const auto rows = run(query(sql, time));
        return rows ? ErrorCode::internal : rows.error().code;
    }
    void expect_serving() { EXPECT_EQ(rows("SELECT 1"), (Rows{{"1"}})); }

    WorkerExecutor* workers_ = nullptr;
};

TEST_F(WorkerExecutorTest, AKilledWorkerEndsItsStatementAlone) {
    start();
    const auto first = children();
    ASSERT_EQ(first.size(), 1u);
    auto other = executor_->start(query(kLong, 60s));
    ASSERT_TRUE(other) << other.error().to_text();
    // The first worker is busy: this one runs in another, the one that works.
    std::thread killer([&] {
        pid_t working = 0;
        soon([&] {
            for (const auto pid : children())
                if (pid != first[0] && ticks_of(pid) >= 20) working = pid;
            return working != 0;
        });
        if (working != 0) ::kill(working, SIGKILL);
    });
    const auto killed = run(query(kEndless, 60s));
    killer.join();
    ASSERT_FALSE(killed);
    EXPECT_EQ(killed.error().code, ErrorCode::crashed) << killed.error().to_text();
    EXPECT_EQ(workers_->crashes(), 1u);
    std::size_t taken = 0;
    for (;;) {
        auto batch = (*other)->next();
        ASSERT_TRUE(batch) << batch.error().to_text();
        if (!*batch) break;
        taken += (*batch)->rows();
    }
    EXPECT_EQ(taken, 2'000'000u);
    expect_serving();
}

TEST_F(WorkerExecutorTest, WhatCannotBeInterruptedEndsInTimeAllTheSame) {
    start();
    const auto begin = Clock::now();
    EXPECT_EQ(code_of(kDeaf, 300ms), ErrorCode::timeout);
    EXPECT_LT(Clock::now() - begin, 3s);
    EXPECT_EQ(workers_->crashes(), 0u) << "a deadline is no crash";
    auto cancelled = query(kDeaf, 60s);
    std::thread canceller([cancel = cancelled.cancel] {
        std::this_thread::sleep_for(200ms);
        cancel->cancel();
    });
    const auto begin_cancelled = Clock::now();
    const auto rows = run(std::move(cancelled));
    canceller.join();
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().code, ErrorCode::cancelled) << rows.error().to_text();
    EXPECT_LT(Clock::now() - begin_cancelled, 3s);
    expect_serving();
}

TEST_F(WorkerExecutorTest, AnInterruptedWorkerIsUsedAgain) {
    start();
    const auto before = children();
    ASSERT_EQ(before.size(), 1u);
    EXPECT_EQ(code_of(kEndless, 200ms), ErrorCode::timeout);
    expect_serving();
    const auto after = children();
    EXPECT_NE(std::find(after.begin(), after.end(), before.front()), after.end());
}

TEST_F(WorkerExecutorTest, RowsThatNobodyTakesAnyMoreEndWithTheDeadline) {
    start();
    auto running = executor_->start(query(kLong, 400ms));
    ASSERT_TRUE(running);
    ASSERT_TRUE((*running)->next());
    std::this_thread::sleep_for(600ms);  // the worker has filled the socket and waits
    Result<std::optional<ColumnBatch>> next = (*running)->next();
    while (next && *next)
        next = (*running)->next();
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code, ErrorCode::timeout) << next.error().to_text();
    expect_serving();
}

TEST_F(WorkerExecutorTest, ASlowReaderStopsItsWorkerAndWhoLeavesEndsIt) {
    start();
    auto running = executor_->start(query("SELECT x, repeat('y', 1000) FROM range(100000000) r(x)", 60s));
    ASSERT_TRUE(running);
    ASSERT_TRUE((*running)->next());
    std::this_thread::sleep_for(500ms);
    const auto cpu = [] {
        std::uint64_t ticks = 0;
        for (const auto pid : children())
            ticks += ticks_of(pid);
        return ticks;
    };
    soon([&] { return workers_->ready_now() == 1; });
    const auto before = cpu();
    std::this_thread::sleep_for(500ms);
    EXPECT_LE(cpu() - before, 10u) << "ticks: it goes on without a reader";
    const auto count = children().size();
    const auto pins = std::weak_ptr(view_);
    running->reset();
    view_.reset();
    EXPECT_TRUE(soon([&] { return children().size() < count && pins.expired(); })) << "pins end with it";
    pin({std::make_shared<TestView>()});
    expect_serving();
}

TEST_F(WorkerExecutorTest, MemoryIsToldByTheNumberOfTheStatement) {
    start();
    EXPECT_TRUE(executor_->memory().empty()) << "of processes that stand ready nothing is told";
    auto sorted = query("SELECT x FROM range(3000000) r(x) ORDER BY hash(x)", 60s);
    sorted.number = 286'848'123'456;
    auto large = executor_->start(std::move(sorted));
    ASSERT_TRUE(large) << large.error().to_text();
    ASSERT_TRUE((*large)->next());
    auto streamed = query(kLong, 60s);
    streamed.number = 7;
    auto small = executor_->start(std::move(streamed));
    ASSERT_TRUE(small);
    auto unnumbered = executor_->start(query(kLong, 60s));
    ASSERT_TRUE(unnumbered);
    const auto memory = executor_->memory();
    ASSERT_EQ(memory.size(), 2u);
    // It keeps three million numbers and what they are sorted by.
    EXPECT_GT(memory.at(286'848'123'456), memory.at(7) + (24u << 20));
    EXPECT_GT(memory.at(7), 1u << 20);
    large->reset();
    EXPECT_EQ(executor_->memory().size(), 1u);
    while (const auto batch = (*small)->next())
        if (!*batch) break;
    EXPECT_TRUE(executor_->memory().empty()) << "it is at its end";
}

TEST_F(WorkerExecutorTest, MemoryBeyondTheShareIsAnErrorOfTheStatement) {
    auto settings = worker_settings();
    settings.memory_bytes = 128u << 20;
    start(settings);
    for (const std::string sql :
         {"SELECT length(repeat(repeat('x', 1000000), 3000))",
          "SELECT max(length(repeat(x::varchar, 1000000))) FROM range(1000, 4000) r(x)",
          "SELECT count(*) FROM (SELECT x, count(*) FROM range(50000000) r(x) GROUP BY x)"}) {
        const auto rows = run(query(sql, 60s));
        ASSERT_FALSE(rows) << sql;
        EXPECT_EQ(rows.error().code, ErrorCode::limit_exceeded) << sql << ": " << rows.error().to_text();
        EXPECT_NE(rows.error().message.find("slave.query.memory.bytes"), std::string::npos)
            << rows.error().to_text();
        EXPECT_EQ(rows.error().message.find('\n'), std::string::npos);
    }
    expect_serving();
}

TEST_F(WorkerExecutorTest, WhatAWorkerCannotDo) {
    start();
    const auto worker = children().at(0);
    std::ifstream status("/proc/" + std::to_string(worker) + "/status");
    std::map<std::string, std::string> fields;
    for (std::string line; std::getline(status, line);)
        if (const auto colon = line.find(":\t"); colon != std::string::npos)
            fields[line.substr(0, colon)] = line.substr(colon + 2);
    EXPECT_EQ(fields["NoNewPrivs"], "1");
    EXPECT_EQ(fields["Seccomp"], "2");
    EXPECT_EQ(fields["CapEff"], "0000000000000000");
    std::size_t descriptors = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(worker) + "/fd"))
        ++descriptors;
    EXPECT_LE(descriptors, 6u) << "of the daemon's nothing but its sockets";
    std::ifstream environment("/proc/" + std::to_string(worker) + "/environ");
    std::string names((std::istreambuf_iterator<char>(environment)), {});
    EXPECT_EQ(names.find("PATH="), std::string::npos);
    EXPECT_EQ(names.find("HOME="), std::string::npos);
}

TEST_F(WorkerExecutorTest, ReadyWorkersAreStartedBeforehandAndSmall) {
    auto settings = worker_settings();
    settings.ready = 3;
    start(settings);
    EXPECT_TRUE(soon([&] { return workers_->ready_now() == 3; }));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    for (const auto pid : children()) {
        std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
        std::uint64_t own_kib = 0;
        for (std::string line; std::getline(rollup, line);)
            if (line.starts_with("Private_Dirty:")) own_kib = std::strtoull(line.c_str() + 14, nullptr, 10);
        EXPECT_GT(own_kib, 0u);
        EXPECT_LE(own_kib, 30u << 10) << "KiB of an idle worker's own";
    }
#endif
    // Those that die while idle are replaced, and no statement meets them.
    const auto killed = children();
    for (const auto pid : killed)
        ::kill(pid, SIGKILL);
    EXPECT_TRUE(soon([&] {
        const auto now = children();
        return std::ranges::find_first_of(now, killed) == now.end();
    }));
    EXPECT_TRUE(soon([&] { return zombies() == 0 && workers_->ready_now() == 3; })) << "they are waited for";
    for (int i = 0; i < 4; ++i)
        expect_serving();
    EXPECT_EQ(workers_->crashes(), 0u);
}

// So that it goes to the master in one piece.
TEST_F(WorkerExecutorTest, ASmallAnswerComesWithItsColumns) {
    start();
    auto small = executor_->start(query("SELECT x, 'y' AS y FROM range(3) r(x)"));
    ASSERT_TRUE(small) << small.error().to_text();
    EXPECT_TRUE((*small)->is_whole());
    EXPECT_EQ((*small)->columns().size(), 2u);
    const auto batch = (*small)->next();
    ASSERT_TRUE(batch && *batch);
    EXPECT_EQ((*batch)->rows(), 3u);
    const auto end = (*small)->next();
    ASSERT_TRUE(end);
    EXPECT_FALSE(*end);
    auto none = executor_->start(query("SELECT x FROM range(3) r(x) WHERE x > 5"));
    ASSERT_TRUE(none);
    EXPECT_TRUE((*none)->is_whole());
    auto large = executor_->start(query(kLong));
    ASSERT_TRUE(large);
    EXPECT_FALSE((*large)->is_whole());
}

#ifdef DL_FAILPOINTS
class WorkerFaultTest : public WorkerExecutorTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(WorkerFaultTest, ACrashIsToldAndTheSecondRefusesTheStatement) {
    ::setenv("DL_FAILPOINT", GetParam(), 1);
    start();
    ::unsetenv("DL_FAILPOINT");
    // The first worker dies with its second statement (the first was its own), and so does the next one that
    // was started with the fault.
    const auto crashed = run(query("SELECT 'worker.marked', x FROM range(5000) r(x)"));
    ASSERT_FALSE(crashed);
    EXPECT_EQ(crashed.error().code, ErrorCode::crashed) << crashed.error().to_text();
    EXPECT_EQ(workers_->crashes(), 1u);
    expect_serving();
}

INSTANTIATE_TEST_SUITE_P(Faults, WorkerFaultTest,
                         ::testing::Values("worker.mapped:kill:1", "worker.before-reply:kill:1",
                                           "worker.sending:kill:1", "worker.marked:kill:1"));

TEST_F(WorkerExecutorTest, GoodStatementsGoOnBesideCrashingOnes) {
    ::setenv("DL_FAILPOINT", "worker.marked:kill:1", 1);
    start();
    std::atomic<bool> stop{false};
    std::atomic<int> good{0}, crashed{0}, other{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 8; ++i)
        clients.emplace_back([&] {
            while (!stop) {
                const auto found = run(query("SELECT count(*), sum(x) FROM range(1000) r(x)", 60s));
                found&&* found == Rows{{"1000", "499500"}} ? ++good : ++other;
            }
        });
    for (int i = 0; i < 12; ++i) {
        const auto found = run(query("SELECT 'worker.marked', " + std::to_string(i), 60s));
        if (!found && found.error().code == ErrorCode::crashed) ++crashed;
    }
    stop = true;
    for (auto& client : clients)
        client.join();
    EXPECT_EQ(crashed, 12);
    EXPECT_EQ(other, 0);
    EXPECT_GT(good, 0);
    EXPECT_EQ(workers_->crashes(), 12u);
}

TEST_F(WorkerExecutorTest, ACountThatIsKnownTakesNoProcess) {
    auto view = std::make_shared<TestView>();
    view->units.push_back(tail_unit({{"1", "a", "~"}, {"2", "b", "~"}}));
    view->exact = true;
    pin({view, view});
    ::setenv("DL_FAILPOINT", "worker.mapped:kill:1", 1);  // whatever gets there ends
    start();
    for (const char* sql : {"SELECT count(*) FROM t", "select Count ( * ) -- all\nfrom T"}) {
        const auto found = run(sql);
        ASSERT_TRUE(found) << sql << ": " << found.error().to_text();
        EXPECT_EQ(*found, (Rows{{"4"}})) << sql;
    }
    EXPECT_EQ(workers_->crashes(), 0u);
    for (const auto& [sql, name] : {std::pair{"select count(*) as Rows from t", "Rows"},
                                    std::pair{"SELECT count_star() AS dl_p0 FROM t", "dl_p0"},
                                    std::pair{"SELECT count(*) AS \"count\" FROM t", ""},
                                    std::pair{"SELECT count(*) AS \xC3\xA4 FROM t", ""}}) {
        if (*name == '\0') {  // left to the engine, which knows what such a name is
            EXPECT_EQ(code_of(sql), ErrorCode::crashed) << sql;
            continue;
        }
        auto running = executor_->start(query(sql));
        ASSERT_TRUE(running) << sql << ": " << running.error().to_text();
        EXPECT_EQ((*running)->columns().front().name, name);
        const auto drained = dl::test::drained(**running);
        ASSERT_TRUE(drained) << sql;
        EXPECT_EQ(*drained, (Rows{{"4"}})) << sql;
    }
    EXPECT_EQ(code_of("SELECT count(*) FROM t WHERE id > 0"), ErrorCode::crashed);
    view->exact = false;
    EXPECT_EQ(code_of("SELECT count(*) FROM t"), ErrorCode::crashed) << "it has to be read";
}

TEST_F(WorkerExecutorTest, AStatementThatCrashesAgainIsRefused) {
    ::setenv("DL_FAILPOINT", "worker.marked:kill:1", 1);
    start();
    const std::string sql = "SELECT 'worker.marked'";
    EXPECT_EQ(code_of(sql), ErrorCode::crashed);
    EXPECT_EQ(code_of(sql), ErrorCode::crashed);
    EXPECT_EQ(workers_->crashes(), 2u);
    const auto refused = run(sql);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::crashed);
    EXPECT_NE(refused.error().message.find("refused"), std::string::npos) << refused.error().to_text();
    EXPECT_EQ(workers_->crashes(), 2u) << "it was not run";
    expect_serving();
}
#endif

}  // namespace
}  // namespace dl::slave::test

// Workers are this program, started again.
int main(int argc, char** argv) {
    if (dl::test::is_hostile_worker(argc, argv)) dl::slave::test::serve_hostile_fragments();
    if (const auto status = dl::slave::run_as_query_worker(argc, argv)) return *status;
    ::testing::InitGoogleMock(&argc, argv);
    return RUN_ALL_TESTS();
}
