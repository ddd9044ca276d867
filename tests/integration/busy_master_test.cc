// A master all of whose query slots are taken: who looks at it is answered, and statements end when they are
// told to.
#include <gmock/gmock.h>

#include <algorithm>
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

class BusyMasterTest : public ClusterTest {
  protected:
    static constexpr int kSlots = 2;
    // One slave runs whole statements, so that its slots are taken as well as the master's.
    const std::string heavy_ = "select count(*) from t, range(1000000000000) where t.id + range > 7";

    void SetUp() override {
        ClusterOptions options;
        options.master_properties = {{"master.query.concurrent.max", std::to_string(kSlots)}};
        options.slave_properties = {{"slave.query.concurrent.max", std::to_string(kSlots)},
                                    {"slave.stop.grace.ms", "1000"}};
        start(std::move(options));
        client_.emplace(connect());
        must(*client_, sql("create table t (id int primary key, v int) partition.number = 2"));
        must(*client_, sql("insert into t values (1, 1), (2, 2), (3, 3)"));
    }
    void TearDown() override {
        for (auto& one : busy_)
            one.close();
        ClusterTest::TearDown();
    }
    // Slots, and one statement that waits for one.
    void fill_slots() {
        for (int i = 0; i <= kSlots; ++i) {
            busy_.push_back(connect());
            busy_.back().send_frame(limited(heavy_, 60'000));
        }
        std::this_thread::sleep_for(milliseconds(300));
        ASSERT_THAT(must_fail(*client_, limited("select count(*) from t where v = 2", 300), "OVERLOADED"),
                    HasSubstr("master.query.concurrent.max"));
    }
    std::vector<std::string> quickly(const std::string& frame, milliseconds most = milliseconds(1000)) {
        const auto from = Clock::now();
        auto lines = must(*client_, frame).frames;
        const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - from);
        EXPECT_LT(took, most) << frame;
        return lines;
    }

    std::optional<RawClient> client_;
    std::vector<RawClient> busy_;
};

TEST_F(BusyMasterTest, WhoLooksIsAnsweredAtOnce) {
    fill_slots();
    EXPECT_THAT(
        quickly(query("select count(*) as n from system.queries where sql like '%range(10000000000%'")),
        ::testing::Contains("{\"n\":" + std::to_string(kSlots + 2) + "}"));
    EXPECT_FALSE(quickly(query("select * from information_schema.columns")).empty());
    EXPECT_THAT(quickly(query("select 1 as one")), ::testing::ElementsAre("{\"one\":1}"));
    EXPECT_FALSE(quickly(query("explain select v, count(*) from t group by v")).empty());
    quickly(sql("create view w as select v from t"));
    must(*client_, json{{"query", "select id, v from t"}, {"options", {{"describe", true}}}}.dump());
    // A view of a table is its rows.
    must_fail(*client_, limited("select * from w", 300), "OVERLOADED");
    must_fail(*client_, limited("select q.ms from system.queries q, t", 300), "OVERLOADED");
}

// Of all tables with one request a slave, which takes no slot there either.
TEST_F(BusyMasterTest, SizesOfManyTablesTakeNoSlots) {
    for (int i = 0; i < 40; ++i)
        must(*client_,
             sql("create table s" + std::to_string(i) + " (id int primary key) partition.number = 2"));
    must(*client_, sql("insert into s7 values (1), (2), (3)"));
    must(*client_, sql("insert into s7 values (3), (4)"));
    must(*client_, sql("delete from s7 where id = 1"));
    fill_slots();
    const auto sizes = quickly(sql("show sizes"));
    ASSERT_EQ(sizes.size(), 41u);
    for (const auto& line : sizes) {
        const auto table = json::parse(line);
        const auto name = table["table_name"].get<std::string>();
        EXPECT_EQ(table["rows"], name == "t" || name == "s7" ? 3 : 0) << line;
    }
}

TEST_F(BusyMasterTest, ALightStatementThatComputesForLongHoldsNoWayOfOthers) {
    fill_slots();
    std::vector<RawClient> endless;
    for (int i = 0; i < 6; ++i) {
        endless.push_back(connect());
        endless.back().send_frame(limited(
            i % 2 == 0 ? "select count(*) from range(1000000000000)"
                       : "select count(*) from system.settings, range(1000000000000) where range >= 0",
            60'000));
    }
    // Each has its second in the lane, and then waits for a slot as others do.
    std::this_thread::sleep_for(milliseconds(4500));
    EXPECT_EQ(quickly(query("select 1 as one")).size(), 1u);
    EXPECT_FALSE(quickly(query("select * from system.queries")).empty());
    EXPECT_FALSE(quickly(query("explain select * from t")).empty());
    // Rows of a free statement beyond what a lane keeps.
    must_fail(*client_, limited("select repeat('x', 1000) from range(100000)", 900), "OVERLOADED");
    for (auto& one : endless)
        one.close();
}

TEST_F(BusyMasterTest, AKilledStatementEndsAtOnceAndMakesRoom) {
    fill_slots();
    const auto listed =
        rows(*client_, "select query, client, state from system.queries where ms > 100 order by 1");
    ASSERT_EQ(listed.size(), std::size_t{kSlots + 1});
    EXPECT_EQ(listed[0]["state"], "running");
    EXPECT_EQ(listed[2]["state"], "waiting");
    const auto id = [&](std::size_t i) { return listed[i]["query"].dump(); };
    const auto from = Clock::now();
    // The one that waits for a slot, and those that run, each in a form people know.
    quickly(sql("kill query " + id(2)));
    quickly(sql("KILL QUERY WHERE query_id = '" + id(0) + "'"));
    quickly("{\"kill_query\":" + id(1) + "}");
    for (std::size_t i = 0; i < busy_.size(); ++i) {
        const auto reply = busy_[i].read_reply();
        EXPECT_EQ(reply.code(), "CANCELLED") << reply.text;
        EXPECT_THAT(reply.text, HasSubstr("killed by KILL QUERY "));
    }
    EXPECT_LT(Clock::now() - from, seconds(3));
    EXPECT_EQ(value(*client_, "select count(*) from t where v > 0"), 3);
    EXPECT_EQ(value(busy_[0], "select sum(v)::int from t"), 6) << "its connection goes on";
}

TEST_F(BusyMasterTest, WhatDoesNotRunCannotBeKilled) {
    EXPECT_THAT(must_fail(*client_, sql("kill query 1000000"), "NOT_FOUND"), HasSubstr("there was no query"));
    const auto own = value(*client_, "select query from system.queries");
    EXPECT_THAT(must_fail(*client_, sql("kill query '" + own.dump() + "'"), "NOT_FOUND"),
                HasSubstr("has ended"));
    EXPECT_THAT(must_fail(*client_, json{{"kill_query", own.dump()}}.dump(), "NOT_FOUND"),
                HasSubstr("has ended"));
    must_fail(*client_, sql("kill query"), "SYNTAX_ERROR");
    must_fail(*client_, sql("kill query where user = 'x'"), "SYNTAX_ERROR");
    must_fail(*client_, sql("kill query -1"), "SYNTAX_ERROR");
    must_fail(*client_, "{\"kill_query\":\"x\"}", "INVALID_REQUEST");
}

// Whoever looks for the statement that takes the memory finds it, on the master or on a slave.
TEST_F(BusyMasterTest, MemoryOfAStatementIsThatOfItsProcesses) {
    const auto taken = [this](const std::string& part) {
        const auto found = rows(*client_, "select memory_bytes from system.queries where sql like '%" + part +
                                              "%' and sql not like '%system%'");
        return found.size() == 1 ? found[0]["memory_bytes"] : json();
    };
    auto small = connect(), large = connect(), here = connect();
    // Both on the slave; the second keeps 20 million numbers.
    small.send_frame(limited("select count(*) from t, range(1000000000001) where t.id + range > 7", 60'000));
    large.send_frame(
        limited("select count(*) from (select distinct range from t, range(20000000) where id = 1), "
                "range(1000002)",
                60'000));
    EXPECT_TRUE(wait_until(seconds(60),
                           [&] {
                               const auto few = taken("1000000000001"), many = taken("1000002");
                               return few.is_number() && many.is_number() &&
                                      many > few.get<std::uint64_t>() + (64u << 20);
                           }))
        << taken("1000000000001") << " and " << taken("1000002");
    EXPECT_LT(taken("1000000000001"), 1u << 30);
    small.close();
    large.close();
    EXPECT_TRUE(
        wait_until(seconds(20), [&] { return rows(*client_, "select 1 from system.queries").size() == 1; }));
    // In a process of the master.
    here.send_frame(limited("select count(*) from range(1000000000003) where range % 7 = 9", 60'000));
    EXPECT_TRUE(wait_until(seconds(20), [&] { return taken("1000000000003").is_number(); }));
    here.close();
}

// A number of an old listing is never that of another statement.
TEST_F(BusyMasterTest, ANumberOfAnEarlierRunKillsNothing) {
    const auto old = value(*client_, "select query from system.queries");
    client_->close();
    cluster().master().stop(seconds(30));
    cluster().master().start();
    cluster().wait_serving("t");
    client_.emplace(connect());
    busy_.push_back(connect());
    busy_.back().send_frame(limited(heavy_, 60'000));
    const auto running = [&] {
        return rows(*client_, "select query from system.queries where sql like '%range > 7'");
    };
    ASSERT_TRUE(wait_until(seconds(10), [&] { return running().size() == 1; }));
    EXPECT_GT(running()[0]["query"].get<std::uint64_t>(), old.get<std::uint64_t>());
    EXPECT_THAT(must_fail(*client_, sql("kill query " + old.dump()), "NOT_FOUND"),
                HasSubstr("there was no query"));
    EXPECT_EQ(running().size(), 1u);
}

// Its process and its memory are free although the client takes nothing.
TEST_F(BusyMasterTest, AResultThatNobodyReadsIsKilled) {
    auto slow = connect();
    slow.send_frame(query("select id, repeat('x', 1000) from t, range(1000000000)"));
    const auto of_slow = [&] {
        return rows(*client_, "select query from system.queries where sql like 'select id, repeat%'");
    };
    ASSERT_TRUE(wait_until(seconds(10), [&] { return of_slow().size() == 1; }));
    // Its process lives on when it is still computing and can say so: it is to be stuck in giving rows away.
    slow.read_exactly(1);
    ASSERT_TRUE(wait_until(seconds(20), [&] {
        const auto now = workers_of(cluster().slave().pid());
        return std::all_of(now.begin(), now.end(), [](pid_t one) { return is_idle(one); });
    }));
    const auto before = workers_of(cluster().slave().pid());
    must(*client_, sql("kill query " + of_slow()[0]["query"].dump()));
    EXPECT_TRUE(wait_until(seconds(5), [&] {
        return std::any_of(before.begin(), before.end(), [](pid_t one) { return is_gone(one); });
    })) << "the slave's process";
    EXPECT_EQ(rows(*client_, "select 1 from system.queries where state = 'killed'").size(), 1u);
    slow.close();
    EXPECT_TRUE(wait_until(seconds(10), [&] { return of_slow().empty(); }));
}

// What was written stays and is told; a batch that was sent is not broken.
TEST_F(BusyMasterTest, AWriteOfWhatItReadsStopsBehindABatch) {
    auto writer = connect();
    must(*client_, sql("create table big (id long primary key, s string) partition.number = 2"));
    writer.send_frame(sql("insert into big select range, repeat('y', 100) from range(100000000)"));
    ASSERT_TRUE(wait_until(seconds(30), [&] { return value(*client_, "select count(*) from big") > 0; }));
    must(*client_,
         sql("kill query " + value(*client_,
                                   "select query from system.queries where sql like '%100000000%' and "
                                   "sql not like '%system%'")
                                 .dump()));
    const auto reply = writer.read_reply();
    EXPECT_EQ(reply.code(), "PARTIAL") << reply.text;
    EXPECT_THAT(reply.text, HasSubstr("killed by KILL QUERY "));
    const auto count = value(*client_, "select count(*) from big");
    EXPECT_THAT(reply.text, HasSubstr(count.dump() + " rows were written before"));
}

}  // namespace
}  // namespace dl::test
