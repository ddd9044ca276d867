// The history of a table as clients see it: what is kept, where it begins, what is said of the rest, and
// whose positions are taken.
#include <map>
#include <set>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;

class HistoryTest : public ClusterTest {
  protected:
    static ClusterOptions merging(std::map<std::string, std::string> more = {}) {
        ClusterOptions options;
        options.slave_properties = {{"slave.file.segment.bytes", "65536"},
                                    {"slave.compaction.bytes.min", "0"},
                                    {"slave.compaction.files.min", "2"},
                                    {"slave.compaction.dead.bytes.min", "0"}};
        for (const auto& [key, value] : more)
            options.slave_properties[key] = value;
        return options;
    }
    // The same keys again and again.
    static void fill(RawClient& client, const std::string& table, int rounds, int first_round = 0) {
        for (int round = first_round; round < first_round + rounds; ++round) {
            std::string text = R"({"batch_insert":{"table_name":")" + table + R"(","data":[)";
            for (int key = 0; key < 100; ++key)
                text += (key == 0 ? R"({"id":)" : R"(,{"id":)") + std::to_string(key) + R"(,"v":")" +
                        std::string(100, static_cast<char>('a' + round % 26)) + std::to_string(round) + "\"}";
            must(client, text + "]}}");
        }
    }
    struct Streamed {
        std::map<std::uint32_t, std::vector<std::int64_t>> offsets;
        json meta;
    };
    static Streamed stream(RawClient& client, json read, json options = json::object()) {
        options["meta"] = true;
        options["format"] = "json";
        Streamed got;
        for (const auto& frame :
             must(client, json{{"stream_read", std::move(read)}, {"options", std::move(options)}}.dump())
                 .frames) {
            const auto record = json::parse(frame);
            if (record.contains("meta"))
                got.meta = record["meta"];
            else
                got.offsets[record["partition_code"]].push_back(record["offset"]);
        }
        return got;
    }
    static json offsets(RawClient& client, const std::string& table, const std::string& since = "") {
        json rows = json::array();
        for (const auto& frame :
             must(client, sql("show offsets " + table + (since.empty() ? "" : " since '" + since + "'")))
                 .frames)
            rows.push_back(json::parse(frame));
        return rows;
    }
};

