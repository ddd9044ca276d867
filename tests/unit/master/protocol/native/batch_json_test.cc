#include "master/protocol/native/batch_json.h"

#include <gtest/gtest.h>

#include <set>

#include "common/base/limits.h"
#include "master/routing/partitioned_batch_builder.h"
#include "tests/unit/support/wire_test_util.h"

namespace dl {
namespace {

using wire_test::lines_of;
using wire_test::make_table;

TableMeta users(std::uint32_t partitions = 1) {
    return make_table({{"id", "int"},
                       {"name", "string", true},
                       {"age", "long"},
                       {"sex", "string", false, "x"},
                       {"score", "decimal(20,2)"},
                       {"rate", "double"},
                       {"ok", "boolean"},
                       {"at", "timestamp"}},
                      partitions);
}
Result<PartitionedBatch> batch_of(const TableMeta& table, const std::string& rows) {
    return parse_json_rows(
        *JsonRequest::parse("{\"batch_insert\":{\"table_name\":\"t\",\"data\":[" + rows + "]}}"), table);
}
std::vector<std::string> lines(const TableMeta& table, const std::string& rows) {
    const auto batch = batch_of(table, rows);
    if (batch) return lines_of(table, *batch);
    return {batch.error().to_text()};
}
using Lines = std::vector<std::string>;

TEST(BatchJson, NativeAndTextValuesMeanTheSame) {
    const auto table = users();
    EXPECT_EQ(lines(table, R"({"id":"+07","name":"a","age":"7","sex":"f","score":"1.5","rate":"2","ok":"1",
                               "at":"2024-01-31T12:00:00+08:00"},
                             {"id":8,"name":"b","age":7.0,"sex":"f","score":1.5,"rate":2e0,"ok":true,"at":"2024-01-31 04:00"})"),
              (Lines{"0 insert id=7 name=a age=7 sex=f score=1.50 rate=2 ok=true at=2024-01-31 04:00:00",
                     "0 insert id=8 name=b age=7 sex=f score=1.50 rate=2 ok=true at=2024-01-31 04:00:00"}));
}

TEST(BatchJson, NumbersForTimestampsNeedTheirUnit) {
    const auto table = users();
    const auto at = [&](const std::string& value, const std::string& unit) {
        const auto options = unit.empty() ? "" : R"(,"options":{"timestamp_unit":")" + unit + "\"}";
        const auto request =
            JsonRequest::parse(R"({"batch_insert":{"table_name":"t","data":[{"id":1,"name":"a","at":)" +
                               value + "}]}" + options + "}");
        if (!request) return request.error().to_text();
        const auto batch = parse_json_rows(*request, table);
        if (!batch) return batch.error().to_text();
        const auto line = lines_of(table, *batch)[0];
        return line.substr(line.find("at=") + 3);
    };
    EXPECT_EQ(at("1700000000", "s"), "2023-11-14 22:13:20");
    EXPECT_EQ(at("1700000000.25", "s"), "2023-11-14 22:13:20.250000");
    EXPECT_EQ(at("1.7e12", "ms"), "2023-11-14 22:13:20");
    EXPECT_EQ(at("-1", "us"), "1969-12-31 23:59:59.999999");
    EXPECT_EQ(at("1700000000123456000", "ns"), "2023-11-14 22:13:20.123456");
    EXPECT_EQ(at("\"2024-01-31\"", "s"), "2024-01-31 00:00:00");
    EXPECT_NE(at("1700000000123456789", "ns").find("no whole number of microseconds"), std::string::npos);
    EXPECT_NE(at("99999999999999", "s").find("range of a timestamp"), std::string::npos);
    EXPECT_NE(at("1700000000", "").find("timestamp_unit"), std::string::npos);
    EXPECT_NE(at("1700000000", "min").find("s, ms, us or ns"), std::string::npos);
}

TEST(BatchJson, AbsentIsDefaultOrNullAndNullIsNull) {
    EXPECT_EQ(
        lines(users(), R"({"id":1,"name":"a"},{"name":"b","id":2,"sex":null},{"ID":3,"Name":"c","SEX":""})"),
        (Lines{"0 insert id=1 name=a age=NULL sex=x score=NULL rate=NULL ok=NULL at=NULL",
               "0 insert id=2 name=b age=NULL sex=NULL score=NULL rate=NULL ok=NULL at=NULL",
               "0 insert id=3 name=c age=NULL sex= score=NULL rate=NULL ok=NULL at=NULL"}));
}

