// A master all of whose query slots are taken: who looks at it is answered, and statements end when they are
// told to.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string limited(const std::string& statement, int timeout_ms) {
    return json{{"query", statement}, {"options", {{"timeout_ms", timeout_ms}}}}.dump();
}

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

}  // namespace
}  // namespace dl::test
