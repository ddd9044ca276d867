// Several slaves: partitions spread, one slave down costs an error that names it and nothing else.
#include <gmock/gmock.h>

#include <set>
#include <thread>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

class SlavesTest : public ClusterTest {
  protected:
    std::map<int, std::string> leaders(RawClient& client, const std::string& table) {
        std::map<int, std::string> out;
        const auto desc = json::parse(must(client, sql("desc " + table)).text);
        const auto addresses = json::parse(desc["partition_address"].get<std::string>());
        for (const auto& [partition, nodes] : addresses.items())
            out[std::stoi(partition)] = nodes[0]["address"].get<std::string>();
        return out;
    }
    static std::string batch(int from, int to) {
        auto data = json::array();
        for (int i = from; i < to; ++i)
            data.push_back({{"id", i}, {"v", i * 2}});
        return json{{"batch_insert", {{"table_name", "t"}, {"data", data}}}}.dump();
    }
};

TEST_F(SlavesTest, PartitionsSpreadEvenlyAndEverythingFansOut) {
    for (const int slaves : {2, 3}) {
        cluster_.reset();
        start({.slaves = slaves});
        auto client = connect();
        must(client, sql("create table t(id int primary key, v int) partition.number = 6"));
        std::map<std::string, int> load;
        for (const auto& [partition, leader] : leaders(client, "t"))
            ++load[leader];
        EXPECT_EQ(load.size(), static_cast<std::size_t>(slaves));
        for (const auto& [leader, partitions] : load)
            EXPECT_EQ(partitions, 6 / slaves) << leader;
        must(client, batch(0, 6000));
        EXPECT_EQ(value(client, "select count(*) from t"), 6000);
        EXPECT_EQ(value(client, "select cast(sum(v) as bigint) from t where id % 3 = 0"), 11994000);
        EXPECT_EQ(value(client, "select v from t where id = 4321"), 8642);
        EXPECT_EQ(rows(client, "select id % 4 as r, count(*) as n, avg(v) as a from t group by r order by r")
                      .size(),
                  4u);
        EXPECT_EQ(rows(client, "select a.id from t a join t b on a.id = b.id + 1 order by a.id desc limit 1")
                      .at(0)["id"],
                  5999);
        EXPECT_EQ(stream(client, "t").size(), 6000u);
        must(client, R"({"compress_table":"t"})");
        must(client, sql("alter table t add extra string default 'e'"));
        EXPECT_EQ(value(client, "select count(*) from t where extra = 'e'"), 6000);
        std::int64_t records = 0;
        for (const auto& [partition, last] : max_offsets(client, "t"))
            records += last + 1;
        EXPECT_EQ(records, 6000);
    }
}

TEST_F(SlavesTest, OneSlaveDownIsAnErrorThatNamesItAndOnlyForWhatNeedsIt) {
    start({.slaves = 2,
           .master_properties = {{"master.statement.timeout.ms", "5000"}, {"master.slave.wait.ms", "500"}}});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v int) partition.number = 4"));
    must(client, batch(0, 1000));
    const auto where = leaders(client, "t");
    std::map<int, int> key_of;  // partition -> a key in it
    for (const auto& record : stream(client, "t"))
        key_of[record.partition] = std::stoi(record.key);

    cluster().slave(1).kill_hard();
    const auto down = cluster().slave(1).address();
    const auto started = steady_clock::now();
    EXPECT_THAT(must_fail(client, query("select count(*) from t"), "UNAVAILABLE"), HasSubstr(down));
    const auto whole_batch = client.request(batch(0, 100));
    EXPECT_FALSE(whole_batch.ok());
    EXPECT_THAT(whole_batch.text, HasSubstr(down));
    EXPECT_THAT(
        client.request(R"({"stream_read":{"table_name":"t","patition_mess":[],"read_count":10}})").text,
        HasSubstr(down));
    EXPECT_LT(steady_clock::now() - started, seconds(15));

    for (const auto& [partition, leader] : where) {
        const auto id = std::to_string(key_of.at(partition));
        const auto insert =
            R"({"insert":{"table_name":"t","crud":"insert","data":{"id":)" + id + ",\"v\":7}}}";
        const auto read = R"({"stream_read":{"table_name":"t","patition_mess":[{"patition_code":)" +
                          std::to_string(partition) + R"(,"offset":0}],"read_count":10}})";
        if (leader == down) {
            EXPECT_THAT(client.request(insert).text, HasSubstr(down));
            EXPECT_FALSE(client.request(read).ok());
        } else {
            must(client, insert);
            EXPECT_EQ(must(client, read).frames.size(), 1u);
        }
    }
    // Back without a restart of the master.
    cluster().slave(1).start();
    cluster().wait_serving("t");
    EXPECT_TRUE(
        wait_until(seconds(20), [&] { return client.request(query("select count(*) from t")).ok(); }));
    EXPECT_EQ(value(client, "select count(*) from t"), 1000);
    must(client, batch(0, 100));
}

