#include "tests/unit/slave/handlers/handlers_fixture.h"

namespace dl::slave {
namespace {

TEST_F(HandlersTest, PinWaitsForOffsetsAndQueriesStream) {
    std::thread writer([&] {
        std::this_thread::sleep_for(30ms);
        registry_.fake(1, 1)->append_rows(0, 4);
    });
    const auto pinned = call(
        Method::pin,
        R"({"tables":[{"table_id":1,"table":"t1","schema_id":1,"partitions":[{"partition":0,"leader_epoch":1},)"
        R"({"partition":1,"leader_epoch":1,"min_offset":4}]}],"lease_ms":1000})");
    writer.join();
    EXPECT_EQ(pinned->end_json, R"({"view":7,"cut":[{"table_id":1,"partitions":[{"partition":0,"offset":0},)"
                                R"({"partition":1,"offset":4}],"behind":0}]})");
    const auto query = [](const std::string& sql, int view = 7) {
        return "{\"view\":" + std::to_string(view) + ",\"sql\":\"" + sql +
               "\",\"names\":[{\"name\":\"t1\",\"table_id\":1}],\"timeout_ms\":10000}";
    };
    const auto reply = call(Method::query, query("select"));
    ASSERT_EQ(reply->data.size(), 4u);
    EXPECT_EQ(reply->data[0].view(), "{\"columns\":[{\"name\":\"a \\\"b\\\"\",\"type\":\"long\"}]}");
    EXPECT_EQ(load_le<std::uint32_t>(reply->data[1].data()), 10u);
    EXPECT_TRUE(ColumnBatch::decode(reply->data[1].slice(4, reply->data[1].size() - 4), 10).has_value());
    EXPECT_EQ(reply->end_json, "{\"rows\":30}");
    const auto whole = call(Method::query, query("whole"));
    ASSERT_TRUE(whole.has_value()) << whole.error().to_text();
    EXPECT_EQ(whole->end_json, reply->end_json);
    ASSERT_EQ(whole->data.size(), reply->data.size());
    for (std::size_t i = 0; i < whole->data.size(); ++i)
        EXPECT_EQ(whole->data[i].view(), reply->data[i].view());
    EXPECT_TRUE(contains(error_of(Method::query, query("bad")), "QUERY_ERROR: Parser Error"));
    EXPECT_TRUE(contains(error_of(Method::query, query("select", 8)), "NOT_FOUND"));
    EXPECT_EQ(call(Method::unpin, "{\"view\":7}")->end_json, "{}");
    EXPECT_EQ(queries_.pinned, 0);
    EXPECT_TRUE(eventually([&] { return queries_.running == 0; }));
}

TEST_F(HandlersTest, AQueryMayPinItsOwnCut) {
    registry_.fake(1, 1)->append_rows(0, 9);
    const auto query = [](const std::string& partition, const std::string& table = {}, int schema = 1) {
        return "{\"tables\":[{\"table_id\":1,\"schema_id\":" + std::to_string(schema) +
               ",\"partitions\":[{\"partition\":1,\"leader_epoch\":1" + partition + "}]" + table +
               "}],\"sql\":\"select\",\"names\":[{\"name\":\"t1\",\"table_id\":1}],\"timeout_ms\":10000}";
    };
    const auto reply = call(Method::query, query(R"(,"as_of":7)", R"(,"keys":["1","2"])"));
    ASSERT_TRUE(reply.has_value()) << reply.error().to_text();
    EXPECT_EQ(reply->data[0].view(), R"({"columns":[{"name":"a \"b\"","type":"long"}],"cut":[{"table_id":1,)"
                                     R"("partitions":[{"partition":1,"offset":7}],"behind":3,"rows":5}]})");
    EXPECT_EQ(queries_.keys, (std::vector<std::string>{"1", "2"}));
    EXPECT_EQ(queries_.pinned, 0);
    EXPECT_TRUE(contains(error_of(Method::query, query(R"(,"as_of":4)")), "NOT_FOUND"));
    EXPECT_TRUE(contains(error_of(Method::query, query("", R"(,"keys":[1])")),
                         "'tables[0].keys[0]' must be a string"));
    EXPECT_TRUE(contains(error_of(Method::query, query("", "", 99)), "SCHEMA_MISMATCH"));
    EXPECT_TRUE(contains(error_of(Method::read, R"({"table_id":1,"schema_id":99,"partitions":[],)"
                                                R"("read_count":1,"format":"rows","bytes_max":1})"),
                         "SCHEMA_MISMATCH"));
    // Waiting for records takes no slot.
    EXPECT_EQ(call(Method::query, query(R"(,"min_offset":1000)"), {}, 60).error().code, ErrorCode::timeout);
    EXPECT_TRUE(eventually([&] { return slots_.in_use() == 0; }));
}

TEST_F(HandlersTest, AQueryMayBringTablesAlong) {
    const auto query = [](const std::string& broadcasts) {
        return "{\"view\":7,\"sql\":\"select\",\"names\":[{\"name\":\"t1\",\"table_id\":1}],\"timeout_ms\":"
               "10000,\"broadcasts\":" +
               broadcasts + "}";
    };
    const std::string columns = R"("columns":[{"name":"k","type":"long"},{"name":"Städte","type":"string"}])";
    const auto table = [&](const std::string& name, const std::string& batches) {
        return "{\"name\":\"" + name + "\"," + columns + ",\"batches\":[" + batches + "]}";
    };
    const auto batch = [](std::size_t rows, std::size_t bytes) {
        return "{\"rows\":" + std::to_string(rows) + ",\"bytes\":" + std::to_string(bytes) + "}";
    };
    const auto body = make_body(0, 10);
    const auto one = SharedBytes::from_string(body);
    const auto good = table("dl_broadcast_1", batch(10, body.size()));
    const auto reply =
        call(Method::query,
             query("[" + table("dl_broadcast_1", batch(10, body.size()) + "," + batch(10, body.size())) +
                   "," + table("dl_broadcast_2", "") + "]"),
             {one, one});
    ASSERT_TRUE(reply.has_value()) << reply.error().to_text();
    ASSERT_EQ(queries_.broadcasts.size(), 2u);
    EXPECT_EQ(queries_.broadcasts[0].rows(), 20u);
    EXPECT_EQ(queries_.broadcasts[0].columns[1].name, "Städte");
    EXPECT_EQ(queries_.broadcasts[1].rows(), 0u);

    auto other_bytes = body;
    other_bytes[8 + 16] = '\x7f';  // an offset far outside
    auto no_text = body;
    no_text[no_text.size() - 30] = '\xff';
    const std::string big(limits::broadcast_bytes_max + 8, '\0');
    std::string many_columns = "[", many_tables = "[";
    for (int i = 0; i <= 2000; ++i)
        many_columns +=
            std::string(i == 0 ? "" : ",") + "{\"name\":\"c" + std::to_string(i) + "\",\"type\":\"int\"}";
    for (std::size_t i = 0; i <= limits::broadcast_tables_max; ++i)
        many_tables += (i == 0 ? "" : ",") + table("dl_broadcast_" + std::to_string(i), "");
    struct Case {
        std::string broadcasts;
        std::vector<SharedBytes> attached;
        const char* answer;
    };
    const std::vector<Case> cases = {
        {"7", {}, "INVALID_REQUEST"},
        {"[7]", {}, "INVALID_REQUEST"},
        {"[{}]", {}, "INVALID_REQUEST"},
        {"[]", {one}, "INVALID_REQUEST"},
        {"[" + good + "]", {}, "INVALID_REQUEST"},
        {"[" + good + "]", {one, one}, "INVALID_REQUEST"},
        {"[" + good + "," + good + "]", {one, one}, "INVALID_REQUEST"},
        {"[" + table("t1", batch(10, body.size())) + "]", {one}, "INVALID_REQUEST"},
        {"[" + table("dl_broadcast_", batch(10, body.size())) + "]", {one}, "INVALID_REQUEST"},
        {"[" + table("dl_broadcast_1; DROP", batch(10, body.size())) + "]", {one}, "INVALID_REQUEST"},
        {"[" + table("dl_broadcast_1234567890", batch(10, body.size())) + "]", {one}, "INVALID_REQUEST"},
        {"[" + table("dl_broadcast_1", batch(0, body.size())) + "]", {one}, "INVALID_REQUEST"},
        {"[" + table("dl_broadcast_1", "{\"rows\":-1,\"bytes\":8}") + "]", {one}, "INVALID_REQUEST"},
        {"[" + table("dl_broadcast_1", "{\"rows\":10}") + "]", {one}, "INVALID_REQUEST"},
        {"[" + table("dl_broadcast_1", batch(11, body.size())) + "]", {one}, "CORRUPT_DATA"},
        {"[" + table("dl_broadcast_1", batch(10, 7)) + "]",
         {SharedBytes::from_string("1234567")},
         "CORRUPT_DATA"},
        {"[" + good + "]", {SharedBytes::from_string(other_bytes)}, "CORRUPT_DATA"},
        {"[" + good + "]", {SharedBytes::from_string(no_text)}, "CORRUPT_DATA"},
        {R"([{"name":"dl_broadcast_1","columns":[{"name":"k","type":"long"}],"batches":[)" +
             batch(10, body.size()) + "]}]",
         {one},
         "CORRUPT_DATA"},
        {R"([{"name":"dl_broadcast_1","columns":[{"name":"k","type":"int"},{"name":"s","type":"string"}],"batches":[)" +
             batch(10, body.size()) + "]}]",
         {one},
         "CORRUPT_DATA"},
        {R"([{"name":"dl_broadcast_1","columns":[],"batches":[]}])", {}, "INVALID_REQUEST"},
        {R"([{"name":"dl_broadcast_1","columns":[{"name":"","type":"int"}],"batches":[]}])",
         {},
         "INVALID_REQUEST"},
        {R"([{"name":"dl_broadcast_1","columns":[{"name":"a\u0000","type":"int"}],"batches":[]}])",
         {},
         "INVALID_REQUEST"},
        {R"([{"name":"dl_broadcast_1","columns":[{"name":"a","type":"int"},{"name":"A","type":"int"}],"batches":[]}])",
         {},
         "INVALID_REQUEST"},
        {R"([{"name":"dl_broadcast_1","columns":[{"name":"a","type":"no"}],"batches":[]}])",
         {},
         "INVALID_REQUEST"},
        {R"([{"name":"dl_broadcast_1","columns":)" + many_columns + R"(],"batches":[]}])",
         {},
         "LIMIT_EXCEEDED"},
        {many_tables + "]", {}, "LIMIT_EXCEEDED"},
        {"[" + table("dl_broadcast_1", batch(100'001, body.size())) + "]", {one}, "LIMIT_EXCEEDED"},
        {"[" + table("dl_broadcast_1", batch(10, big.size())) + "]",
         {SharedBytes::from_string(big)},
         "LIMIT_EXCEEDED"},
        {"[" + table("dl_broadcast_1", batch(4'000'000'000, 4'000'000'000)) + "]", {one}, "LIMIT_EXCEEDED"}};
    for (const auto& [broadcasts, attached, answer] : cases) {
        const auto error = error_of(Method::query, query(broadcasts), attached);
        EXPECT_TRUE(error.starts_with(answer)) << broadcasts.substr(0, 200) << " -> " << error;
    }
    // Each batch is within the limits, and all of them are not.
    const auto large = make_body(0, 60'000, 1);
    const auto bytes = SharedBytes::from_string(large);
    EXPECT_TRUE(error_of(Method::query,
                         query("[" +
                               table("dl_broadcast_1",
                                     batch(60'000, large.size()) + "," + batch(60'000, large.size())) +
                               "]"),
                         {bytes, bytes})
                    .starts_with("LIMIT_EXCEEDED"));
    EXPECT_TRUE(eventually([&] { return queries_.running == 0 && slots_.in_use() == 0; }));
}

TEST_F(HandlersTest, QueriesEndWhenTheCallerGoesAndSlotsComeBack) {
    const auto query = std::string("{\"view\":7,\"sql\":\"slow\",\"names\":[],\"timeout_ms\":10000}");
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(call(Method::query, query, {}, 40).error().code, ErrorCode::timeout);
    EXPECT_TRUE(eventually([&] { return queries_.cancelled == 3 && queries_.running == 0; }));
    EXPECT_EQ(slots_.in_use(), 0u);
}

// A caller that takes no rows has none of the slots that others need.
TEST_F(HandlersTest, AQueryWhoseCallerIsSlowGivesItsSlotBack) {
    queries_.batches = 100'000'000;
    std::unique_ptr<rpc::RpcStream> slow[2];
    for (auto& stream : slow) {
        auto opened = dl::test::run(
            pool_.executor_of(1), [&]() -> asio::awaitable<Result<std::unique_ptr<rpc::RpcStream>>> {
                std::string json = R"({"view":7,"sql":"rows","names":[],"timeout_ms":600000})";
                auto opening = co_await client_->open(Method::query, std::move(json), {}, in_ms(600'000));
                co_return std::move(opening);
            });
        ASSERT_TRUE(opened.has_value()) << opened.error().to_text();
        stream = std::move(*opened);
    }
    EXPECT_TRUE(eventually([&] { return queries_.running == 2 && slots_.in_use() == 0; }));
    const auto whole = call(Method::query, R"({"view":7,"sql":"bad","names":[],"timeout_ms":5000})");
    EXPECT_EQ(whole.error().code, ErrorCode::query_error) << "it has come to run";
    dl::test::run(pool_.executor_of(1), [&]() -> asio::awaitable<int> {
        for (auto& stream : slow)
            stream.reset();
        co_return 0;
    });
    EXPECT_TRUE(eventually([&] { return queries_.running == 0 && slots_.in_use() == 0; }));
}

}  // namespace
}  // namespace dl::slave
