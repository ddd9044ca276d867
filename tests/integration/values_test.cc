// Types and values (docs/protocol.md, 2.1) through JSON, through text, and back by query and by stream_read.
#include <gmock/gmock.h>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class ValuesTest : public ClusterTest {
  protected:
    void SetUp() override {
        start();
        auto client = connect();
        must(client, sql("create table v(id int primary key, i int, l long, f float, d double, b boolean, s "
                         "string, ts timestamp, "
                         "dt date, de decimal(20,4), bi binary)"));
    }
    static std::string insert(const std::string& pairs) {
        return R"({"insert":{"table_name":"v","crud":"insert","data":{)" + pairs + "}}}";
    }
};

TEST_F(ValuesTest, TextAndNativeFormsGiveTheSameRow) {
    auto client = connect();
    must(
        client,
        insert(
            R"("id":1,"i":-7,"l":9007199254740993,"f":1.5,"d":-2.25e3,"b":true,"s":"a\"b","ts":"2024-02-29T12:34:56.789",)"
            R"("dt":"2024-02-29","de":"12345678901234.5678","bi":"AAEC/w==")"));
    must(
        client,
        insert(
            R"("id":"2","i":"-7","l":"+9007199254740993","f":"1.50","d":"-2250","b":"1","s":"a\"b",)"
            R"("ts":"2024-02-29 14:34:56.789000+02:00","dt":"2024-02-29","de":12345678901234.5678,"bi":"AAEC/w==")"));
    const auto all = rows(client, "select i, l, f, d, b, s, ts, dt, de, bi from v order by id");
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0], all[1]);
    EXPECT_EQ(all[0]["i"], -7);
    EXPECT_EQ(all[0]["l"], 9007199254740993LL) << "not rounded through a double";
    EXPECT_EQ(all[0]["f"], 1.5);
    EXPECT_EQ(all[0]["d"], -2250.0);
    EXPECT_EQ(all[0]["b"], true);
    EXPECT_EQ(all[0]["s"], "a\"b");
    const auto& records = stream(client, "v", {{0, 0}});
    ASSERT_EQ(records.size(), 2u);
    auto first = records[0].values, second = records[1].values;
    first.erase("id");
    second.erase("id");
    EXPECT_EQ(first, second) << "one canonical text form";
    EXPECT_EQ(first.at("l"), "9007199254740993");
    EXPECT_EQ(first.at("de"), "12345678901234.5678");
    EXPECT_EQ(first.at("bi"), "AAEC/w==");
}

TEST_F(ValuesTest, KeysAreEqualByValueNotByText) {
    auto client = connect();
    for (const char* key : {"7", "\"7\"", "\"+7\"", "\"07\""})
        must(client, insert(std::string("\"id\":") + key + ",\"s\":\"from " +
                            std::string(key[0] == '"' ? "text" : "number") + "\""));
    EXPECT_EQ(value(client, "select count(*) from v"), 1);
    EXPECT_EQ(stream(client, "v").size(), 4u);
    for (const auto& record : stream(client, "v"))
        EXPECT_EQ(record.key, "7");
}

