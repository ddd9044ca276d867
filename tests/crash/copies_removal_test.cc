// A slave dies while it removes a copy that is none any more: afterwards the copy is there or it is not, the
// order is given again, and nothing half is left.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "tests/support/copies_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;
using std::chrono::seconds;

struct RemovalPoint {
    const char* name;
    int partitions;  // of the table: the last one of it on a slave goes with the table
};

class CopiesRemovalTest : public CopiesFixture, public ::testing::WithParamInterface<RemovalPoint> {
  protected:
    void SetUp() override {
#ifndef DL_FAILPOINTS
        GTEST_SKIP() << "this build has no crash points (DL_FAILPOINTS)";
#endif
    }
    // All directories of tables and partitions, whatever their names.
    std::multiset<std::string> held_by_all() {
        std::multiset<std::string> found;
        for (std::size_t i = 0; i < cluster().slave_count(); ++i)
            for (const auto& table :
                 std::filesystem::directory_iterator(cluster().slave_data(i) + "/tables")) {
                if (table.path().filename().string().find('.') != std::string::npos)
                    found.insert(table.path().filename().string());
                for (const auto& part : std::filesystem::directory_iterator(table.path()))
                    if (part.is_directory()) found.insert(part.path().filename().string());
            }
        return found;
    }
};

TEST_P(CopiesRemovalTest, DiesThereAndLeavesNothingHalf) {
    const auto& point = GetParam();
    start({.slaves = 2});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v int) replicas.number = 1, partition.number = " +
                     std::to_string(point.partitions)));
    auto data = json::array();
    for (int i = 0; i < 500; ++i)
        data.push_back({{"id", i}, {"v", i}});
    must(client, json{{"batch_insert", {{"table_name", "t"}, {"data", data}}}}.dump());
    ASSERT_TRUE(wait_until(seconds(30), [&] { return is_well(); }));
    for (std::size_t i = 0; i < 2; ++i) {
        cluster().slave(i).stop();
        cluster().slave(i).environment()["DL_FAILPOINT"] = std::string(point.name) + ":kill:1";
    }
    cluster().start();
    ASSERT_TRUE(wait_until(seconds(30), [&] { return is_well(); }));
    client = connect();
    must(client, sql("alter table t set copies = 1"));
    ASSERT_TRUE(
        wait_until(seconds(30), [&] { return !cluster().slave(0).alive() || !cluster().slave(1).alive(); }))
        << point.name << " was never reached: this test would prove nothing";
    for (std::size_t i = 0; i < 2; ++i) {
        cluster().slave(i).stop();
        cluster().slave(i).environment().erase("DL_FAILPOINT");
    }
    cluster().start();
    std::multiset<std::string> expected;
    for (int i = 0; i < point.partitions; ++i)
        expected.insert("p" + std::to_string(i));
    EXPECT_TRUE(wait_until(seconds(30), [&] { return held_by_all() == expected; }))
        << ::testing::PrintToString(held_by_all());
    ASSERT_TRUE(wait_until(seconds(30), [&] { return is_well(); }));
    client = connect();
    EXPECT_EQ(value(client, "select count(*) from t"), 500);
    EXPECT_TRUE(must(client, sql("show orphans")).frames.empty());
}

INSTANTIATE_TEST_SUITE_P(Removal, CopiesRemovalTest,
                         ::testing::Values(RemovalPoint{"drop-copy.before-rename", 2},
                                           RemovalPoint{"drop-copy.after-rename-before-dir-fsync", 2},
                                           RemovalPoint{"drop-copy.before-remove", 2},
                                           RemovalPoint{"drop-table.after-rename-before-dir-fsync", 1},
                                           RemovalPoint{"drop-table.before-remove", 1}),
                         [](const auto& param_info) { return test_name(param_info.param.name); });

}  // namespace
}  // namespace dl::test
