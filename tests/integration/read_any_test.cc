// Reads that any copy in sync may answer, as their users see them.
#include <gmock/gmock.h>

#include <chrono>
#include <csignal>
#include <set>

#include "tests/support/copies_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

class ReadAnyTest : public CopiesFixture {
  protected:
    static constexpr int kPartitions = 3;

    void SetUp() override {
        start({.slaves = 3});
        client_.emplace(connect());
        must(*client_, sql("create table t(id int primary key, v int) partition.number = " +
                           std::to_string(kPartitions) + ", replicas.number = 2"));
        must(*client_, batch(0, 1));
        const auto well = wait_until(seconds(30), [&] { return is_well(); });
        ASSERT_TRUE(well) << health();
        for (int i = 0; i < 6; ++i)
            readers_.push_back(connect());
    }
    // As cluster_status says: by slaves that do not lead what was read.
    int follower_reads() {
        int sum = 0;
        for (const auto& frame : must(*client_, R"({"cluster_status":{}})").frames) {
            const auto detail = json::parse(frame)["detail"].get<std::string>();
            const auto at = detail.find("has answered ");
            if (at != std::string::npos) sum += std::stoi(detail.substr(at + 13));
        }
        return sum;
    }
    // What the leaders have now: partition -> next offset.
    json ends() {
        json least = json::object();
        for (const auto& [partition, last] : max_offsets(*client_, "t"))
            least[std::to_string(partition)] = last + 1;
        return least;
    }
    static int count(RawClient& from, json options = json::object()) {
        options["read"] = "any";
        const json statement{{"query", "select count(*) as n from t"}, {"options", options}};
        const auto reply = must(from, statement.dump());
        return reply.frames.empty() ? -1 : json::parse(reply.frames[0])["n"].get<int>();
    }
    // Records of a stream_read from the beginning, or from `from`.
    static std::size_t records(RawClient& client, json options, const json& from = json::object()) {
        auto parts = json::array();
        for (int i = 0; i < kPartitions; ++i)
            parts.push_back({{"patition_code", i}, {"offset", from.value(std::to_string(i), 0)}});
        options["read"] = "any";
        options["format"] = "json";
        const json statement{
            {"stream_read", {{"table_name", "t"}, {"patition_mess", parts}, {"read_count", 1000000}}},
            {"options", options}};
        std::size_t found = 0;
        for (const auto& frame : must(client, statement.dump()).frames)
            found += frame.find("\"v\"") != std::string::npos ? 1 : 0;
        return found;
    }

    std::optional<RawClient> client_;
    std::vector<RawClient> readers_;
};

TEST_F(ReadAnyTest, CopiesThatDoNotLeadAnswerAndNobodySeesTimeGoBack) {
    // A copy hears that records are committed a moment after their writer.
    EXPECT_TRUE(wait_until(seconds(10), [&] { return count(*client_) == 1; }));
    must(*client_, query("select count(*) from t"));
    const auto before = follower_reads();
    std::vector<int> seen(readers_.size(), 0);
    for (int round = 1; round < 30; ++round) {
        must(*client_, batch(round * 100, round * 100 + 100));
        for (std::size_t i = 0; i < readers_.size(); ++i) {
            const auto now = count(readers_[i]);
            EXPECT_GE(now, seen[i]) << "connection " << i;
            seen[i] = now;
        }
    }
    // Two of three copies do not lead.
    EXPECT_GE(follower_reads() - before, 29 * 6 * kPartitions / 2) << "connections are spread";
    // EXPLAIN ANALYZE names whom a connection asks, the statement of the other form as well: of six
    // connections not all ask the same.
    std::set<std::string> asked;
    for (auto& reader : readers_) {
        std::string nodes;
        const json statement{{"sql", "explain analyze select count(*) from t"},
                             {"options", {{"read", "any"}}}};
        for (const auto& frame : must(reader, statement.dump()).frames)
            if (const auto row = json::parse(frame); row["step"] == "cut")
                nodes += row["node"].get<std::string>();
        asked.insert(nodes);
    }
    EXPECT_GE(asked.size(), 2u);
    const json key{{"query", "select v from t where id = 100"}, {"options", {{"read", "any"}}}};
    EXPECT_THAT(must(readers_[0], key.dump()).frames, ::testing::ElementsAre(R"({"v":200})"));
}

