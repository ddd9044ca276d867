// Whatever comes from the network: an error or a closed connection, never a crash, never unbounded memory.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <functional>
#include <random>
#include <thread>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kMegabyte = 1u << 20;

// Sends from a thread of its own; ends with the scope, also when a test leaves it early.
class Sender {
  public:
    Sender(RawClient& client, const std::function<void()>& send)
        : client_(client), thread_([send] {
              try {
                  send();
              } catch (const TransportError&) {  // the receiving side reports it
              }
          }) {}
    ~Sender() {
        if (!done_) ::shutdown(client_.fd(), SHUT_RDWR);
        thread_.join();
    }
    void all_received() { done_ = true; }

  private:
    RawClient& client_;
    std::thread thread_;
    bool done_ = false;
};

class AbuseTest : public ClusterTest {
  protected:
    void SetUp() override {
        start();
        auto client = connect();
        must(client, sql("create table t(id int primary key, v string) partition.number = 2"));
        must(client, sql("insert into t values (1, 'one')"));
    }
    // Everything still works, and nothing of what was sent is there.
    void expect_unharmed() {
        ASSERT_TRUE(cluster().master().alive() && cluster().slave().alive());
        auto client = connect();
        EXPECT_EQ(value(client, "select count(*) from t"), 1);
    }
    // Bad framing: one -2 reply, then close.
    void expect_error_and_close(const std::string& bytes) {
        auto client = connect();
        client.send_bytes(bytes);
        const auto reply = client.read_reply();
        EXPECT_EQ(reply.kind, Reply::Kind::error);
        EXPECT_TRUE(client.closed_by_peer(seconds(5)));
    }
};

TEST_F(AbuseTest, LengthsThatAreNone) {
    for (const char* length : {"ffffffff", "fffffffe", "80000000", "7fffffff", "7ffffff0"}) {
        const auto before = cluster().master().resident_bytes();
        expect_error_and_close(hex_to_bytes(length) + "{\"query\":\"select 1\"}");
        EXPECT_LT(cluster().master().resident_bytes(), before + 64 * kMegabyte)
            << "allocated by an unchecked length";
    }
    auto client = connect();
    EXPECT_EQ(client.request("").kind, Reply::Kind::error) << "length 0 is a frame without a statement";
    must(client, query("select 1"));
    expect_unharmed();
}

TEST_F(AbuseTest, GarbageAndHalfFrames) {
    std::mt19937_64 random(42);
    for (int i = 0; i < 200; ++i) {
        auto client = connect();
        std::string bytes(1 + random() % 3000, '\0');
        for (auto& byte : bytes)
            byte = static_cast<char>(random());
        if (i % 2 == 0) bytes = frame(bytes);
        if (i % 5 == 0) bytes.resize(bytes.size() / 2);
        try {
            client.send_bytes(bytes);
        } catch (const TransportError&) {
        }
        if (i % 3 == 0)
            client.reset();
        else
            client.close();
    }
    expect_unharmed();
}

TEST_F(AbuseTest, ClientDyingInMidFrameLeavesNothing) {
    const auto insert = frame(R"({"insert":{"table_name":"t","crud":"insert","data":{"id":2,"v":"two"}}})");
    for (std::size_t cut = 1; cut < insert.size(); cut += 3) {
        auto client = connect();
        client.send_bytes(insert.substr(0, cut));
        if (cut % 2 == 0) client.reset();
    }
    auto half_batch = connect();
    half_batch.send_frame("\"batch_insert\"");
    half_batch.send_bytes(hex_to_bytes("00100000"));
    half_batch.close();
    std::this_thread::sleep_for(milliseconds(100));
    expect_unharmed();
}

TEST_F(AbuseTest, SlowSenderOneByteAtATime) {
    auto client = connect();
    const auto bytes = frame(query("select v from t where id = 1"));
    for (const char byte : bytes) {
        client.send_bytes(std::string_view(&byte, 1));
        std::this_thread::sleep_for(milliseconds(1));
    }
    EXPECT_EQ(client.read_reply().frames.at(0), R"({"v":"one"})");
}

