#include "master/protocol/native/json_request.h"

#include <gtest/gtest.h>

#include <set>

#include "common/base/limits.h"

namespace dl {
namespace {

using Kind = JsonRequest::Kind;
ErrorCode code_of(std::string_view text) {
    const auto request = JsonRequest::parse(text);
    EXPECT_TRUE(request.has_error()) << text;
    return request ? ErrorCode::internal : request.error().code;
}

TEST(JsonRequest, EveryStatement) {
    EXPECT_EQ(JsonRequest::parse("\"batch_insert\"")->kind(), Kind::batch_insert_binary);
    EXPECT_EQ(JsonRequest::parse(R"({"batch_insert":null})")->kind(), Kind::batch_insert_binary);
    const auto batch = *JsonRequest::parse(R"({"batch_insert":{"data":[],"table_name":"T"}})");
    EXPECT_EQ(batch.kind(), Kind::batch_insert);
    const auto older =
        *JsonRequest::parse(R"({"batch_insert":{"table_name":"t","partition_code":"0","data":[]}})");
    EXPECT_EQ(older.kind(), Kind::batch_insert);
    EXPECT_EQ(batch.table_name(), "T");
    EXPECT_EQ(JsonRequest::parse(R"({"insert":{"table_name":"t","crud":"insert","data":{}}})")->kind(),
              Kind::insert);
    const auto query = *JsonRequest::parse(R"({"query":"select \u003d 1"})");
    EXPECT_EQ(query.kind(), Kind::query);
    EXPECT_EQ(query.text(), "select = 1");
    EXPECT_EQ(JsonRequest::parse(R"({"sql":"drop t"})")->kind(), Kind::sql);
    EXPECT_EQ(JsonRequest::parse(R"({"compress_table":"t"})")->table_name(), "t");
    EXPECT_EQ(JsonRequest::parse(R"({"metadata":"t"})")->kind(), Kind::metadata);
    EXPECT_EQ(JsonRequest::parse(R"({"check_table":"t"})")->kind(), Kind::check_table);
    EXPECT_FALSE(JsonRequest::parse(R"({"check_table":"t"})")->options().repair);
    EXPECT_TRUE(JsonRequest::parse(R"({"check_table":"t","options":{"repair":true}})")->options().repair);
    EXPECT_TRUE(
        JsonRequest::parse(R"({"compress_table":"t","options":{"progress":true}})")->options().progress);
    EXPECT_TRUE(JsonRequest::parse(R"({"compress_table":"t","options":{"progress":1}})").has_error());
}

TEST(JsonRequest, Create) {
    const auto request = *JsonRequest::parse(
        R"({"create":{"table_name":"T","col_type":{"id":"int","name":"string"},"partition_number":4,"major_key":"id",
            "replica_number":2,"not_null":["name"],"default":{"name":"x","n":1.50,"b":true,"z":null}}})");
    const auto& create = request.create();
    EXPECT_EQ(create.table_name, "T");
    EXPECT_EQ(create.columns,
              (std::vector<std::pair<std::string, std::string>>{{"id", "int"}, {"name", "string"}}));
    EXPECT_EQ(create.major_key, "id");
    EXPECT_EQ(create.partition_number, 4u);
    EXPECT_EQ(create.replica_number, 2u);
    EXPECT_EQ(create.history, TableHistory{});
    EXPECT_EQ(create.not_null, std::vector<std::string>{"name"});
    EXPECT_EQ(create.defaults, (std::vector<std::pair<std::string, std::string>>{
                                   {"name", "x"}, {"n", "1.50"}, {"b", "true"}}));
}

