// Every statement and reply form of docs/protocol.md, byte for byte where bytes were recorded from existing
// clients.
#include <gmock/gmock.h>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class ProtocolTest : public ClusterTest {
  protected:
    void SetUp() override { start(); }
};

TEST_F(ProtocolTest, RecordedBinaryBatchAndStreamFrame) {
    auto client = connect();
    must(client, sql("create table t1(id int primary key, name string) partition.number = 1"));
    client.send_bytes(hex_to_bytes(
        "0000000e 2262617463685f696e7365727422 00000060"
        "5df05c 02000000 7431 03000000 02000000 6964 04000000 6e616d65 0a000000 5f637275645f74797065 02000000"
        "03000000 01000000 31 02000000 6162 06000000 696e73657274"
        "03000000 01000000 32 03000000 2f7e7c 06000000 64656c657465"));
    EXPECT_EQ(bytes_to_hex(client.read_exactly(4)), "ffffffff");

    const auto reply = must(
        client,
        R"({"stream_read":{"table_name":"t1","patition_mess":[{"patition_code":0,"offset":0}],"read_count":10}})");
    ASSERT_EQ(reply.frames.size(), 1u);
    const auto plain = snappy_uncompress(reply.frames[0]);
    const auto id_pair = "02000000 6964 01000000 31 ", name_pair = "04000000 6e616d65 02000000 6162 ";
    const auto id_pair_2 = "02000000 6964 01000000 32 ", name_pair_2 = "04000000 6e616d65 03000000 2f7e7c ";
    const auto expected = [&](const std::string& first, const std::string& second) {
        return bytes_to_hex(hex_to_bytes(
            "02000000 02000000 7431 01000000 31 02000000 " + first +
            "06000000 696e73657274 00000000 0000000000000000 02000000 7431 01000000 32 02000000 " + second +
            "06000000 64656c657465 00000000 0100000000000000"));
    };
    // The order of the pairs is free, but the same for all records of a frame.
    EXPECT_THAT(
        bytes_to_hex(plain),
        ::testing::AnyOf(expected(std::string(id_pair) + name_pair, std::string(id_pair_2) + name_pair_2),
                         expected(std::string(name_pair) + id_pair, std::string(name_pair_2) + id_pair_2)));
}

TEST_F(ProtocolTest, EveryStatementHasItsReply) {
    auto client = connect();
    auto reply = must(
        client, R"({"create":{"table_name":"People","col_type":{"id":"int","name":"string","born":"date"},)"
                R"("partition_number":2,"major_key":"id","not_null":["name"],"default":{"name":"nobody"}}})");
    EXPECT_EQ(reply.kind, Reply::Kind::ok);
    EXPECT_TRUE(reply.frames.empty());

    reply = must(
        client,
        R"({"insert":{"table_name":"people","crud":"insert","data":{"id":1,"name":"Ada","born":"1815-12-10"}}})");
    EXPECT_TRUE(reply.frames.empty());
    must(
        client,
        R"({"batch_insert":{"table_name":"PEOPLE","data":[{"id":"2","name":"Grace","crud":"insert"},)"
        R"({"id":3,"name":"Alan"},{"id":4,"name":"x","_crud_type":"insert"},{"id":4,"_crud_type":"delete"}]}})");
    must(client, R"({"insert":{"table_name":"people","crud":"delete","data":{"id":3}}})");

    reply = must(client, query("select id, name, born from people order by id"));
    EXPECT_THAT(reply.frames, ElementsAre(R"({"id":1,"name":"Ada","born":"1815-12-10"})",
                                          R"({"id":2,"name":"Grace","born":null})"));

    reply = must(client, R"({"metadata":"people"})");
    ASSERT_EQ(reply.frames.size(), 1u);
    const auto metadata = json::parse(reply.frames[0]);
    EXPECT_EQ(metadata["table_name"], "people");
    EXPECT_EQ(metadata["major_key"], "id");
    EXPECT_TRUE(metadata.contains("col_type") && metadata.contains("partition_address") &&
                metadata.contains("partition_number"));

    must(client, R"({"compress_table":"people"})");
    EXPECT_EQ(json::parse(client.request_single_frame(sql("show_table"))), json::array({"people"}));
    must(client, sql("drop people"));
    EXPECT_EQ(json::parse(client.request_single_frame(sql("show tables"))), json::array());
}

