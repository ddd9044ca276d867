// Copies that are compared, compacted and made anew, as their users see it.
#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/support/copies_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::HasSubstr;

class CheckCopiesTest : public CopiesFixture {
  protected:
    bool has_set_aside(std::size_t slave) {
        for (const auto& name : held(slave))
            if (name.starts_with("p0.damaged.")) return true;
        return false;
    }
    std::vector<json> checked(RawClient& client, bool repair = false) {
        std::vector<json> reports;
        const json statement{{"check_table", "t"}, {"options", {{"repair", repair}}}};
        for (const auto& frame : must(client, statement.dump()).frames)
            reports.push_back(json::parse(frame));
        return reports;
    }
    // All copies are there, and none has a problem.
    bool is_clean(RawClient& client, std::size_t copies) {
        if (!is_well()) return false;
        const auto reports = checked(client);
        for (const auto& report : reports)
            if (!report["problems"].empty()) return false;
        return reports.size() == copies;
    }
    std::string address_of(std::size_t slave) { return cluster().slave(slave).address(); }
    // A few bytes of each column file of a slave rot.
    int damage_files(std::size_t slave) {
        int files = 0;
        for (const auto& file :
             std::filesystem::recursive_directory_iterator(cluster().slave_data(slave) + "/tables")) {
            if (file.path().extension() != ".parquet") continue;
            std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
            bytes.seekp(static_cast<std::streamoff>(std::filesystem::file_size(file.path()) / 2));
            bytes.write("rotten", 6);
            ++files;
        }
        return files;
    }
    void start_with_files(RawClient& client) {
        must(client, sql("create table t(id int primary key, v int) replicas.number = 2"));
        for (int i = 0; i < 20; ++i)
            must(client, batch(i * 1000, i * 1000 + 1000));
        must(client, R"({"compress_table":"t"})");
        ASSERT_TRUE(wait_until(seconds(30), [&] { return is_clean(client, 3); }))
            << json(checked(client)).dump(1) << health();
    }
};

TEST_F(CheckCopiesTest, EveryCopyIsCompactedAndChecked) {
    start({.slaves = 3, .slave_properties = {{"slave.file.segment.bytes", "65536"}}});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v int) replicas.number = 2, history.hours = 0"));
    for (int round = 0; round < 20; ++round)
        must(client, batch(0, 2000));
    ASSERT_TRUE(wait_until(seconds(30), [&] { return is_clean(client, 3); })) << health();
    must(client, R"({"compress_table":"t"})");
    // No copy is left behind as it was.
    const auto reports = checked(client);
    ASSERT_EQ(reports.size(), 3u);
    EXPECT_EQ(reports[0]["slave"], leader(client)) << "the one that leads comes first";
    for (const auto& report : reports) {
        EXPECT_TRUE(report["problems"].empty()) << report.dump();
        EXPECT_EQ(report["live_rows"], 2000) << report.dump();
        EXPECT_LT(report["records"].get<int>(), 20000) << report.dump();
        EXPECT_EQ(report["hash"], reports[0]["hash"]);
    }
}

TEST_F(CheckCopiesTest, ADamagedFollowerIsNamedAndMadeAnew) {
    start({.slaves = 3, .slave_properties = {{"slave.file.segment.bytes", "65536"}}});
    auto client = connect();
    start_with_files(client);
    const auto damaged = (slave_at(leader(client)) + 1) % 3;
    ASSERT_GT(damage_files(damaged), 0);
    for (const auto& report : checked(client))
        EXPECT_EQ(report["problems"].empty(), report["slave"] != address_of(damaged)) << report.dump();
    EXPECT_FALSE(has_set_aside(damaged)) << "a check alone changes nothing";
    std::string said;
    for (const auto& report : checked(client, true))
        if (report["slave"] == address_of(damaged)) said = report["problems"].dump();
    EXPECT_THAT(said, HasSubstr("is being made anew"));
    ASSERT_TRUE(wait_until(seconds(60), [&] { return is_clean(client, 3); }))
        << json(checked(client)).dump(1) << health();
    EXPECT_TRUE(has_set_aside(damaged));
    EXPECT_EQ(value(client, "select count(*) from t"), 20000);
}

TEST_F(CheckCopiesTest, ADamagedLeaderGivesTheLeadAway) {
    start({.slaves = 3, .slave_properties = {{"slave.file.segment.bytes", "65536"}}});
    auto client = connect();
    start_with_files(client);
    const auto address = leader(client);
    ASSERT_GT(damage_files(slave_at(address)), 0);
    std::string said;
    for (const auto& report : checked(client, true))
        said += report["problems"].dump();
    EXPECT_THAT(said, HasSubstr("leads now"));
    ASSERT_TRUE(wait_until(seconds(10), [&] { return leader(client) != address; }));
    (void)checked(client, true);
    ASSERT_TRUE(wait_until(seconds(60), [&] { return is_clean(client, 3); }))
        << json(checked(client)).dump(1) << health();
    EXPECT_NE(leader(client), address) << "the lead is not handed back to the copy that was wrong";
    EXPECT_TRUE(has_set_aside(slave_at(address)));
    EXPECT_EQ(value(client, "select count(*) from t"), 20000);
}

TEST_F(CheckCopiesTest, ACopyIsRefilledByOrderAndNeverTheOneThatIsNeeded) {
    start({.slaves = 2});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v int) partition.number = 2, replicas.number = 1"));
    must(client, batch(0, 1000));
    ASSERT_TRUE(wait_until(seconds(30), [&] { return is_well(); })) << health();
    const auto led = leader(client);
    const auto follower = (slave_at(led) + 1) % 2;
    EXPECT_THAT(must_fail(client, sql("refill table t partition 0 on '" + led + "'"), "INVALID_REQUEST"),
                HasSubstr("leads partition 0"));
    EXPECT_THAT(must_fail(client, sql("refill table t partition 7"), "PARTITION_NOT_FOUND"),
                HasSubstr("has no partition 7"));
    EXPECT_THAT(must_fail(client, sql("refill table t on '1.2.3.4:5'"), "NOT_FOUND"), HasSubstr("1.2.3.4:5"));
    EXPECT_THAT(must_fail(client, sql("refill table t"), "INVALID_REQUEST"), HasSubstr("on node"));
    EXPECT_FALSE(has_set_aside(0) || has_set_aside(1));
    // With one that follows nobody has to say which.
    must(client, sql("refill table t partition 0"));
    ASSERT_TRUE(wait_until(seconds(30), [&] { return has_set_aside(follower) && is_well(); })) << health();
    EXPECT_FALSE(has_set_aside(1 - follower));
    EXPECT_EQ(value(client, "select count(*) from t"), 1000);
    // It holds everything: the other goes. Then nobody may have it thrown away.
    cluster().slave(1 - follower).kill_hard();
    EXPECT_TRUE(wait_until(seconds(30), [&] {
        auto reader = connect();
        const auto counted = reader.request(query("select count(*) as n from t"));
        return counted.ok() && !counted.frames.empty() && counted.frames[0] == R"({"n":1000})";
    }));
    must_fail(client, sql("refill table t partition 0 on '" + address_of(follower) + "'"), "INVALID_REQUEST");
    cluster().slave(1 - follower).start();
    ASSERT_TRUE(wait_until(seconds(30), [&] { return is_well(); })) << health();
    must(client, sql("create table one(id int primary key)"));
    EXPECT_THAT(must_fail(client, sql("refill table one"), "INVALID_REQUEST"), HasSubstr("has one copy"));
}

}  // namespace
}  // namespace dl::test
