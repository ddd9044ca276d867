#include "tests/unit/slave/handlers/handlers_fixture.h"

namespace dl::slave {
namespace {

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

}  // namespace
}  // namespace dl::slave