TEST_F(ProtocolTest, DescIsAFlatObjectOfStrings) {
    auto client = connect();
    must(client,
         sql("create table t(id int primary key, name string not null, age long, sex string default 'X y') "
             "partition.number = 2, replicas.number = 0"));
    const auto reply = must(client, sql("desc t"));
    ASSERT_EQ(reply.kind, Reply::Kind::desc);
    const auto desc = json::parse(reply.text);
    std::vector<std::string> keys;
    for (const auto& [key, entry] : desc.items()) {
        keys.push_back(key);
        EXPECT_TRUE(entry.is_string()) << key;
    }
    // The Java client takes every key but the four fixed ones for a column.
    EXPECT_THAT(keys, UnorderedElementsAre("id", "name", "age", "sex", "table_name", "major_key",
                                           "partition_number", "partition_address"));
    EXPECT_EQ(desc["table_name"], "t");
    EXPECT_EQ(desc["major_key"], "id");
    EXPECT_EQ(desc["partition_number"], "2");
    EXPECT_EQ(json::parse(desc["id"].get<std::string>()),
              (json{{"datatype", "int"}, {"column_config", "PRIMARY_KEY"}}));
    EXPECT_EQ(json::parse(desc["name"].get<std::string>())["column_config"], "NOT_NULL");
    EXPECT_EQ(json::parse(desc["sex"].get<std::string>()),
              (json{{"datatype", "string"}, {"column_config", "DEFAULT"}, {"default_value", "X y"}}));
    const auto addresses = json::parse(desc["partition_address"].get<std::string>());
    EXPECT_EQ(addresses["0"][0]["address"], cluster().slave().address());
    EXPECT_EQ(addresses["1"][0]["info"], "Leader");
}

TEST_F(ProtocolTest, MaxOffsetIsTheLastRecordAndMinusOneWhenEmpty) {
    auto client = connect();
    must(client, sql("create table t(id int primary key) partition.number = 1"));
    EXPECT_EQ(max_offsets(client, "t"), (std::map<int, std::int64_t>{{0, -1}}));
    must(client, R"({"batch_insert":{"table_name":"t","data":[{"id":1},{"id":2},{"id":2}]}})");
    EXPECT_EQ(max_offsets(client, "t"), (std::map<int, std::int64_t>{{0, 2}}));
    EXPECT_EQ(must(client, sql("MAX_OFFSET T")).text, must(client, sql("max_offset t;")).text);
}

TEST_F(ProtocolTest, BinaryBatchInBothSpellings) {
    auto client = connect();
    must(client, sql("create table t(id int primary key, name string default 'd', n int)"));
    const std::vector<std::string> columns{"id", "_crud_type", "name", "n"};
    const auto batch =
        snappy_compress(plain_batch("t", columns, {{"1", "insert", "", "5"}, {"2", "insert", {}, {}}}));
    client.send_frame("\"batch_insert\"");
    client.send_frame(batch);
    EXPECT_TRUE(client.read_reply().ok());
    // NULL means the DEFAULT in this form; the empty string stays empty.
    EXPECT_THAT(must(client, query("select * from t order by id")).frames,
                ElementsAre(R"({"id":1,"name":"","n":5})", R"({"id":2,"name":"d","n":null})"));
    client.send_frame(R"({"batch_insert":null})");
    client.send_frame(snappy_compress(plain_batch("t", columns, {})));
    EXPECT_TRUE(client.read_reply().ok()) << "a batch of no rows does nothing";
}

TEST_F(ProtocolTest, BrokenBinaryBatchesAreRefusedAfterTheWholeFrame) {
    auto client = connect();
    must(client, sql("create table t(id int primary key, name string)"));
    const auto good = plain_batch("t", {"id", "name", "_crud_type"}, {{"1", "a", "insert"}});
    const auto send = [&](const std::string& second_frame) {
        client.send_frame("\"batch_insert\"");
        client.send_frame(second_frame);
        return client.read_reply();
    };
    EXPECT_FALSE(send("this is not snappy").ok());
    EXPECT_FALSE(send("").ok());
    EXPECT_FALSE(send(snappy_compress(good + "x")).ok()) << "bytes behind the last row";
    for (std::size_t cut = 0; cut < good.size(); ++cut)
        EXPECT_FALSE(send(snappy_compress(good.substr(0, cut))).ok()) << cut;
    EXPECT_FALSE(send(snappy_compress(plain_batch("t", {"id", "name", "_crud_type"}, {{"1", "a"}}))).ok())
        << "V != C";
    EXPECT_FALSE(
        send(snappy_compress(plain_batch("t", {"id", "nope", "_crud_type"}, {{"1", "a", "insert"}}))).ok());
    EXPECT_FALSE(
        send(snappy_compress(plain_batch("t", {"id", "name", "_crud_type"}, {{"1", "a", "upsert"}}))).ok());
    EXPECT_FALSE(send(snappy_compress(plain_batch("nope", {"id", "_crud_type"}, {{"1", "insert"}}))).ok());
    EXPECT_FALSE(send(snappy_compress(hex_to_bytes("01000000 74 ffffff7f"))).ok())
        << "two thousand million columns";
    EXPECT_FALSE(send(snappy_compress(hex_to_bytes("01000000 74 01000000 02000000 6964 ffffff7f"))).ok());
    EXPECT_FALSE(send(hex_to_bytes("ffffffff0f 00")).ok()) << "snappy block that announces 4 GiB";
    EXPECT_EQ(value(client, "select count(*) from t"), 0) << "nothing of a refused batch is there";
    EXPECT_TRUE(send(snappy_compress(good)).ok()) << "the connection stays in sync";
}