TEST_F(AbuseTest, DeepAndStrangeJson) {
    auto client = connect();
    const auto depth = 1'000'000;
    must_fail(client, "{\"query\":" + std::string(depth, '[') + std::string(depth, ']') + "}",
              "SYNTAX_ERROR");
    std::string objects;
    for (int i = 0; i < depth; ++i)
        objects += "{\"a\":";
    must_fail(client, objects, "SYNTAX_ERROR");
    must_fail(client,
              R"({"insert":{"table_name":"t","crud":"insert","data":{"id":2,"v":)" + std::string(100, '[') +
                  std::string(100, ']') + "}}}",
              "SYNTAX_ERROR");
    EXPECT_FALSE(
        client.request(R"({"insert":{"table_name":"t","crud":"insert","data":{"id":1e999999999}}})").ok());
    EXPECT_FALSE(client
                     .request(R"({"insert":{"table_name":"t","crud":"insert","data":{"id":)" +
                              std::string(100'000, '9') + "}}}")
                     .ok());
    EXPECT_FALSE(
        client
            .request(
                R"({"stream_read":{"table_name":"t","patition_mess":[{"patition_code":-1,"offset":0}],"read_count":1}})")
            .ok());
    EXPECT_FALSE(
        client
            .request(
                R"({"stream_read":{"table_name":"t","patition_mess":[{"patition_code":4294967296,"offset":0}],"read_count":1}})")
            .ok());
    must(
        client,
        R"({"stream_read":{"table_name":"t","patition_mess":[{"patition_code":0,"offset":9223372036854775807}],"read_count":9223372036854775807}})");
    EXPECT_FALSE(client.request(R"({"query":"select \ud800"})").ok()) << "a lone surrogate";
    EXPECT_FALSE(client.request("{\"query\":\"select 1\0\"}").ok());
    expect_unharmed();
}

TEST_F(AbuseTest, NamesThatAreNoNames) {
    auto client = connect();
    for (const std::string name :
         {"../../../../tmp/datalakedb-evil", "a/b", "..", ".", "", "a b", "a;drop table t", "a\\u0000b",
          "con\\nfig", "\\u202ename", "name.with.dots", "\\\"quoted\\\"", "t'--"}) {
        EXPECT_FALSE(client
                         .request(R"({"create":{"table_name":")" + name +
                                  R"(","col_type":{"id":"int"},"partition_number":1,"major_key":"id"}})")
                         .ok())
            << name;
        EXPECT_FALSE(client
                         .request(R"({"create":{"table_name":"ok","col_type":{"id":"int",")" + name +
                                  R"(":"int"},"partition_number":1,"major_key":"id"}})")
                         .ok())
            << name;
        EXPECT_FALSE(client.request(R"({"metadata":")" + name + "\"}").ok()) << name;
        EXPECT_FALSE(client.request(R"({"compress_table":")" + name + "\"}").ok()) << name;
    }
    EXPECT_FALSE(client
                     .request(R"({"create":{"table_name":")" + std::string(129, 'a') +
                              R"(","col_type":{"id":"int"},"partition_number":1,"major_key":"id"}})")
                     .ok());
    EXPECT_FALSE(std::filesystem::exists("/tmp/datalakedb-evil"));
    EXPECT_EQ(client.request_single_frame(sql("show_table")), R"(["t"])");
    expect_unharmed();
}

TEST_F(AbuseTest, AHundredThousandPipelinedStatements) {
    auto client = connect();
    const auto one = frame(query("select 1 as x"));
    const auto bad = frame("{}");
    Sender sender(client, [&] {
        std::string bytes;
        for (int i = 0; i < 100'000; ++i) {
            bytes += i % 1000 == 0 ? one : bad;
            if (bytes.size() > 60'000) {
                client.send_bytes(bytes);
                bytes.clear();
            }
        }
        client.send_bytes(bytes);
    });
    for (int i = 0; i < 100'000; ++i) {
        const auto reply = client.read_reply();
        ASSERT_EQ(reply.ok(), i % 1000 == 0) << i << " " << reply.text;
    }
    sender.all_received();
    EXPECT_LT(cluster().master().resident_bytes(), 700 * kMegabyte);
    expect_unharmed();
}