TEST_F(HistoryTest, AutomaticCompactionTakesNothingAndCompressTableSaysWhatItTook) {
    start(merging());
    auto client = connect();
    must(client, sql("create table t(id int primary key, v string) partition.number = 2"));
    fill(client, "t", 120);
    // Files have been merged: far fewer rows in them than records.
    ASSERT_TRUE(wait_until(std::chrono::seconds(30), [&] {
        return cluster().slave().log_text().find("compaction: partition") != std::string::npos;
    }));
    const json all{{"table_name", "t"}, {"read_count", 1'000'000}};
    auto got = stream(client, all);
    std::size_t records = 0;
    for (const auto& [partition, list] : got.offsets) {
        EXPECT_EQ(list.front(), 0);
        EXPECT_EQ(list.back() + 1, static_cast<std::int64_t>(list.size()));
        records += list.size();
    }
    EXPECT_EQ(records, 12'000u);
    EXPECT_EQ(got.meta["compacted"], json::object());
    for (const auto& row : offsets(client, "t")) {
        EXPECT_EQ(row["first_offset"], 0);
        EXPECT_EQ(row["history_offset"], 0);
    }
    must(client, sql("compress t"));
    got = stream(client, all);
    records = 0;
    for (const auto& row : offsets(client, "t")) {
        const auto partition = row["partition"].get<std::uint32_t>();
        const auto& list = got.offsets.at(partition);
        const auto history = row["history_offset"].get<std::int64_t>();
        EXPECT_GT(history, 0);
        EXPECT_EQ(row["first_offset"], list.front());
        EXPECT_EQ(row["last_offset"], list.back());
        const auto range = got.meta["compacted"][std::to_string(partition)];
        EXPECT_EQ(range[0], 0) << "the first record was replaced";
        EXPECT_LT(range[1].get<std::int64_t>(), history);
        const std::set<std::int64_t> there(list.begin(), list.end());
        for (auto offset = history; offset <= list.back(); ++offset)
            ASSERT_TRUE(there.contains(offset));
        EXPECT_EQ(got.meta["next"][std::to_string(partition)], list.back() + 1);
        records += list.size();
    }
    EXPECT_LT(records, 12'000u);
}

TEST_F(HistoryTest, AStreamBeginsAtATime) {
    start(merging());
    auto client = connect();
    must(client, sql("create table t(id int primary key, v string) partition.number = 2"));
    fill(client, "t", 3);
    const auto records =
        must(client, R"({"stream_read":{"table_name":"t","read_count":1000},"options":{"format":"json"}})");
    std::string last_time;
    for (const auto& frame : records.frames)
        last_time = std::max(last_time, json::parse(frame)["timestamp"].get<std::string>());
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    fill(client, "t", 2, 3);
    // From the newest batch of the first three on.
    const auto got =
        stream(client, {{"table_name", "t"}, {"read_count", 1000}, {"start", {{"timestamp", last_time}}}});
    std::size_t rows = 0;
    for (const auto& [partition, list] : got.offsets)
        rows += list.size();
    EXPECT_GE(rows, 200u);
    EXPECT_LE(rows, 300u);
    for (const auto& row : offsets(client, "t", last_time))
        EXPECT_EQ(row["since_offset"], got.offsets.at(row["partition"]).front());
    // One partition by time, one by offset, and nothing before the first record or after the last.
    const auto mixed = stream(
        client, {{"table_name", "t"},
                 {"read_count", 1000},
                 {"start", {{"timestamp", "2999-01-01"}}},
                 {"patition_mess",
                  json::array({json{{"patition_code", 0}}, json{{"patition_code", 1}, {"offset", 7}}})}});
    EXPECT_FALSE(mixed.offsets.contains(0));
    EXPECT_EQ(mixed.offsets.at(1).front(), 7);
    EXPECT_EQ(mixed.meta["next"]["0"], offsets(client, "t")[0]["last_offset"].get<std::int64_t>() + 1);
    const auto whole =
        stream(client, {{"table_name", "t"}, {"read_count", 1000}, {"start", {{"timestamp", "1999-01-01"}}}});
    EXPECT_EQ(whole.offsets.at(0).front(), 0);
    EXPECT_EQ(whole.offsets.at(1).front(), 0);
    must_fail(client, R"({"stream_read":{"table_name":"t","read_count":1,"start":{"timestamp":"noon"}}})",
              "INVALID_VALUE");
    must_fail(client, sql("show offsets nosuch"), "TABLE_NOT_FOUND");
}

TEST_F(HistoryTest, PositionsOfAnotherTableAndBeyondTheEndAreRefusedWhenAsked) {
    start(merging());
    auto client = connect();
    must(client, sql("create table t(id int primary key, v string)"));
    fill(client, "t", 5);
    const json at_100{{"table_name", "t"},
                      {"read_count", 10},
                      {"patition_mess", json::array({json{{"patition_code", 0}, {"offset", 100}}})}};
    const auto first = stream(client, at_100);
    const auto id = first.meta["table_id"].get<std::string>();
    EXPECT_EQ(id.size(), 16u);
    EXPECT_EQ(offsets(client, "t")[0]["table_id"], id);
    EXPECT_EQ(stream(client, at_100, {{"table_id", id}, {"check_offsets", true}}).offsets.at(0).front(), 100);
    const auto read_at = [](int offset, const json& options) {
        return json{{"stream_read",
                     {{"table_name", "t"},
                      {"read_count", 10},
                      {"patition_mess", json::array({json{{"patition_code", 0}, {"offset", offset}}})}}},
                    {"options", options}}
            .dump();
    };
    // At the end is where the next record comes; beyond it nothing ever was.
    EXPECT_EQ(must(client, read_at(500, {{"check_offsets", true}})).frames.size(), 0u);
    EXPECT_EQ(must(client, read_at(501, json::object())).frames.size(), 0u);
    must_fail(client, read_at(501, {{"check_offsets", true}}), "OFFSET_OUT_OF_RANGE");
    const auto begun = std::chrono::steady_clock::now();
    must_fail(client, read_at(501, {{"check_offsets", true}, {"max_wait_ms", 60'000}}),
              "OFFSET_OUT_OF_RANGE");
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
    must(client, sql("drop t"));
    must(client, sql("create table t(id int primary key, v string)"));
    fill(client, "t", 5);
    EXPECT_NE(offsets(client, "t")[0]["table_id"], id);
    must_fail(client, read_at(100, {{"table_id", id}}), "OFFSET_OUT_OF_RANGE");
    // Who does not ask sees what it always saw.
    EXPECT_GT(must(client, read_at(100, json::object())).frames.size(), 0u);
}

TEST_F(HistoryTest, TheHistoryIsThatOfTheTableAlsoAfterRestarts) {
    start(merging());
    auto client = connect();
    must(client, sql("create table kept(id int primary key, v string)"));
    must(client, sql("create table short(id int primary key, v string) history.hours = 0"));
    must(client,
         R"({"create":{"table_name":"small","col_type":{"id":"int","v":"string"},"partition_number":1,)"
         R"("major_key":"id","history_hours":100,"history_bytes":200000}})");
    const auto history = [&](const std::string& table) {
        auto reader = connect();
        return offsets(reader, table)[0]["history_offset"].get<std::int64_t>();
    };
    int round = 0;
    EXPECT_TRUE(wait_until(std::chrono::seconds(60), [&] {
        for (const auto* table : {"kept", "short", "small"})
            fill(client, table, 4, round);
        round += 4;
        return history("short") > 0 && history("small") > 0;
    }));
    EXPECT_EQ(history("kept"), 0);
    cluster().master().stop();
    cluster().slave().kill_hard();
    cluster().start();
    cluster().wait_serving("kept");
    auto again = connect();
    const auto before = history("small");
    fill(again, "small", 60, round);
    EXPECT_TRUE(wait_until(std::chrono::seconds(30), [&] { return history("small") > before; }));
    EXPECT_EQ(history("kept"), 0);
    const auto got = stream(again, {{"table_name", "kept"}, {"read_count", 1'000'000}});
    EXPECT_EQ(got.offsets.at(0).size(), static_cast<std::size_t>(round) * 100);
    must_fail(again, sql("create table bad(id int primary key) history.hours = 876001"), "SYNTAX_ERROR");
    must_fail(
        again,
        R"({"create":{"table_name":"bad","col_type":{"id":"int"},"partition_number":1,"major_key":"id",)"
        R"("history_hours":-1}})",
        "INVALID_REQUEST");
}

}  // namespace
}  // namespace dl::test