TEST(BatchJson, DeletesNeedOnlyTheKeyAndKeepWhatIsGiven) {
    EXPECT_EQ(lines(users(), R"({"id":1,"crud":"delete"},{"_crud_type":"delete","id":2,"name":null,"age":5},
                                {"id":3,"name":"c","crud":"insert"})"),
              (Lines{"0 delete id=1 name=NULL age=NULL sex=NULL score=NULL rate=NULL ok=NULL at=NULL",
                     "0 delete id=2 name=NULL age=5 sex=NULL score=NULL rate=NULL ok=NULL at=NULL",
                     "0 insert id=3 name=c age=NULL sex=x score=NULL rate=NULL ok=NULL at=NULL"}));
}

TEST(BatchJson, NumbersKeepEveryDigit) {
    const auto table = make_table({{"id", "long"}, {"d", "decimal(38,18)"}, {"s", "string"}});
    EXPECT_EQ(lines(table, R"({"id":9223372036854775807,"d":12345678901234567890.123456789012345678,"s":1.50},
                             {"id":-9223372036854775808,"d":-1e19,"s":true},{"id":70e-1,"d":0.5,"s":"\u0041\n"})"),
              (Lines{"0 insert id=9223372036854775807 d=12345678901234567890.123456789012345678 s=1.50",
                     "0 insert id=-9223372036854775808 d=-10000000000000000000.000000000000000000 s=true",
                     "0 insert id=7 d=0.500000000000000000 s=A\n"}));
}

// A bad row refuses all of them, wherever it stands, and the error names row, column, value and type.
TEST(BatchJson, OneBadRowRefusesTheBatch) {
    const auto table = users(4);
    struct Case {
        std::string row;
        ErrorCode code;
        std::vector<std::string> words;
    };
    const std::vector<Case> cases = {
        {R"({"id":"x","name":"a"})", ErrorCode::invalid_value, {"\"id\"", "\"x\"", "int"}},
        {R"({"id":2147483648,"name":"a"})", ErrorCode::invalid_value, {"2147483648"}},
        {R"({"id":1.5,"name":"a"})", ErrorCode::invalid_value, {"1.5"}},
        {R"({"id":"","name":"a"})", ErrorCode::invalid_value, {"empty text"}},
        {R"({"id":true,"name":"a"})", ErrorCode::invalid_value, {"true"}},
        {R"({"id":{},"name":"a"})", ErrorCode::invalid_value, {"JSON object"}},
        {R"({"id":1,"name":["a"]})", ErrorCode::invalid_value, {"JSON array"}},
        {R"({"id":1,"name":"a","at":17})", ErrorCode::invalid_value, {"timestamp"}},
        {R"({"id":1,"name":"a","ok":2})", ErrorCode::invalid_value, {"boolean"}},
        {R"({"id":1,"name":"a","rate":1e999})", ErrorCode::invalid_value, {"double"}},
        {R"({"id":1,"name":"a","score":1e18})", ErrorCode::invalid_value, {"decimal(20,2)"}},
        {R"({"name":"a"})", ErrorCode::invalid_value, {"key is missing"}},
        {R"({"id":null,"name":"a"})", ErrorCode::invalid_value, {"key is missing or NULL"}},
        {R"({"crud":"delete","name":"a"})", ErrorCode::invalid_value, {"key is missing"}},
        {R"({"id":1})", ErrorCode::invalid_value, {"\"name\"", "NOT NULL"}},
        {R"({"id":1,"name":null})", ErrorCode::invalid_value, {"NOT NULL"}},
        {R"({"id":1,"name":"a","nope":1})", ErrorCode::column_not_found, {"\"nope\"", "\"t1\"", "score"}},
        {R"({"id":1,"name":"a","crud":"update"})", ErrorCode::invalid_value, {"crud", "update"}},
        {R"({"id":1,"name":"a","crud":null})", ErrorCode::invalid_value, {"crud"}},
        {R"({"id":1,"name":"a","crud":"insert","_crud_type":"insert"})",
         ErrorCode::invalid_request,
         {"more than once"}},
        {R"({"id":1,"name":"a","name":"b"})", ErrorCode::invalid_request, {"\"name\"", "twice"}},
        {R"({"id":1,"name":"a","NAME":"b"})", ErrorCode::invalid_request, {"twice"}},
        {R"({"id":1,"name":"a","\u006eame":"b"})", ErrorCode::invalid_request, {"twice"}},
        {R"([1])", ErrorCode::invalid_request, {"JSON object"}},
        {R"(null)", ErrorCode::invalid_request, {"JSON object"}},
    };
    for (const auto& c : cases) {
        const std::string good = R"({"id":5,"name":"ok"})";
        const auto batch = batch_of(table, good + "," + good + "," + c.row + "," + good);
        ASSERT_TRUE(batch.has_error()) << c.row;
        EXPECT_EQ(batch.error().code, c.code) << c.row << batch.error().message;
        EXPECT_EQ(batch.error().message.find("row 2"), 0u) << batch.error().message;
        for (const auto& word : c.words)
            EXPECT_NE(batch.error().message.find(word), std::string::npos) << batch.error().message;
        EXPECT_TRUE(batch_of(table, c.row).has_error());
    }
}

