#include "slave/handlers/handlers.h"

#include <gtest/gtest.h>
#include <snappy.h>

#include <boost/asio/steady_timer.hpp>

#include "common/net/process.h"
#include "common/record/columnar_frame.h"
#include "common/rpc/messages/append_messages.h"
#include "common/rpc/messages/upkeep_messages.h"
#include "common/rpc/rpc_client.h"
#include "tests/unit/common/net/run_coroutine.h"
#include "tests/unit/slave/handlers/fake_slave.h"

namespace dl::slave {
namespace {

namespace asio = boost::asio;
using dl::test::in_ms;
using rpc::Method;
using test::make_body;
using namespace std::chrono_literals;

template <class Condition>
bool eventually(Condition condition) {
    for (int i = 0; i < 15000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(2ms);
    }
    return false;
}

// All handlers behind a real server on loopback, over fakes. Table 1 has partitions 0 to 3.
class HandlersTest : public ::testing::Test {
  protected:
    HandlersTest() {
        context_.tables = &registry_;
        context_.queries = &queries_;
        context_.work_pool = &work_;
        context_.tables_pool = &work_;
        context_.query_pool = &query_;
        context_.query_slots = &slots_;
        context_.node = {"h:1", "1.2.3", "inc"};
        const auto table = test::make_table(1, 4);
        LeaderEpochs ids;
        for (std::uint32_t i = 0; i < 4; ++i)
            ids[PartitionId{i}] = LeaderEpoch{1};
        EXPECT_TRUE(registry_.create(table, ids, [] { return std::nullopt; }).has_value());
        server_ = *rpc::RpcServer::listen(pool_.executor_of(0), "127.0.0.1:0", make_handlers(context_));
        client_ =
            rpc::RpcClient::create(pool_.executor_of(1), "127.0.0.1:" + std::to_string(server_->port()));
    }
    ~HandlersTest() override {
        EXPECT_TRUE(server_->stop(0ms));
        client_.reset();
        pool_.stop();
    }

    Result<rpc::RpcReply> call(Method method, std::string json, std::vector<SharedBytes> attached = {},
                               int ms = 10000) {
        return dl::test::run(pool_.executor_of(1), [&]() -> asio::awaitable<Result<rpc::RpcReply>> {
            auto reply = co_await client_->call(method, json, attached, in_ms(ms));
            co_return std::move(reply);
        });
    }
    std::string error_of(Method method, std::string json, std::vector<SharedBytes> attached = {}) {
        const auto reply = call(method, std::move(json), std::move(attached));
        return reply.has_error() ? reply.error().to_text() : "no error: " + reply->end_json;
    }

    struct Part {
        std::uint32_t partition;
        std::string body;
        std::uint32_t rows;
    };
    static std::pair<std::string, std::vector<SharedBytes>> append_request(const std::vector<Part>& parts,
                                                                           int schema = 1) {
        rpc::AppendRequest request;
        request.table = {TableId{1}, "t1"};
        request.schema = SchemaId{static_cast<std::uint32_t>(schema)};
        std::vector<SharedBytes> attached;
        for (const auto& part : parts) {
            request.partitions.push_back({PartitionId{part.partition}, LeaderEpoch{1}, part.rows,
                                          static_cast<std::uint32_t>(part.body.size()),
                                          crc32c(0, part.body.data(), part.body.size())});
            attached.push_back(SharedBytes::from_string(part.body));
        }
        return {rpc::encode(request), attached};
    }
    std::string append(const std::vector<Part>& parts, int schema = 1) {
        auto [json, attached] = append_request(parts, schema);
        const auto reply = call(Method::append, json, attached);
        return reply.has_error() ? reply.error().to_text() : reply->end_json;
    }
    Offset end_of_all() {
        Offset sum = 0;
        for (std::uint32_t i = 0; i < 4; ++i)
            sum += registry_.fake(1, i)->end_offset();
        return sum;
    }