TEST(JsonRequest, StreamRead) {
    const auto request = *JsonRequest::parse(
        R"({"stream_read":{"table_name":"t","patition_mess":[{"patition_code":1,"offset":5},
            {"offset":-1,"partition_code":0}],"read_count":500}})");
    EXPECT_EQ(request.stream_read().read_count, 500u);
    EXPECT_EQ(request.stream_read().partitions, (std::vector<master::StreamRead::Start>{{1, 5}, {0, -1}}));
    EXPECT_FALSE(request.stream_read().since_us);
    const auto since = *JsonRequest::parse(
        R"({"stream_read":{"table_name":"t","patition_mess":[{"patition_code":1},{"patition_code":0,"offset":7}],
            "start":{"timestamp":"1970-01-01T00:00:02+00"},"read_count":5},
            "options":{"table_id":"00ff","check_offsets":true}})");
    EXPECT_EQ(since.stream_read().since_us, 2'000'000);
    EXPECT_EQ(since.stream_read().partitions,
              (std::vector<master::StreamRead::Start>{{1, std::nullopt}, {0, 7}}));
    EXPECT_EQ(since.options().table_id, "00ff");
    EXPECT_TRUE(since.options().check_offsets);
    EXPECT_EQ(JsonRequest::parse(
                  R"({"stream_read":{"table_name":"t","read_count":1,"start":{"timestamp":"noon"}}})")
                  .error()
                  .code,
              ErrorCode::invalid_value);
    EXPECT_TRUE(JsonRequest::parse(R"({"stream_read":{"table_name":"t","partition_mess":[],"read_count":1}})")
                    ->stream_read()
                    .partitions.empty());
    for (
        const auto* bad :
        {R"({"stream_read":{"table_name":"t","read_count":0}})", R"({"stream_read":{"table_name":"t"}})",
         R"({"stream_read":{"table_name":"t","read_count":1.5}})", R"({"stream_read":{"read_count":1}})",
         R"({"stream_read":{"table_name":"t","read_count":1,"patition_mess":{}}})",
         R"({"stream_read":{"table_name":"t","read_count":1,"start":{}}})",
         R"({"stream_read":{"table_name":"t","read_count":1,"start":{"offset":1}}})",
         R"({"stream_read":{"table_name":"t","read_count":1},"options":{"table_id":""}})",
         R"({"query":"select 1","options":{"check_offsets":true}})",
         R"({"metadata":"t","options":{"table_id":"1"}})",
         R"({"stream_read":{"table_name":"t","read_count":1,"patition_mess":[],"partition_mess":[]}})",
         R"({"stream_read":{"table_name":"t","read_count":1,"patition_mess":[{"patition_code":1}]}})",
         R"({"stream_read":{"table_name":"t","read_count":1,"patition_mess":[{"patition_code":-1,"offset":0}]}})",
         R"({"stream_read":{"table_name":"t","read_count":1,"patition_mess":[{"patition_code":1,"offset":0},{"patition_code":1,"offset":9}]}})"})
        EXPECT_EQ(code_of(bad), ErrorCode::invalid_request) << bad;
}

TEST(JsonRequest, WholeNumbersInAnyFormOfJson) {
    const auto timeout = [](const std::string& number) -> std::optional<std::int64_t> {
        const auto request =
            JsonRequest::parse("{\"query\":\"select 1\",\"options\":{\"timeout_ms\":" + number + "}}");
        if (request.has_error()) return std::nullopt;
        return request->options().timeout_ms;
    };
    for (const char* thousand : {"1000", "1e3", "1E+3", "1000.0", "0.1e4", "100000e-2", "1.000e3", "10.00e2"})
        EXPECT_EQ(timeout(thousand), 1000) << thousand;
    for (const char* none : {"1.5", "15e-1", "1e-3", "1e99", "1e18", "1e-99999999999999999999", "0e5", "-1e3",
                             "1e3000000000", "5e-1"})
        EXPECT_EQ(timeout(none), std::nullopt) << none;
}

