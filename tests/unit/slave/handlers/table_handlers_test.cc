#include "tests/unit/slave/handlers/handlers_fixture.h"

namespace dl::slave {
namespace {

TEST_F(HandlersTest, PingNamesTheNode) {
    EXPECT_EQ(
        call(Method::ping, "{}")->end_json,
        "{\"node\":\"h:1\",\"version\":\"1.2.3\",\"incarnation\":\"inc\",\"tables\":1,\"highest_table\":1}");
}

TEST_F(HandlersTest, TablesComeChangeAndGo) {
    auto table = test::make_table(9, 2);
    const auto request = rpc::encode(rpc::CreateTableRequest{
        "", table, {{PartitionId{0}, LeaderEpoch{1}}, {PartitionId{1}, LeaderEpoch{1}}}});
    EXPECT_EQ(call(Method::create_table, request)->end_json, "{}");
    EXPECT_EQ(call(Method::create_table, request)->end_json, "{}");
    EXPECT_EQ(
        call(Method::offsets, offsets_request(9, {0, 1}))->end_json,
        R"({"partitions":[{"partition":0,"first":0,"history":0,"end":0},{"partition":1,"first":0,"history":0,"end":0}]})");
    table.schema.id = SchemaId{2};
    EXPECT_EQ(call(Method::update_table, "{\"table\":" + table_meta_to_json(table) + "}")->end_json, "{}");
    EXPECT_EQ((*registry_.table(TableId{9}))->schema.id.value, 2u);
    EXPECT_EQ(call(Method::drop_table, "{\"table_id\":9,\"incarnation\":1009}")->end_json, "{}");
    EXPECT_EQ(call(Method::drop_table, "{\"table_id\":9,\"incarnation\":1009}")->end_json, "{}");
    EXPECT_TRUE(
        contains(error_of(Method::offsets, offsets_request(9, {0})), "TABLE_NOT_FOUND: table 't9' is not"));
    EXPECT_TRUE(contains(
        error_of(Method::create_table, "{\"cluster_id\":\"\",\"table\":" + table_meta_to_json(table) +
                                           ",\"partitions\":[{\"partition\":2,\"leader_epoch\":1}]}"),
        "INVALID_REQUEST: create_table: the message names partition 2 of table t9, which has 2"));
    EXPECT_TRUE(contains(error_of(Method::create_table, "{\"table\":{},\"partitions\":[0]}"), ": "));
}

TEST_F(HandlersTest, BadJsonIsRefusedWithTheKey) {
    EXPECT_TRUE(
        contains(error_of(Method::append, "not json"), "INVALID_REQUEST: append: the message is no JSON"));
    EXPECT_TRUE(contains(error_of(Method::offsets, "{\"table_id\":-1,\"partitions\":[]}"), "'table_id'"));
    EXPECT_TRUE(contains(error_of(Method::offsets, offsets_request(1, {0, 0})), "names a partition twice"));
    EXPECT_TRUE(
        contains(error_of(Method::offsets, offsets_request(1, {99999})), "'partitions[0].partition'"));
    EXPECT_TRUE(contains(
        error_of(
            Method::read,
            R"({"table_id":1,"schema_id":1,"partitions":[],"read_count":0,"format":"rows","bytes_max":1})"),
        "'read_count'"));
    EXPECT_TRUE(
        contains(error_of(Method::wait, R"({"table_id":1,"partitions":[],"min_rows":1,"wait_ms":1e99})"),
                 "'wait_ms'"));
    EXPECT_TRUE(contains(error_of(Method::ping, "{}"), "no error"));
    EXPECT_TRUE(contains(error_of(Method::stats, std::string(100000, '[')), "nested deeper"));
}

TEST_F(HandlersTest, RequestsOfAnotherLeaderEpochAreRefused) {
    EXPECT_EQ(error_of(Method::offsets, offsets_request(1, {0, 1}, 2)), "NOT_LEADER: another leader epoch");
    EXPECT_TRUE(contains(error_of(Method::offsets, offsets_request(1, {0}, 0)),
                         "'partitions[0].leader_epoch' must be a number from 1"));
    const auto other = [](std::string json) {
        for (auto at = json.find("_epoch\":1"); at != std::string::npos; at = json.find("_epoch\":1"))
            json.replace(at, 9, "_epoch\":7");
        return json;
    };
    auto [append, attached] = append_request({{0, make_body(0, 1), 1}});
    EXPECT_TRUE(contains(error_of(Method::append, other(append), attached), "NOT_LEADER"));
    EXPECT_TRUE(contains(error_of(Method::wait, other(wait_request(0, 1, 9))), "NOT_LEADER"));
    const std::string tables =
        R"({"tables":[{"table_id":1,"schema_id":1,"partitions":[{"partition":1,"leader_epoch":1}]}],)";
    EXPECT_TRUE(contains(error_of(Method::pin, other(tables + R"("lease_ms":9})")), "NOT_LEADER"));
    EXPECT_TRUE(contains(error_of(Method::query, other(tables + R"("sql":"","names":[],"timeout_ms":9})")),
                         "NOT_LEADER"));
    EXPECT_TRUE(contains(
        error_of(Method::read, other(R"({"table_id":1,"schema_id":1,"partitions":[)" + position(0, 0) +
                                     R"(],"read_count":1,"format":"rows","bytes_max":9})")),
        "NOT_LEADER"));
    EXPECT_EQ(end_of_all(), 0);
}

TEST_F(HandlersTest, CheckAnswersARowPerPartitionAndEndsWithTheCaller) {
    const auto request = [](bool repair) {
        return "{\"table_id\":1,\"partitions\":[0,2],\"repair\":" + std::string(repair ? "true" : "false") +
               ",\"timeout_ms\":10000}";
    };
    const auto reply = call(Method::check, request(true));
    ASSERT_TRUE(reply.has_value()) << reply.error().to_text();
    ASSERT_EQ(reply->data.size(), 2u);
    EXPECT_EQ(reply->data[1].view(),
              "{\"partition\":2,\"live_rows\":0,\"records\":0,\"bytes\":0,\"hash\":\"0000000000000abc\","
              "\"problems\":[\"repaired: a \\\"quoted\\\" file\"]}");
    EXPECT_EQ(registry_.fake(1, 1)->checks, 0);
    registry_.fake(1, 0)->check_until_stopped = true;
    EXPECT_EQ(call(Method::check, request(false), {}, 40).error().code, ErrorCode::timeout);
    EXPECT_TRUE(eventually([&] { return registry_.fake(1, 0)->checks == 2 && slots_.in_use() == 0; }));
    EXPECT_EQ(registry_.fake(1, 2)->checks, 1) << "nothing is begun for a caller that has gone";
}

TEST_F(HandlersTest, ALossIsToldAndAcceptedInTheEpochOfTheRequest) {
    const std::string told = R"({"lost":[{"from":10,"end":20,"end_is_known":true}]})";
    EXPECT_EQ(call(Method::accept_loss, R"({"table_id":1,"partition":0,"leader_epoch":5,"accept":false})")
                  ->end_json,
              told);
    EXPECT_FALSE(registry_.accepted);
    EXPECT_EQ(
        call(Method::accept_loss, R"({"table_id":1,"partition":0,"leader_epoch":5,"accept":true})")->end_json,
        told);
    EXPECT_EQ(registry_.accepted, LeaderEpoch{5});
    EXPECT_TRUE(contains(error_of(Method::accept_loss, R"({"table_id":1,"partition":0,"leader_epoch":5})"),
                         "accept"));
}

TEST_F(HandlersTest, CompressReportsProgressAndItsEnd) {
    for (std::uint32_t i = 0; i < 4; ++i)
        registry_.fake(1, i)->compress_time = 200ms;
    const auto reply = call(Method::compress, "{\"table_id\":1,\"partitions\":[0,1,2,3]}");
    ASSERT_TRUE(reply.has_value()) << reply.error().to_text();
    EXPECT_GE(reply->data.size(), 1u);
    EXPECT_EQ(reply->end_json, "{\"rows_done\":40,\"rows_total\":40,\"bytes\":0}");
    EXPECT_EQ(registry_.fake(1, 3)->compactions, 1);
}

}  // namespace
}  // namespace dl::slave