TEST(BatchJson, SplitsByPartitionAndKeepsTheOrder) {
    const auto table = make_table({{"id", "int"}, {"n", "int"}}, 4);
    std::string rows;
    for (int i = 0; i < 1000; ++i)
        rows += (i == 0 ? "" : ",") + std::string("{\"id\":") + std::to_string(i % 97) +
                ",\"n\":" + std::to_string(i) + (i % 5 == 0 ? ",\"crud\":\"delete\"}" : "}");
    const auto batch = *batch_of(table, rows);
    ASSERT_EQ(batch.rows, 1000u);
    ASSERT_EQ(batch.partitions.size(), 4u);
    std::set<int> seen;
    for (const auto& part : batch.partitions) {
        const auto columns = wire_test::decode(part);
        int last = -1;
        for (std::uint32_t r = 0; r < part.rows; ++r) {
            const auto id = columns.columns()[0].fixed<std::int32_t>(r);
            const auto n = columns.columns()[1].fixed<std::int32_t>(r);
            char key[16];
            EXPECT_EQ(table.partition_of(key_bytes(columns.columns()[0], r, key)), part.partition);
            EXPECT_EQ(id, n % 97);
            EXPECT_EQ(columns.is_delete(r), n % 5 == 0);
            EXPECT_GT(n, last);
            last = n;
            seen.insert(n);
        }
    }
    EXPECT_EQ(seen.size(), 1000u);
}

TEST(BatchJson, KeysInAnyOrderFromRowToRow) {
    const auto table = make_table({{"id", "int"}, {"a", "string"}, {"b", "string"}});
    EXPECT_EQ(lines(table, R"({"id":1,"a":"x","b":"y"},{"b":"y","a":"x","id":2},{"a":"x","id":3},
                             {"crud":"delete","id":4},{"id":5,"b":"y","crud":"insert","a":"x"},{"id":6,"a":"x","b":"y"})"),
              (Lines{"0 insert id=1 a=x b=y", "0 insert id=2 a=x b=y", "0 insert id=3 a=x b=NULL",
                     "0 delete id=4 a=NULL b=NULL", "0 insert id=5 a=x b=y", "0 insert id=6 a=x b=y"}));
}

TEST(BatchJson, InsertStatement) {
    const auto table = make_table({{"id", "int"}, {"a", "string"}});
    const auto insert = [&](const std::string& rest) {
        const auto batch =
            parse_json_rows(*JsonRequest::parse("{\"insert\":{\"table_name\":\"t\"," + rest + "}}"), table);
        return batch ? lines_of(table, *batch) : Lines{batch.error().to_text()};
    };
    EXPECT_EQ(insert(R"("crud":"insert","data":{"id":"1","a":"x"})"), Lines{"0 insert id=1 a=x"});
    EXPECT_EQ(insert(R"("data":{"id":"1"},"crud":"delete")"), Lines{"0 delete id=1 a=NULL"});
    EXPECT_EQ(insert(R"("data":{"id":"1","_crud_type":"delete"})"), Lines{"0 delete id=1 a=NULL"});
    EXPECT_EQ(
        insert(R"("crud":"insert","data":{"id":"1","crud":"delete"})")[0].find("INVALID_REQUEST: row 0"), 0u);
}

TEST(BatchJson, EmptyBatchIsNothing) {
    const auto batch = *batch_of(users(), "");
    EXPECT_EQ(batch.rows, 0u);
    EXPECT_TRUE(batch.partitions.empty());
}