    net::NetPool pool_{"net", 2};
    WorkerPool work_{"work", 2}, query_{"query", 2};
    net::ByteBudget slots_{2};
    test::FakeRegistry registry_;
    test::FakeQueries queries_;
    HandlerContext context_;
    std::shared_ptr<rpc::RpcServer> server_;
    std::shared_ptr<rpc::RpcClient> client_;
};

std::string offsets_request(std::uint64_t table, std::vector<std::uint32_t> partitions,
                            std::uint32_t epoch = 1) {
    rpc::OffsetsRequest request;
    request.table = {TableId{table}, "t" + std::to_string(table)};
    for (const auto partition : partitions)
        request.partitions.push_back({PartitionId{partition}, LeaderEpoch{epoch}});
    return rpc::encode(request);
}

std::string position(std::uint32_t partition, Offset offset) {
    return rpc::encode(rpc::PartitionPosition{PartitionId{partition}, LeaderEpoch{1}, offset});
}

std::string wait_request(std::uint32_t partition, std::uint64_t min_rows, std::int64_t wait_ms) {
    rpc::WaitRequest request;
    request.table = {TableId{1}, "t1"};
    request.partitions = {{PartitionId{partition}, LeaderEpoch{1}, 0}};
    request.min_rows = min_rows;
    request.wait_ms = wait_ms;
    return rpc::encode(request);
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

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
    EXPECT_EQ(call(Method::offsets, offsets_request(9, {0, 1}))->end_json,
              R"({"partitions":[{"partition":0,"first":0,"end":0},{"partition":1,"first":0,"end":0}]})");
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

TEST_F(HandlersTest, AppendsToSeveralPartitionsAndAnswersWithOffsets) {
    EXPECT_EQ(append({{0, make_body(0, 10), 10}, {2, make_body(50, 3), 3}}),
              R"({"partitions":[{"partition":0,"appended":{"first":0,"last":9}},)"
              R"({"partition":2,"appended":{"first":0,"last":2}}]})");
    EXPECT_EQ(append({{2, make_body(90, 1), 1}}),
              R"({"partitions":[{"partition":2,"appended":{"first":3,"last":3}}]})");
    // Large ones are checked on the work pool.
    EXPECT_EQ(append({{1, make_body(0, 20000, 20), 20000}}),
              R"({"partitions":[{"partition":1,"appended":{"first":0,"last":19999}}]})");
    EXPECT_EQ(call(Method::stats, "{\"table_id\":1,\"partitions\":[0,1,2,3]}")->end_json.substr(0, 14),
              "{\"rows\":20014,");
}

// One bad part refuses the whole request before anything is written.
TEST_F(HandlersTest, BadAppendsChangeNothing) {
    const auto good = make_body(0, 10);
    auto flipped = good;
    const auto refused = [&](std::vector<Part> parts, const std::string& expected) {
        const auto answer = append(parts);
        EXPECT_TRUE(contains(answer, expected)) << answer;
        EXPECT_EQ(end_of_all(), 0);
    };
    refused({{0, good, 10}, {9, good, 10}}, "PARTITION_NOT_FOUND");
    refused({{0, good, 10}, {0, good, 10}}, "names a partition twice");
    refused({{0, good, 10}, {1, good, 11}}, "CORRUPT_DATA");
    refused({{0, good, 10}, {1, good.substr(0, good.size() - 8), 10}}, "CORRUPT_DATA");
    refused({{0, good, 10}, {1, "x", 1}},
            "CORRUPT_DATA: append: batch for partition 1 of table t1 is malformed");
    EXPECT_TRUE(contains(append({{0, good, 10}}, 2), "SCHEMA_MISMATCH: append of table t1 with schema 2"));
    // A flipped bit behind a good CRC.
    auto [json, attached] = append_request({{0, good, 10}, {1, good, 10}});
    flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 4);
    attached[1] = SharedBytes::from_string(flipped);
    EXPECT_TRUE(
        contains(error_of(Method::append, json, attached), "partition 1 of table t1 does not match its CRC"));
    // Fewer and more bytes than announced.
    attached.pop_back();
    EXPECT_TRUE(contains(error_of(Method::append, json, attached), "reaches beyond"));
    attached.push_back(SharedBytes::from_string(good + "12345678"));
    EXPECT_TRUE(contains(error_of(Method::append, json, attached), "8 bytes more"));
    EXPECT_EQ(end_of_all(), 0);
}

TEST_F(HandlersTest, ColumnsOfAnAppendAreCheckedAgainstTheTable) {
    DataType text, number;
    text.kind = TypeKind::string;
    number.kind = TypeKind::int64;
    const auto body_of = [](std::vector<ColumnBatchBuilder::ColumnSpec> columns, bool null_key) {
        ColumnBatchBuilder builder(columns);
        for (std::size_t i = 0; i < columns.size(); ++i) {
            if (null_key && columns[i].field == FieldId{1})
                builder.append_null(i);
            else if (columns[i].type.kind == TypeKind::string)
                builder.append_bytes(i, "x");
            else
                builder.append_fixed<std::int64_t>(i, 1);
        }
        builder.finish_row(false);
        return builder.encode();
    };
    EXPECT_TRUE(contains(append({{0, body_of({{FieldId{1}, text}}, false), 1}}),
                         "has column id as string, the table as long"));
    EXPECT_TRUE(contains(append({{0, body_of({{FieldId{1}, number}}, true), 1}}), "has a NULL key in row 0"));
    EXPECT_TRUE(contains(append({{0, body_of({{FieldId{2}, text}}, false), 1}}), "lacks the key column id"));
    EXPECT_TRUE(contains(append({{0, body_of({{FieldId{1}, number}, {FieldId{7}, text}}, false), 1}}),
                         "unknown column 7"));
    EXPECT_EQ(end_of_all(), 0);
    EXPECT_TRUE(contains(append({{0, body_of({{FieldId{1}, number}}, false), 1}}), R"("first":0,"last":0)"));
}

TEST_F(HandlersTest, AppendTellsTheOutcomeOfEachPartition) {
    registry_.fake(1, 1)->fail_with = make_error(ErrorCode::overloaded, "queue full");
    EXPECT_EQ(append({{1, make_body(0, 1), 1}}),
              R"({"partitions":[{"partition":1,"error":"OVERLOADED: queue full"}]})");
    registry_.fake(1, 2)->fail_with = make_error(ErrorCode::io_error, "fsync of \xff");
    EXPECT_EQ(append({{0, make_body(0, 1), 1}, {1, make_body(1, 1), 1}, {2, make_body(2, 1), 1}}),
              R"({"partitions":[{"partition":0,"appended":{"first":0,"last":0}},)"
              R"({"partition":1,"error":"OVERLOADED: queue full"},)"
              R"({"partition":2,"error":"IO_ERROR: fsync of ?"}]})");
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

std::uint32_t rows_of_frame(const SharedBytes& frame) {
    std::string plain;
    EXPECT_TRUE(snappy::Uncompress(reinterpret_cast<const char*>(frame.data()), frame.size(), &plain));
    return load_le<std::uint32_t>(plain.data());
}

TEST_F(HandlersTest, ReadGivesExactlyReadCountFromEachPartition) {
    for (int i = 0; i < 10; ++i)
        registry_.fake(1, 0)->append_rows(i * 100, 100);
    registry_.fake(1, 2)->append_rows(0, 30);
    const auto read = [&](const std::string& partitions, int count, const std::string& format = "rows") {
        return *call(Method::read, "{\"table_id\":1,\"schema_id\":1,\"partitions\":[" + partitions +
                                       "],\"read_count\":" + std::to_string(count) + ",\"format\":\"" +
                                       format + "\",\"bytes_max\":67108864}");
    };
    auto reply = read(position(0, 150) + "," + position(2, -5) + "," + position(3, 0), 333);
    ASSERT_EQ(reply.data.size(), 2u);
    EXPECT_EQ(rows_of_frame(reply.data[0]), 333u);
    EXPECT_EQ(rows_of_frame(reply.data[1]), 30u);
    EXPECT_EQ(
        reply.end_json,
        R"({"partitions":[{"partition":0,"next":483},{"partition":2,"next":30},{"partition":3,"next":0}]})");
    reply = read(position(0, 1000), 10);
    EXPECT_EQ(reply.data.size(), 0u);
    EXPECT_EQ(reply.end_json, R"({"partitions":[{"partition":0,"next":1000}]})");

    reply = read(position(0, 98), 3, "json");
    ASSERT_EQ(reply.data.size(), 3u);
    EXPECT_TRUE(contains(std::string(reply.data[2].view()), "\"offset\":100")) << reply.data[2].view();

    reply = read(position(0, 150), 100, "columnar");
    ASSERT_EQ(reply.data.size(), 3u);
    EXPECT_EQ(reply.data[0].view(), columnar_schema_frame(*(*registry_.table(TableId{1}))));
    std::uint32_t rows = 0;
    for (std::size_t i = 1; i < reply.data.size(); ++i) {
        const auto frame = decode_columnar_frame(reply.data[i]);
        ASSERT_TRUE(frame.has_value()) << frame.error().to_text();
        if (i == 1) {
            EXPECT_EQ(frame->offset_of(frame->first_row), 150);
        }
        rows += frame->end_row - frame->first_row;
    }
    EXPECT_EQ(rows, 100u);
    EXPECT_TRUE(contains(
        error_of(
            Method::read,
            R"({"table_id":1,"schema_id":1,"partitions":[],"read_count":1,"format":"xml","bytes_max":1})"),
        "'xml' is not one of rows, json, columnar"));
}

// The limit cuts at a record, never to nothing, and reading on from "next" gives every record once.
TEST_F(HandlersTest, ByteLimitCutsAtARecordAndReadingOnLosesNothing) {
    for (int i = 0; i < 5; ++i)
        registry_.fake(1, 0)->append_rows(i * 200, 200, 1000);
    registry_.fake(1, 1)->append_rows(0, 7, 100000);
    for (const std::string format : {"rows", "json"}) {
        for (const int limit : {1, 5000, 300000}) {
            Offset next[2] = {0, 0};
            std::uint64_t rows = 0;
            for (int round = 0; round < 3000 && (next[0] < 1000 || next[1] < 7); ++round) {
                const auto reply = call(Method::read, "{\"table_id\":1,\"schema_id\":1,\"partitions\":[" +
                                                          position(0, next[0]) + "," + position(1, next[1]) +
                                                          "],\"read_count\":100000,\"format\":\"" + format +
                                                          "\",\"bytes_max\":" + std::to_string(limit) + "}");
                ASSERT_TRUE(reply.has_value()) << reply.error().to_text();
                std::size_t bytes = 0;
                for (const auto& frame : reply->data) {
                    rows += format == "rows" ? rows_of_frame(frame) : 1;
                    bytes += frame.size();
                }
                EXPECT_LE(bytes, static_cast<std::size_t>(limit) + 2 * 4096 + 210000);
                const auto end = rpc::decode_reply<rpc::ReadReply>(reply->end_json);
                ASSERT_TRUE(end.has_value()) << end.error().to_text();
                next[0] = end->partitions.at(0).next;
                next[1] = end->partitions.at(1).next;
            }
            EXPECT_EQ(rows, 1007u) << format << " " << limit;
        }
    }
}

TEST_F(HandlersTest, WaitReturnsWhenRecordsComeOrTimeIsOver) {
    const auto wait = [&](int rows, int ms) {
        return call(Method::wait, "{\"table_id\":1,\"partitions\":[" + position(0, 0) + "," + position(1, 0) +
                                      "],\"min_rows\":" + std::to_string(rows) +
                                      ",\"wait_ms\":" + std::to_string(ms) + "}")
            ->end_json;
    };
    EXPECT_EQ(wait(1, 20), "{\"available\":0}");
    EXPECT_EQ(wait(0, 20000), "{\"available\":0}");
    std::thread writer([&] {
        std::this_thread::sleep_for(30ms);
        registry_.fake(1, 1)->append_rows(0, 2);
        std::this_thread::sleep_for(30ms);
        registry_.fake(1, 0)->append_rows(0, 3);
    });
    EXPECT_EQ(wait(5, 20000), "{\"available\":5}");
    writer.join();
    EXPECT_EQ(wait(5, 20000), "{\"available\":5}");
    EXPECT_EQ(registry_.fake(1, 0)->waiters(), 0u);
}

TEST_F(HandlersTest, ALongPollEndsWhenItsTableIsDropped) {
    auto waiting =
        std::async(std::launch::async, [&] { return error_of(Method::wait, wait_request(0, 1, 20000)); });
    EXPECT_TRUE(eventually([&] { return registry_.fake(1, 0)->waiters() == 1; }));
    const auto pin =
        R"({"tables":[{"table_id":1,"table":"t1","schema_id":1,"partitions":[{"partition":1,"leader_epoch":1,)"
        R"("min_offset":4}]}],"lease_ms":1000})";
    auto pinning = std::async(std::launch::async, [&] { return error_of(Method::pin, pin); });
    EXPECT_TRUE(eventually([&] { return registry_.fake(1, 1)->waiters() == 1; }));
    const auto held = registry_.fake(1, 0), also_held = registry_.fake(1, 1);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(call(Method::drop_table, R"({"table_id":1})")->end_json, "{}");
    EXPECT_EQ(waiting.get(), "TABLE_NOT_FOUND: table 't1' was dropped meanwhile");
    EXPECT_EQ(pinning.get(), "TABLE_NOT_FOUND: table 't1' was dropped meanwhile");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
    EXPECT_EQ(error_of(Method::wait, wait_request(0, 1, 20000)),
              "TABLE_NOT_FOUND: table 't1' is not on this slave");
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

TEST_F(HandlersTest, ManyWaitersAreWokenTogether) {
    net::raise_file_limit();
    constexpr int kWaiters = 1000;
    std::vector<std::future<std::string>> waiting;
    for (int i = 0; i < kWaiters; ++i)
        waiting.push_back(asio::co_spawn(
            pool_.executor_of(1),
            [&]() -> asio::awaitable<std::string> {
                auto reply =
                    co_await client_->call(Method::wait, wait_request(3, 1, 20000), {}, in_ms(25000));
                co_return reply.has_value() ? reply->end_json : reply.error().to_text();
            },
            asio::use_future));
    EXPECT_TRUE(eventually([&] { return registry_.fake(1, 3)->waiters() == kWaiters; }));
    registry_.fake(1, 3)->append_rows(0, 1);
    for (auto& one : waiting)
        EXPECT_EQ(one.get(), "{\"available\":1}");
}

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