// Nothing that a client asks for is passed over in silence.
TEST(JsonRequest, OptionsThatTheStatementHasNoUseFor) {
    using Names = std::vector<std::pair<std::string, std::string>>;
    const Names statements = {{"create", R"({"table_name":"t","col_type":{"id":"int"},"major_key":"id",
                                            "partition_number":1})"},
                              {"insert", R"({"table_name":"t","data":{"id":1}})"},
                              {"batch_insert", R"({"table_name":"t","data":[]})"},
                              {"query", R"("select 1")"},
                              {"stream_read", R"({"table_name":"t","read_count":1})"},
                              {"compress_table", R"("t")"},
                              {"check_table", R"("t")"},
                              {"metadata", R"("t")"},
                              {"sql", R"("select 1")"}};
    struct Use {
        const char* options;
        std::set<std::string> of;
    };
    const std::vector<Use> uses = {{R"("timeout_ms":1,"meta":true)",
                                    {"create", "insert", "batch_insert", "query", "stream_read",
                                     "compress_table", "check_table", "metadata", "sql"}},
                                   {R"("batch_id":"b")", {"insert", "batch_insert", "sql"}},
                                   {R"("producer_id":"p","sequence":1)", {"insert", "batch_insert", "sql"}},
                                   {R"("on_error":"fail")", {"insert", "batch_insert"}},
                                   {R"("unknown_fields":"skip")", {"insert", "batch_insert"}},
                                   {R"("timestamp_unit":"s")", {"insert", "batch_insert"}},
                                   {R"("min_offsets":{"0":1})", {"query", "stream_read", "sql"}},
                                   {R"("as_of":{"0":1})", {"query", "sql"}},
                                   {R"("params":[])", {"query", "sql"}},
                                   {R"("describe":false)", {"query", "sql"}},
                                   {R"("format":"rows")", {"stream_read"}},
                                   {R"("max_wait_ms":0)", {"stream_read"}},
                                   {R"("min_rows":1)", {"stream_read"}},
                                   {R"("table_id":"1")", {"stream_read"}},
                                   {R"("check_offsets":false)", {"stream_read"}},
                                   {R"("progress":true)", {"compress_table", "sql"}},
                                   {R"("repair":true)", {"check_table", "sql"}}};
    for (const auto& [name, body] : statements)
        for (const auto& use : uses) {
            const auto text = "{\"" + name + "\":" + body + ",\"options\":{" + use.options + "}}";
            const auto request = JsonRequest::parse(text);
            EXPECT_EQ(request.has_value(), use.of.contains(name)) << text;
            if (request.has_error()) {
                EXPECT_EQ(request.error().code, ErrorCode::invalid_request) << text;
            }
        }
}

TEST(JsonRequest, Options) {
    const auto request = *JsonRequest::parse(
        R"({"options":{"timeout_ms":5,"meta":true,"min_offsets":{"0":42,"3":7},"format":"json",
            "max_wait_ms":100,"min_rows":10},"stream_read":{"table_name":"t","read_count":1}})");
    const auto& options = request.options();
    EXPECT_EQ(options.timeout_ms, 5);
    EXPECT_EQ(JsonRequest::parse(R"({"batch_insert":null,"options":{"batch_id":"b"}})")->options().batch_id,
              (master::BatchId{"b", 0}));
    EXPECT_TRUE(options.meta);
    EXPECT_EQ(options.min_offsets, (std::map<std::uint32_t, Offset>{{0, 42}, {3, 7}}));
    EXPECT_EQ(options.format, master::RecordFormat::json);
    EXPECT_EQ(options.max_wait_ms, 100);
    EXPECT_EQ(options.min_rows, 10u);
    EXPECT_TRUE(JsonRequest::parse(R"({"batch_insert":null,"options":{"meta":true}})")->options().meta);
    for (const auto* bad :
         {R"("timeout_ms":0)", R"("timeout_ms":"5")", R"("batch_id":"")", R"("meta":1)", R"("format":"xml")",
          R"("min_offsets":{"x":1})", R"("min_offsets":{"0":1,"00":2})", R"("min_offsets":[1])",
          R"("min_offsets":{"0":-1})", R"("min_offsets":{"00":1})", R"("as_of":{"+1":1})", R"("min_rows":0)",
          R"("max_wait_ms":300001)", R"("meta":true,"meta":true)"})
        EXPECT_EQ(code_of("{\"query\":\"select 1\",\"options\":{" + std::string(bad) + "}}"),
                  ErrorCode::invalid_request)
            << bad;
    EXPECT_EQ(code_of(R"({"query":"x","options":{"batch_id":")" + std::string(65, 'x') + "\"}}"),
              ErrorCode::invalid_request);
    const auto error = JsonRequest::parse(R"({"query":"x","options":{"timeout":1}})").error();
    EXPECT_NE(error.message.find("did you mean \"timeout_ms\""), std::string::npos) << error.message;
}