TEST(BatchJson, KeyLengthIsLimited) {
    const auto table = make_table({{"k", "string"}});
    EXPECT_TRUE(batch_of(table, "{\"k\":\"" + std::string(limits::key_bytes_max, 'x') + "\"}").has_value());
    const auto batch =
        batch_of(table, R"({"k":"a"},{"k":")" + std::string(limits::key_bytes_max + 1, 'x') + "\"}");
    ASSERT_TRUE(batch.has_error());
    EXPECT_EQ(batch.error().code, ErrorCode::limit_exceeded);
    EXPECT_EQ(batch.error().message.find("row 1"), 0u);
}

std::vector<std::string> good_lines(const TableMeta& table, const std::string& rows, RefusedRows* refused) {
    const auto batch = *parse_json_rows(*JsonRequest::parse(R"({"batch_insert":{"table_name":"t","data":[)" +
                                                            rows + R"(]},"options":{"on_error":"skip"}})"),
                                        table);
    *refused = batch.refused;
    return lines_of(table, batch);
}

TEST(BatchJson, NothingOfARefusedRowStays) {
    const auto table = make_table({{"k", "string"}, {"a", "string"}, {"n", "int"}, {"b", "string"}});
    RefusedRows refused;
    // Bad in the first, a middle and the last column given, with NULLs in front; then rows that show a shift.
    const std::string rows =
        R"({"n":"x","k":"1"},{"a":null,"b":"long enough to be seen","n":"x","k":"2"},{"k":"3","a":"a3","n":3,"b":"b3"},)"
        R"({"k":"4","a":"a4","b":null,"n":1e9,"k":"5"},{"k":"6","n":null,"b":"b6"})";
    EXPECT_EQ(good_lines(table, rows, &refused),
              (Lines{"0 insert k=3 a=a3 n=3 b=b3", "0 insert k=6 a=NULL n=NULL b=b6"}));
    ASSERT_EQ(refused.count, 3u);
    EXPECT_EQ(refused.rows[0].row, 0u);
    EXPECT_EQ(refused.rows[1].row, 1u);
    EXPECT_EQ(refused.rows[2].row, 3u);
    EXPECT_NE(refused.rows[2].error.message.find("row 3"), std::string::npos);
}

TEST(BatchJson, AKeyThatIsTooLongIsLeftOutWithItsRow) {
    const auto table = make_table({{"k", "string"}, {"n", "int"}}, 3);
    RefusedRows refused;
    const auto lines = good_lines(
        table,
        R"({"k":"a","n":"x"},{"k":")" + std::string(limits::key_bytes_max + 1, 'x') + R"("},{"k":"b","n":2})",
        &refused);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_NE(lines[0].find("k=b n=2"), std::string::npos);
    ASSERT_EQ(refused.count, 2u);
    EXPECT_EQ(refused.rows[1].row, 1u);
    EXPECT_EQ(refused.rows[1].error.message.find("row 1, column"), 0u);
}

// A few bytes a row must not become gigabytes of columns.
TEST(PartitionedBatchBuilder, DefaultsAndWideRowsAreBounded) {
    const auto rows_until_refused = [](const master::CatalogTable& table) {
        auto builder = *PartitionedBatchBuilder::create(table, 1000, 1 << 20);
        for (int row = 0; row < 100'000; ++row) {
            builder.begin_row();
            EXPECT_TRUE(builder.put_number(0, "1"));
            if (builder.finish_row(false)) continue;
            EXPECT_EQ(builder.error().code, ErrorCode::limit_exceeded);
            EXPECT_NE(builder.error().message.find("record_batch_bytes_max"), std::string::npos);
            return row;
        }
        return -1;
    };
    EXPECT_EQ(
        rows_until_refused(make_table({{"id", "int"}, {"s", "string", false, std::string(100'000, 'x')}})),
        10);
    std::vector<wire_test::ColumnDef> wide = {{"id", "int"}};
    for (int i = 0; i < 1000; ++i)
        wide.push_back({"c" + std::to_string(i), "decimal(38,0)"});
    EXPECT_EQ(rows_until_refused(make_table(wide)), 65);
}

TEST(BatchJson, BadDefaultInTheCatalogIsAnError) {
    const auto table = make_table({{"id", "int"}, {"n", "int", false, "abc"}});
    const auto batch = batch_of(table, R"({"id":1})");
    ASSERT_TRUE(batch.has_error());
    EXPECT_NE(batch.error().message.find("DEFAULT of column \"n\""), std::string::npos);
}

}  // namespace
}  // namespace dl
