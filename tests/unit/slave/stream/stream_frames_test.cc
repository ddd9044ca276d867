#include <gtest/gtest.h>
#include <snappy.h>

#include "common/base/byte_io.h"
#include "common/record/row_json.h"
#include "master/protocol/native/batch_binary.h"
#include "slave/stream/stream_json.h"
#include "slave/stream/stream_rows.h"
#include "tests/unit/support/wire_test_util.h"

namespace dl {
namespace {

using wire_test::decode;
using wire_test::make_table;
using Lines = std::vector<std::string>;

// A frame of the default format as lines, read the way a client reads it.
Lines rows_of(std::string_view plain) {
    Lines lines;
    ByteReader in(plain);
    const auto count = in.read<std::uint32_t>();
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
        std::string line(in.read_string());
        line.append(" ").append(in.read_string());
        const auto pairs = in.read<std::uint32_t>();
        for (std::uint32_t p = 0; p < pairs && in.ok(); ++p) {
            line.append(" ").append(in.read_string());
            line.append("=").append(in.read_string());
        }
        line.append(" ").append(in.read_string());
        line.append(" ").append(std::to_string(in.read<std::uint32_t>()));
        line.append(" ").append(std::to_string(in.read<std::int64_t>()));
        lines.push_back(line);
    }
    EXPECT_TRUE(in.at_end());
    return lines;
}

PartitionBody recorded_batch(const TableMeta& table) {
    const auto plain = *snappy_uncompress_checked(wire_test::golden("binary_batch_frame"), 1000);
    return parse_binary_batch(plain, table)->partitions.at(0);
}

// PROTOCOL 3.3: what the original sends for the batch of 3.2.
TEST(StreamRows, RecordedBytes) {
    const auto table = make_table({{"id", "int"}, {"name", "string"}});
    const auto batch = decode(recorded_batch(table));
    StreamRowsEncoder encoder(table, PartitionId{0});
    encoder.add(batch, 0, 2, {});
    const std::string expected = wire_test::golden("stream_rows_plain");
    EXPECT_EQ(encoder.plain(), expected);
    EXPECT_EQ(encoder.rows(), 2u);
    EXPECT_EQ(*snappy_uncompress_checked(encoder.finish(), 1000), expected);
    EXPECT_EQ(encoder.rows(), 0u);
    encoder.add(batch, 0, 2, {});
    EXPECT_EQ(encoder.plain(), expected);
}

// A batch written before "added" came and "gone" went.
TEST(StreamRows, ShowsTheCurrentSchema) {
    const auto old_table = make_table({{"id", "int"}, {"gone", "string"}, {"n", "long"}});
    const auto batch = decode(
        parse_binary_batch(
            [] {
                std::string out;
                append_string(out, "t1");
                append_le(out, std::uint32_t{4});
                for (const auto* c : {"id", "gone", "n", "crud"})
                    append_string(out, c);
                append_le(out, std::uint32_t{3});
                for (const auto& row : std::vector<std::vector<std::string>>{{"1", "g", "7", "insert"},
                                                                             {"2", "g", "/~|", "insert"},
                                                                             {"3", "/~|", "/~|", "delete"}}) {
                    append_le(out, std::uint32_t{4});
                    for (const auto& value : row)
                        append_string(out, value);
                }
                return out;
            }(),
            old_table)
            ->partitions.at(0));
    auto table = old_table;
    table.schema.fields.erase(table.schema.fields.begin() + 1);
    table.schema.fields.push_back({FieldId{9}, "added", {TypeKind::string}, false, "dflt"});
    table.schema.fields.push_back({FieldId{10}, "plain", {TypeKind::int32}, false, std::nullopt});
    StreamRowsEncoder encoder(table, PartitionId{3});
    const std::vector<Offset> offsets = {5, 50, 500};
    encoder.add(batch, 0, 1, {.base = 0, .each = offsets});
    encoder.add(batch, 1, 3, {.base = 0, .each = offsets});
    EXPECT_EQ(rows_of(encoder.plain()), (Lines{"t1 1 id=1 n=7 added=dflt plain=/~| insert 3 5",
                                               "t1 2 id=2 n=/~| added=dflt plain=/~| insert 3 50",
                                               "t1 3 id=3 n=/~| added=/~| plain=/~| delete 3 500"}));
    std::string json;
    append_stream_json(json, table, PartitionId{3}, batch, 0, 5, 1'706'702'400'000'001);
    EXPECT_EQ(
        json,
        R"({"table_name":"t1","major_key":"id","crud":"insert","partition_code":3,"offset":5,)"
        R"("timestamp":"2024-01-31T12:00:00.000001Z","data":{"id":1,"n":7,"added":"dflt","plain":null}})");
    json.clear();
    append_stream_json(json, table, PartitionId{3}, batch, 2, 500, 0);
    EXPECT_EQ(json,
              R"({"table_name":"t1","major_key":"id","crud":"delete","partition_code":3,"offset":500,)"
              R"("timestamp":"1970-01-01T00:00:00Z","data":{"id":3,"n":null,"added":null,"plain":null}})");
}

TEST(StreamRows, EveryTypeAndLongTexts) {
    const auto table = make_table({{"k", "string"},
                                   {"f", "float"},
                                   {"d", "double"},
                                   {"b", "boolean"},
                                   {"ts", "timestamp"},
                                   {"dt", "date"},
                                   {"dec", "decimal(38,38)"},
                                   {"bin", "binary"}});
    const std::string key(5000, 'k');
    std::string bytes;
    append_string(bytes, "t1");
    append_le(bytes, std::uint32_t{8});
    for (const auto& field : table.schema.fields)
        append_string(bytes, field.name);
    append_le(bytes, std::uint32_t{1});
    append_le(bytes, std::uint32_t{8});
    const std::vector<std::string> values = {key,
                                             "-1.17549435e-38",
                                             "-2.2250738585072014e-308",
                                             "false",
                                             "-290000-01-01 00:00:00.000001",
                                             "294000-12-31",
                                             "-0.12345678901234567890123456789012345678",
                                             "AAEC"};
    for (const auto& value : values)
        append_string(bytes, value);
    const auto batch = decode(parse_binary_batch(bytes, table)->partitions.at(0));
    StreamRowsEncoder encoder(table, PartitionId{0});
    encoder.add(batch, 0, 1, {.base = 41});
    EXPECT_EQ(rows_of(encoder.plain()),
              Lines{"t1 " + key + " k=" + key +
                    " f=-1.1754944e-38 d=-2.2250738585072014e-308 b=false ts=-290000-01-01 00:00:00.000001 "
                    "dt=294000-12-31 dec=-0.12345678901234567890123456789012345678 bin=AAEC insert 0 41"});
}

TEST(RowJson, ColumnsInSelectOrder) {
    const auto table = make_table({{"id", "int"}, {"name", "string"}});
    const auto batch = decode(recorded_batch(table));
    const std::vector<std::string> names = {"\"a\"", R"x("sum(\"x\")")x"};
    std::string json;
    append_row_json(json, names, batch, 0);
    append_row_json(json, names, batch, 1);
    EXPECT_EQ(json, R"x({"a":1,"sum(\"x\")":"ab"}{"a":2,"sum(\"x\")":null})x");
}

}  // namespace
}  // namespace dl
