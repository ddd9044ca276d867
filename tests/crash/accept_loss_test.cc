// The slave dies while it is told to go on without lost records: afterwards the loss is either still refused
// or accepted whole, and nothing else is gone.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using std::chrono::seconds;

class AcceptLossPointTest : public ClusterTest, public ::testing::WithParamInterface<const char*> {
  protected:
    void SetUp() override {
#ifndef DL_FAILPOINTS
        GTEST_SKIP() << "this build has no crash points (DL_FAILPOINTS)";
#endif
    }
    static std::string rows(int from, int to) {
        std::string values;
        for (int i = from; i < to; ++i)
            values += (i == from ? "(" : ", (") + std::to_string(i) + ", 'value " + std::to_string(i) + "')";
        return sql("insert into t values " + values);
    }
    // The newest log file that holds anything loses its last batch.
    void damage_end_of_log() {
        std::filesystem::path newest;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster().slave_data(0)))
            if (entry.path().extension() == ".log" && entry.file_size() > 0 &&
                entry.path().filename() > newest.filename())
                newest = entry.path();
        ASSERT_FALSE(newest.empty());
        std::fstream file(newest, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(-12, std::ios::end);
        file << "damaged";
    }
};

TEST_P(AcceptLossPointTest, DiesThereAndLosesNothingElse) {
    start({.slave_properties = {{"slave.file.segment.bytes", "65536"}, {"slave.compaction.auto", "off"}}});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v string) partition.number = 1"));
    for (int i = 0; i < 400; i += 20)
        must(client, rows(i, i + 20));
    must(client, rows(1000, 1001));  // it is what will be lost
    cluster().slave().stop();
    damage_end_of_log();
    cluster().slave().environment()["DL_FAILPOINT"] = std::string(GetParam()) + ":kill:1";
    cluster().start();
    client = connect();
    const auto refused = must_fail(client, sql("select count(*) from t"), "CORRUPT_DATA");
    EXPECT_NE(refused.find("1 record, offset 400"), std::string::npos) << refused;
    try {
        client.request(sql("accept loss of table t partition 0"));
    } catch (const TransportError&) {
    }
    const auto end = cluster().slave().wait_end(seconds(20));
    ASSERT_TRUE(end.has_value()) << GetParam() << " was never reached: this test would prove nothing";
    ASSERT_EQ(end->to_text(), "signal 9");
    cluster().slave().environment().erase("DL_FAILPOINT");
    cluster().start();
    client = connect();
    const bool committed =
        std::string_view(GetParam()) != "accept.before-manifest-rename";  // that is the commit point
    if (!committed) {
        must_fail(client, sql("select count(*) from t"), "CORRUPT_DATA");
        must(client, sql("accept loss of table t partition 0"));
    }
    cluster().wait_serving("t");
    EXPECT_EQ(value(client, "select count(*) from t"), 400);
    EXPECT_EQ(value(client, "select max(id) from t"), 399);
    must(client, rows(2000, 2001));
    EXPECT_EQ(max_offsets(client, "t").at(0), 401) << "no offset is given twice";
    cluster().slave().stop();
    cluster().start();
    cluster().wait_serving("t");
    EXPECT_EQ(value(client, "select count(*) from t"), 401);
    bool aside = false;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster().slave_data(0)))
        aside = aside || entry.path().filename() == "log.lost-401";
    EXPECT_TRUE(aside);
}

INSTANTIATE_TEST_SUITE_P(AcceptLoss, AcceptLossPointTest,
                         ::testing::Values("accept.before-manifest-rename",
                                           "accept.after-rename-before-dir-fsync", "accept.before-log-rename",
                                           "accept.after-log-rename"),
                         [](const auto& param_info) { return test_name(param_info.param); });

}  // namespace
}  // namespace dl::test