TEST_F(ReadAnyTest, WhatMinOffsetsNameIsThere) {
    const auto before = follower_reads();
    std::size_t rows = 1;
    for (int round = 1; round <= 20; ++round) {
        must(*client_, batch(round * 10, round * 10 + 10));
        rows += 10;
        const json options{{"min_offsets", ends()}};
        for (auto& reader : readers_) {
            EXPECT_EQ(count(reader, options), static_cast<int>(rows)) << round;
            EXPECT_EQ(records(reader, options), rows) << round;
        }
    }
    EXPECT_GE(follower_reads() - before, 20 * 2 * 6 * kPartitions / 2);
}

TEST_F(ReadAnyTest, ALongPollGivesTheRecordsThatEndIt) {
    for (int round = 0; round < 20; ++round) {
        const auto from = ends();
        must(*client_, batch(1000 + round, 1001 + round));
        for (auto& reader : readers_)
            EXPECT_EQ(records(reader, {{"max_wait_ms", 10000}}, from), 1u) << round;
    }
    // Nothing new: it waits, and gives none.
    const auto began = steady_clock::now();
    EXPECT_EQ(records(readers_[0], {{"max_wait_ms", 300}}, ends()), 0u);
    EXPECT_GE(steady_clock::now() - began, std::chrono::milliseconds(290));
}

TEST_F(ReadAnyTest, ACopyThatGoesCostsAMomentAndNoError) {
    must(*client_, batch(1, 500));
    const json options{{"min_offsets", ends()}};
    cluster().slave(1).kill_hard();
    for (auto& reader : readers_) {
        EXPECT_EQ(count(reader, options), 500);
        EXPECT_EQ(records(reader, options), 500u);
    }
    cluster().slave(1).start();
    ASSERT_TRUE(wait_until(seconds(30), [&] { return is_well(); })) << health();
    // One that hangs is not waited for longer than until it is taken for dead.
    ::kill(cluster().slave(2).pid(), SIGSTOP);
    for (auto& reader : readers_) {
        const auto began = steady_clock::now();
        EXPECT_EQ(count(reader, options), 500);
        EXPECT_EQ(records(reader, options), 500u);
        EXPECT_LT(steady_clock::now() - began, seconds(12));
    }
    ::kill(cluster().slave(2).pid(), SIGCONT);
}

TEST_F(ReadAnyTest, TheOptionIsForReads) {
    EXPECT_THAT(must_fail(*client_, R"({"query":"select 1","options":{"read":"all"}})", "INVALID_REQUEST"),
                HasSubstr("leader or any"));
    EXPECT_THAT(
        must_fail(*client_, R"({"sql":"insert into t select id + 1, v from t","options":{"read":"any"}})",
                  "INVALID_REQUEST"),
        HasSubstr("options.read is for SELECT"));
    EXPECT_THAT(must_fail(*client_, R"({"metadata":"t","options":{"read":"any"}})", "INVALID_REQUEST"),
                HasSubstr("\"read\" is for query and stream_read"));
    // A cut of the past is that of the leaders; a table with one copy has no other.
    must(*client_, json{{"query", "select * from t"},
                        {"options", {{"read", "any"}, {"as_of", {{"0", 0}, {"1", 0}, {"2", 0}}}}}}
                       .dump());
    must(*client_, sql("create table one(id int primary key)"));
    must(*client_, sql("insert into one values (1)"));
    const json one{{"query", "select * from one where id = 1"}, {"options", {{"read", "any"}}}};
    EXPECT_EQ(must(*client_, one.dump()).frames.size(), 1u);
    const json both{{"query", "select count(*) as n from one, t"}, {"options", {{"read", "any"}}}};
    EXPECT_THAT(must(*client_, both.dump()).frames, ::testing::ElementsAre(R"({"n":1})"));
}

}  // namespace
}  // namespace dl::test