TEST(JsonRequest, WrongShapesSayWhatIsKnown) {
    for (
        const auto* bad :
        {"1",
         "[]",
         "{}",
         "null",
         "\"query\"",
         R"({"options":{}})",
         R"({"querry":"x"})",
         R"({"query":1})",
         R"({"query":"a","sql":"b"})",
         R"({"query":"a","query":"b"})",
         R"({"insert":{"table_name":"t"}})",
         R"({"insert":{"table_name":"t","data":[]}})",
         R"({"insert":{"table_name":"t","data":{},"crud":"upsert"}})",
         R"({"batch_insert":{"table_name":"t","data":{}}})",
         R"({"batch_insert":{"data":[]}})",
         R"({"batch_insert":{"table_name":1,"data":[]}})",
         R"({"batch_insert":{"table_name":"t","data":[],"x":1}})",
         R"({"batch_insert":{"table_name":"t","table_name":"t","data":[]}})",
         R"({"create":{"table_name":"t","col_type":{"id":"int","id":"long"},"partition_number":1,"major_key":"id"}})",
         R"({"create":{"table_name":"t","col_type":{"id":1},"partition_number":1,"major_key":"id"}})",
         R"({"create":{"table_name":"t","col_type":{"id":"int"},"partition_number":0,"major_key":"id"}})",
         R"({"create":{"table_name":"t","col_type":{"id":"int"},"partition_number":4097,"major_key":"id"}})",
         R"({"create":{"table_name":"t","col_type":{"id":"int"},"partition_number":99999999999999999999,"major_key":"id"}})",
         R"({"create":{"table_name":"t","col_type":[],"partition_number":1,"major_key":"id"}})"})
        EXPECT_EQ(code_of(bad), ErrorCode::invalid_request) << bad;
    EXPECT_NE(JsonRequest::parse(R"({"selct":"x"})").error().message.find("stream_read"), std::string::npos);
    EXPECT_EQ(code_of("{\"query\":\"x\"} x"), ErrorCode::syntax_error);
    EXPECT_EQ(code_of("{\"query\":\"x\""), ErrorCode::syntax_error);
}

TEST(JsonRequest, LimitsOfCounts) {
    EXPECT_EQ(code_of("{\"sql\":\"" + std::string(limits::sql_bytes_max + 1, 'x') + "\"}"),
              ErrorCode::limit_exceeded);
    std::string columns;
    for (std::size_t i = 0; i <= limits::columns_max; ++i)
        columns += (i == 0 ? "\"c" : ",\"c") + std::to_string(i) + "\":\"int\"";
    EXPECT_EQ(code_of(R"({"create":{"table_name":"t","partition_number":1,"major_key":"c0","col_type":{)" +
                      columns + "}}}"),
              ErrorCode::limit_exceeded);
}

TEST(JsonRequest, AProducerAndItsNumberBelongTogether) {
    const auto parsed = JsonRequest::parse(
        R"({"batch_insert":null,"options":{"sequence":9223372036854775807,"producer_id":"p\u00e4"}})");
    ASSERT_TRUE(parsed.has_value()) << parsed.error().to_text();
    EXPECT_EQ(parsed->options().batch_id, (master::BatchId{"p\xc3\xa4", 9223372036854775807u}));
    for (const auto* options :
         {R"("producer_id":"p")", R"("sequence":1)", R"("producer_id":"p","sequence":0)",
          R"("producer_id":"p","sequence":-1)", R"("producer_id":"p","sequence":"1")",
          R"("producer_id":"p","sequence":9223372036854775808)", R"("producer_id":"","sequence":1)",
          R"("producer_id":7,"sequence":1)", R"("producer_id":"p","sequence":1,"batch_id":"b")"})
        EXPECT_EQ(code_of(std::string(R"({"batch_insert":null,"options":{)") + options + "}}"),
                  ErrorCode::invalid_request)
            << options;
    const auto longest = std::string(64, 'x');
    EXPECT_TRUE(JsonRequest::parse(R"({"batch_insert":null,"options":{"sequence":1,"producer_id":")" +
                                   longest + "\"}}")
                    .has_value());
    EXPECT_EQ(code_of(R"({"batch_insert":null,"options":{"sequence":1,"producer_id":"x)" + longest + "\"}}"),
              ErrorCode::invalid_request);
}

}  // namespace
}  // namespace dl