TEST_F(ValuesTest, LimitsOfEveryType) {
    auto client = connect();
    must(
        client,
        insert(
            R"("id":-2147483648,"i":2147483647,"l":"-9223372036854775808","d":"1.7976931348623157e308","s":"")"));
    must(client,
         insert(
             R"("id":2147483647,"l":9223372036854775807,"f":"nan","d":"-inf","de":"9999999999999999.9999")"));
    EXPECT_EQ(value(client, "select l from v where id = 2147483647"), 9223372036854775807LL);
    EXPECT_EQ(value(client, "select l from v where id = -2147483648"),
              std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(value(client, "select s from v where id = -2147483648"), "");
    EXPECT_EQ(value(client, "select count(*) from v where isnan(f) and d = '-inf'::double"), 1);
}

TEST_F(ValuesTest, WhatDoesNotFitIsRefusedWithNames) {
    auto client = connect();
    const std::vector<std::pair<std::string, std::string>> bad{{"i", "2147483648"},
                                                               {"i", "-2147483649"},
                                                               {"i", "1.5"},
                                                               {"i", "\"\""},
                                                               {"i", "\"1x\""},
                                                               {"i", "\" 1\""},
                                                               {"i", "true"},
                                                               {"i", "\"1_000\""},
                                                               {"i", "{}"},
                                                               {"i", "[1]"},
                                                               {"i", "1e400"},
                                                               {"l", "9223372036854775808"},
                                                               {"l", "\"-9223372036854775809\""},
                                                               {"f", "\"abc\""},
                                                               {"d", "\"\""},
                                                               {"d", "\"1e\""},
                                                               {"b", "\"yes\""},
                                                               {"b", "2"},
                                                               {"ts", "\"2024-02-30 00:00:00\""},
                                                               {"ts", "\"yesterday\""},
                                                               {"ts", "\"\""},
                                                               {"dt", "\"2023-02-29\""},
                                                               {"dt", "\"2024-13-01\""},
                                                               {"de", "\"12345678901234567.0\""},
                                                               {"de", "\"x\""},
                                                               {"bi", "\"!!!\""},
                                                               {"id", "\"\""},
                                                               {"id", "99999999999999999999"}};
    for (const auto& [column, text] : bad) {
        const auto pairs = column == "id" ? "\"id\":" + text : "\"id\":1,\"" + column + "\":" + text;
        const auto error = must_fail(client, insert(pairs), "INVALID_VALUE");
        EXPECT_THAT(error, HasSubstr(column)) << text;
    }
    EXPECT_EQ(value(client, "select count(*) from v"), 0);
    EXPECT_TRUE(stream(client, "v").empty());
}

TEST_F(ValuesTest, NullDefaultAndAbsent) {
    auto client = connect();
    must(client,
         sql("create table n(id int primary key, a string default 'dflt', b string, c long default 5)"));
    must(
        client,
        R"({"batch_insert":{"table_name":"n","data":[{"id":1},{"id":2,"a":null,"c":null},{"id":3,"a":"","b":"/~|"}]}})");
    const auto all = rows(client, "select * from n order by id");
    EXPECT_EQ(all[0], (json{{"id", 1}, {"a", "dflt"}, {"b", nullptr}, {"c", 5}}));
    EXPECT_EQ(all[1], (json{{"id", 2}, {"a", nullptr}, {"b", nullptr}, {"c", nullptr}}))
        << "in JSON an explicit null is NULL";
    EXPECT_EQ(all[2]["a"], "");
}

TEST_F(ValuesTest, LongAndForeignText) {
    auto client = connect();
    const std::string large(3 << 20, 'x');
    must(client, insert("\"id\":1,\"s\":\"" + large + "\""));
    must(client, insert("\"id\":2,\"s\":\"Zażółć gęślą jaźń 中小企业 😀\\u0000end\""));
    EXPECT_EQ(value(client, "select length(s) from v where id = 1"), 3 << 20);
    EXPECT_EQ(value(client, "select s from v where id = 1").get<std::string>(), large);
    EXPECT_THAT(value(client, "select s from v where id = 2").get<std::string>(), HasSubstr("中小企业 😀"));
    const auto records = stream(client, "v", {{0, 1}});
    ASSERT_EQ(records.size(), 1u);
    using std::string_literals::operator""s;
    EXPECT_EQ(records[0].values.at("s"), "Zażółć gęślą jaźń 中小企业 😀\0end"s);
}

TEST_F(ValuesTest, EveryKeyType) {
    auto client = connect();
    const std::vector<std::tuple<std::string, std::string, std::string>> types{
        {"string", "\"k 1\"", "'k 1'"},
        {"long", "12345678901", "12345678901"},
        {"timestamp", "\"2024-01-01 00:00:00\"", "timestamp '2024-01-01 00:00:00'"},
        {"date", "\"2024-01-01\"", "date '2024-01-01'"},
        {"decimal(10,2)", "\"1.50\"", "1.5"},
        {"boolean", "true", "true"},
        {"double", "0.25", "0.25"}};
    int number = 0;
    for (const auto& [type, json_value, literal] : types) {
        const auto table = "k" + std::to_string(number++);
        must(client,
             sql("create table " + table + "(k " + type + " primary key, v int) partition.number = 3"));
        for (int i = 0; i < 3; ++i)
            must(client, R"({"insert":{"table_name":")" + table + R"(","crud":"insert","data":{"k":)" +
                             json_value + ",\"v\":" + std::to_string(i) + "}}}");
        EXPECT_EQ(value(client, "select v from " + table + " where k = " + literal), 2) << type;
        must(client, R"({"insert":{"table_name":")" + table + R"(","crud":"delete","data":{"k":)" +
                         json_value + "}}}");
        EXPECT_EQ(value(client, "select count(*) from " + table), 0) << type;
    }
}

}  // namespace
}  // namespace dl::test