TEST_F(SlavesTest, AFrozenSlaveCostsATimeoutOnly) {
    start({.slaves = 2, .master_properties = {{"master.statement.timeout.ms", "2000"}}});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v int) partition.number = 2"));
    must(client, batch(0, 100));
    cluster().slave(0).send_signal(SIGSTOP);
    const auto started = steady_clock::now();
    const auto reply = client.request(query("select count(*) from t"));
    EXPECT_FALSE(reply.ok());
    EXPECT_LT(steady_clock::now() - started, seconds(10));
    EXPECT_THAT(client.request_single_frame(sql("show_table")), HasSubstr("t"))
        << "what needs no slave goes on";
    cluster().slave(0).send_signal(SIGCONT);
    EXPECT_TRUE(
        wait_until(seconds(20), [&] { return client.request(query("select count(*) from t")).ok(); }));
    EXPECT_EQ(value(client, "select count(*) from t"), 100);
}

TEST_F(SlavesTest, CreateNeedsASlaveAndSaysSo) {
    start({.master_properties = {{"master.statement.timeout.ms", "3000"}, {"master.slave.wait.ms", "500"}}});
    auto client = connect();
    cluster().slave().kill_hard();
    const auto reply = client.request(sql("create table t(id int primary key)"));
    EXPECT_FALSE(reply.ok());
    EXPECT_THAT(reply.text, HasSubstr(cluster().slave().address()));
    cluster().slave().start();
    EXPECT_TRUE(wait_until(seconds(20), [&] {
        const auto again = client.request(sql("create table t(id int primary key)"));
        return again.ok() || again.code() == "TABLE_EXISTS";
    }));
    cluster().wait_serving("t");
    EXPECT_EQ(value(client, "select count(*) from t"), 0);
}

TEST_F(SlavesTest, PartitionsSpreadOverDataDirectories) {
    ClusterOptions options;
    start(options);
    cluster().slave().stop();
    const auto first = cluster().directory() + "/disk1", second = cluster().directory() + "/disk2";
    cluster().slave().properties()["slave.data"] = first + "," + second;
    std::filesystem::create_directories(first);
    std::filesystem::create_directories(second);
    cluster().start();
    auto client = connect();
    ASSERT_TRUE(wait_until(seconds(20), [&] {
        const auto reply =
            client.request(sql("create table t(id int primary key, v int) partition.number = 4"));
        return reply.ok() || reply.code() == "TABLE_EXISTS";
    }));
    must(client, batch(0, 1000));
    for (const auto& disk : {first, second}) {
        std::uintmax_t bytes = 0;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(disk))
            if (entry.is_regular_file()) bytes += entry.file_size();
        EXPECT_GT(bytes, 1000u) << disk;
    }
    cluster().slave().stop();
    cluster().start();
    cluster().wait_serving("t");
    EXPECT_EQ(value(client, "select count(*) from t"), 1000);
}

}  // namespace
}  // namespace dl::test