TEST_F(AbuseTest, ReaderThatNeverReadsCostsBoundedMemory) {
    auto writer = connect();
    auto data = json::array();
    for (int i = 0; i < 2000; ++i)
        data.push_back({{"id", 10 + i}, {"v", std::string(5000, 'x')}});
    for (int i = 0; i < 8; ++i)
        must(writer, json{{"batch_insert", {{"table_name", "t"}, {"data", data}}}}.dump());
    const auto master_before = cluster().master().resident_bytes(),
               slave_before = cluster().slave().resident_bytes();
    std::vector<RawClient> readers;
    for (int i = 0; i < 10; ++i) {
        readers.push_back(connect());
        for (int k = 0; k < 20; ++k)
            readers.back().send_frame(
                R"({"stream_read":{"table_name":"t","patition_mess":[],"read_count":100000},"options":{"format":"json"}})");
        readers.back().send_frame(query("select * from t"));
    }
    std::this_thread::sleep_for(seconds(3));
    EXPECT_LT(cluster().master().resident_bytes(), master_before + 1500 * kMegabyte);
    EXPECT_LT(cluster().slave().resident_bytes(), slave_before + 1500 * kMegabyte);
    EXPECT_EQ(value(writer, "select count(*) from t"), 2001) << "others are served";
    readers.clear();
    std::this_thread::sleep_for(milliseconds(200));
    EXPECT_EQ(value(writer, "select count(*) from t"), 2001);
}

TEST_F(AbuseTest, TenThousandIdleConnections) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 10'200)
        GTEST_SKIP() << "only " << limit.rlim_cur << " open files are allowed here (ulimit -Hn)";
    const auto before = cluster().master().resident_bytes();
    std::vector<RawClient> idle;
    idle.reserve(10'000);
    for (int i = 0; i < 10'000; ++i) {
        idle.push_back(connect());
        if (i % 3 == 0) idle.back().send_bytes(std::string(3, '\0'));  // part of a length
    }
    auto client = connect();
    EXPECT_EQ(value(client, "select v from t where id = 1"), "one");
    const auto grown = cluster().master().resident_bytes() - before;
    EXPECT_LT(grown, 400 * kMegabyte) << "per connection: " << grown / 10'000;
    for (std::size_t i = 0; i < idle.size(); i += 1000)
        must(idle[i / 3 * 3 + 1], query("select 1"));  // none of those that began a frame
    idle.clear();
    expect_unharmed();
}

// The port between master and slave is hostile ground too.
TEST_F(AbuseTest, GarbageOnTheSlavePort) {
    std::mt19937_64 random(7);
    for (int i = 0; i < 200; ++i) {
        RawClient client(cluster().slave().port(), seconds(5));
        std::string bytes(1 + random() % 2000, '\0');
        for (auto& byte : bytes)
            byte = static_cast<char>(random());
        if (i % 2 == 0) {  // a well-formed envelope around it: length, version 1, a method
            const auto length = static_cast<std::uint32_t>(bytes.size() + 4);
            std::string head(8, '\0');
            std::memcpy(head.data(), &length, 4);
            head[4] = 1;
            head[5] = static_cast<char>(1 + random() % 14);
            bytes = head + bytes;
        }
        if (i % 7 == 0) bytes = hex_to_bytes("ffffffff 01 05 0000") + bytes;
        try {
            client.send_bytes(bytes);
            if (i % 4 == 0) client.closed_by_peer(milliseconds(20));
        } catch (const TransportError&) {
        }
    }
    EXPECT_LT(cluster().slave().resident_bytes(), 800 * kMegabyte);
    expect_unharmed();
}

}  // namespace
}  // namespace dl::test
