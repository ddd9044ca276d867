// check_table, progress of compress_table, and writers while the memory of unflushed rows is scarce.
#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

class UpkeepTest : public ClusterTest {
  protected:
    static std::string batch(int first, int rows, int value_bytes) {
        std::string json = R"({"batch_insert":{"table_name":"t","data":[)";
        for (int i = 0; i < rows; ++i)
            json += (i == 0 ? R"({"id":)" : R"(,{"id":)") + std::to_string(first + i) + R"(,"v":")" +
                    std::string(static_cast<std::size_t>(value_bytes), 'x') + "\"}";
        return json + "]}}";
    }
    // The rows of a check, which must all be there.
    static std::vector<nlohmann::json> check(RawClient& client, const std::string& statement,
                                             std::size_t partitions) {
        std::vector<nlohmann::json> rows;
        for (const auto& frame : must(client, statement).frames)
            rows.push_back(nlohmann::json::parse(frame));
        EXPECT_EQ(rows.size(), partitions);
        return rows;
    }
};

TEST_F(UpkeepTest, CheckTableAnswersARowPerPartitionFindsDamageAndRepairsIt) {
    // Without files of before the compaction: one of the removed ones would be no damage.
    start(
        {.slaves = 2,
         .slave_properties = {{"slave.file.segment.bytes", "65536"}, {"slave.compaction.history.ms", "0"}}});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v string) partition.number = 4"));
    for (int i = 0; i < 20; ++i)
        must(client, batch(i % 10 * 200, 200, 100));
    must(client, sql("delete from t where id = 7"));
    must(client, sql("compress t"));
    for (int i = 0; i < 20; ++i)
        must(client, batch(i % 10 * 200, 200, 100));
    std::uint64_t live = 0;
    std::set<std::string> slaves;
    for (const auto& row : check(client, R"({"check_table":"t"})", 4)) {
        EXPECT_TRUE(row["problems"].empty()) << row;
        EXPECT_EQ(row["hash"].get<std::string>().size(), 16u);
        EXPECT_GE(row["records"].get<std::uint64_t>(), row["live_rows"].get<std::uint64_t>());
        EXPECT_GT(row["bytes"].get<std::uint64_t>(), 0u);
        live += row["live_rows"].get<std::uint64_t>();
        slaves.insert(row["slave"].get<std::string>());
    }
    EXPECT_EQ(live, 2000u);
    EXPECT_EQ(slaves.size(), 2u);

    int removed = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster().slave_data(0)))
        if (entry.path().extension() == ".kix" && removed == 0)
            removed += std::filesystem::remove(entry.path()) ? 1 : 0;
    ASSERT_EQ(removed, 1);
    std::size_t problems = 0;
    for (const auto& row : check(client, sql("check table t"), 4))
        problems += row["problems"].size();
    EXPECT_EQ(problems, 1u);
    for (const auto& row : check(client, R"({"check_table":"t","options":{"repair":true}})", 4))
        for (const auto& problem : row["problems"])
            EXPECT_TRUE(problem.get<std::string>().starts_with("repaired: ")) << problem;
    for (const auto& row : check(client, sql("check table t repair;"), 4))
        EXPECT_TRUE(row["problems"].empty()) << row;
    EXPECT_EQ(value(client, "select count(*) from t"), 2000);
    must_fail(client, R"({"check_table":"nope"})", "TABLE_NOT_FOUND");
    must_fail(client, sql("check table t twice"), "SYNTAX_ERROR");
}