TEST_F(ProtocolTest, JsonIsReadAsTheStandardSays) {
    auto client = connect();
    must(client, sql("create table t(id int primary key, name string)"));
    must(client,
         "\n { \"batch_insert\" :\t{ \"data\" : [ "
         "{\"name\":\"\\u003d\\u0026\\u0027\\u4e2d\\ud83d\\ude00\\n\", \"id\" : 1 } ],"
         " \"table_name\" : \"t\" } } \r\n");
    EXPECT_EQ(value(client, "select name from t"), "=&'中😀\n");
    EXPECT_FALSE(client.request(R"({"query":"select 1","query":"select 2"})").ok()) << "a key twice";
    EXPECT_FALSE(
        client.request(R"({"insert":{"table_name":"t","crud":"insert","data":{"id":1,"id":2}}})").ok());
    must_fail(client, R"({"query":"select 1"} x)", "SYNTAX_ERROR");
    must_fail(client, "{\"query\":\"select '\xff\xfe'\"}", "SYNTAX_ERROR");
    must_fail(client, "", "SYNTAX_ERROR");
    must_fail(client, "not json", "SYNTAX_ERROR");
    must_fail(client, "[1,2]", "INVALID_REQUEST");
    must_fail(client, "{}", "INVALID_REQUEST");
    must_fail(client, R"({"nonsense":1})", "INVALID_REQUEST");
    must_fail(client, R"({"query":"select 1","drop":"t"})", "INVALID_REQUEST");
    EXPECT_EQ(value(client, "select count(*) from t"), 1);
}

TEST_F(ProtocolTest, ErrorsNameTheThingsInvolved) {
    auto client = connect();
    must(client, sql("create table t(id int primary key, name string not null)"));
    EXPECT_THAT(must_fail(client, R"({"metadata":"nowhere"})", "TABLE_NOT_FOUND"), HasSubstr("nowhere"));
    must_fail(client, sql("create table T(id int primary key)"), "TABLE_EXISTS");
    EXPECT_THAT(
        must_fail(client, R"({"insert":{"table_name":"t","crud":"insert","data":{"id":1,"nam":"x"}}})",
                  "COLUMN_NOT_FOUND"),
        HasSubstr("nam"));
    const auto bad_row = must_fail(
        client,
        R"({"batch_insert":{"table_name":"t","data":[{"id":1,"name":"a"},{"id":"seven","name":"b"}]}})",
        "INVALID_VALUE");
    EXPECT_THAT(bad_row,
                ::testing::AllOf(HasSubstr("1"), HasSubstr("id"), HasSubstr("seven"), HasSubstr("int")));
    must_fail(client, R"({"insert":{"table_name":"t","crud":"insert","data":{"name":"no key"}}})",
              "INVALID_VALUE");
    must_fail(client, R"({"insert":{"table_name":"t","crud":"insert","data":{"id":null,"name":"x"}}})",
              "INVALID_VALUE");
    must_fail(client, R"({"insert":{"table_name":"t","crud":"insert","data":{"id":5}}})", "INVALID_VALUE");
    EXPECT_FALSE(
        client.request(R"({"insert":{"table_name":"t","crud":"replace","data":{"id":5,"name":"x"}}})").ok());
    must_fail(client, sql("creat table x(id int primary key)"), "SYNTAX_ERROR");
    EXPECT_EQ(value(client, "select count(*) from t"), 0) << "a batch with one bad row is refused whole";
}

TEST_F(ProtocolTest, PipelinedStatementsAreAnsweredInOrder) {
    auto client = connect();
    must(client, sql("create table t(id int primary key)"));
    std::string bytes;
    for (int i = 0; i < 50; ++i) {
        bytes +=
            frame(R"({"insert":{"table_name":"t","crud":"insert","data":{"id":)" + std::to_string(i) + "}}}");
        bytes += frame(query("select count(*) as n from t"));
        bytes += frame(R"({"metadata":"missing)" + std::to_string(i) + "\"}");
    }
    client.send_bytes(bytes);
    for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(client.read_reply().ok());
        const auto count = client.read_reply();
        ASSERT_EQ(count.frames.size(), 1u);
        EXPECT_EQ(json::parse(count.frames[0])["n"], i + 1);
        EXPECT_THAT(client.read_reply().text, HasSubstr("missing" + std::to_string(i)));
    }
}

}  // namespace
}  // namespace dl::test