// The log of one partition ends earlier than at the stop: what is missing is named, the others serve, and it
// goes on without when told so.
TEST_F(UpkeepTest, AcknowledgedRecordsThatAreGoneAreNamedAndAcceptedByName) {
    start();
    auto client = connect();
    must(client, sql("create table t(id int primary key, v string) partition.number = 2"));
    must(client, batch(0, 200, 20));
    must_fail(client, sql("accept loss of table t partition 0"), "INVALID_REQUEST");
    const auto before = max_offsets(client, "t");
    cluster().slave().stop();
    int cut = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster().slave_data(0)))
        if (entry.path().extension() == ".log" && entry.path().string().find("/p1/") != std::string::npos) {
            std::filesystem::resize_file(entry.path(), 0);
            ++cut;
        }
    ASSERT_EQ(cut, 1);
    cluster().start();
    const auto refused = must_fail(client, sql("select count(*) from t"), "CORRUPT_DATA");
    EXPECT_NE(refused.find("accept loss of table t partition 1"), std::string::npos) << refused;
    EXPECT_NE(refused.find("records, offsets 0 to "), std::string::npos) << refused;
    std::size_t problems = 0;
    for (const auto& row : check(client, sql("check table t"), 2))
        problems += row["problems"].size();
    EXPECT_EQ(problems, 1u);
    must_fail(client, sql("accept loss of table t partition 0"), "INVALID_REQUEST");
    must_fail(client, sql("accept loss of table t partition 2"), "PARTITION_NOT_FOUND");
    must(client, sql("accept loss of table t partition 1"));
    const auto rows = value(client, "select count(*) from t").get<int>();
    EXPECT_GT(rows, 0);
    EXPECT_LT(rows, 200);
    EXPECT_EQ(max_offsets(client, "t"), before) << "lost offsets are not used again";
    must(client, batch(0, 200, 30));
    EXPECT_EQ(value(client, "select count(*) from t"), 200);
    for (int i = 0; i < 2; ++i) {
        for (const auto& row : check(client, sql("check table t"), 2))
            EXPECT_TRUE(row["problems"].empty()) << row;
        cluster().slave().stop();
        cluster().start();
        cluster().wait_serving("t");
    }
    must_fail(client, sql("accept loss of table t partition 1"), "INVALID_REQUEST");
}

TEST_F(UpkeepTest, ProgressFramesComeOnlyWhenAskedFor) {
    start({.slave_properties = {{"slave.file.segment.bytes", "65536"}}});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v string) partition.number = 2"));
    for (int i = 0; i < 20; ++i)
        must(client, batch(i % 10 * 200, 200, 100));
    const auto reply = must(client, R"({"compress_table":"t","options":{"progress":true}})");
    ASSERT_FALSE(reply.frames.empty());
    const auto last = nlohmann::json::parse(reply.frames.back())["progress"];
    EXPECT_EQ(last["percent"], 100);
    EXPECT_GT(last["rows_total"].get<int>(), 0);
    EXPECT_EQ(last["rows_done"], last["rows_total"]);
    EXPECT_GT(last["bytes"].get<int>(), 0);
    EXPECT_TRUE(must(client, R"({"compress_table":"t"})").frames.empty());
    EXPECT_TRUE(must(client, sql("compress t")).frames.empty());
}

TEST_F(UpkeepTest, WritersSlowDownAndNoneFailsWhileFlushingIsBehind) {
#ifndef DL_FAILPOINTS
    GTEST_SKIP() << "this build has no points to slow a flush down at (DL_FAILPOINTS)";
#endif
    start({.slave_properties = {{"slave.tail.memory.bytes", "16m"}, {"slave.file.segment.bytes", "1m"}},
           .slave_environment = {{"DL_FAILPOINT", "flush.before-write:delay_ms:150"}}});
    auto setup = connect();
    must(setup, sql("create table t(id int primary key, v string) partition.number = 3"));
    std::vector<std::thread> writers;
    std::atomic<int> failed{0};
    for (int w = 0; w < 4; ++w) {
        writers.emplace_back([&, w] {
            auto client = connect();
            for (int i = 0; i < 15; ++i)
                if (!client.request(batch((w * 15 + i) * 2000, 2000, 500)).ok()) ++failed;
        });
    }
    for (auto& writer : writers)
        writer.join();
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(value(setup, "select count(*) from t"), 4 * 15 * 2000);
}

}  // namespace
}  // namespace dl::test
