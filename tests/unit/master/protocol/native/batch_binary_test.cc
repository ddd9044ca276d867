#include "master/protocol/native/batch_binary.h"

#include <gtest/gtest.h>
#include <snappy.h>

#include "common/base/byte_io.h"
#include "common/base/limits.h"
#include "tests/unit/support/wire_test_util.h"

namespace dl {
namespace {

using wire_test::lines_of;
using wire_test::make_table;
using Lines = std::vector<std::string>;

std::string batch_bytes(const std::vector<std::string>& columns,
                        const std::vector<std::vector<std::string>>& rows, const std::string& table = "t1") {
    std::string out;
    append_string(out, table);
    append_le(out, static_cast<std::uint32_t>(columns.size()));
    for (const auto& column : columns)
        append_string(out, column);
    append_le(out, static_cast<std::uint32_t>(rows.size()));
    for (const auto& row : rows) {
        append_le(out, static_cast<std::uint32_t>(row.size()));
        for (const auto& value : row)
            append_string(out, value);
    }
    return out;
}

// PROTOCOL 3.2, as a client of the original sent it and the original accepted it.
TEST(BatchBinary, RecordedBytes) {
    const auto table = make_table({{"id", "int"}, {"name", "string"}});
    const auto plain =
        snappy_uncompress_checked(wire_test::golden("binary_batch_frame"), limits::batch_plain_bytes_max);
    ASSERT_TRUE(plain.has_value()) << plain.error().message;
    EXPECT_EQ(plain->size(), 0x5du);
    EXPECT_EQ(*binary_batch_table(*plain), "t1");
    const auto batch = parse_binary_batch(*plain, table);
    ASSERT_TRUE(batch.has_value()) << batch.error().message;
    EXPECT_EQ(lines_of(table, *batch), (Lines{"0 insert id=1 name=ab", "0 delete id=2 name=NULL"}));
}

// The body that goes to the log for it (docs/formats/column-batch.md).
TEST(BatchBinary, ColumnBatchIsFrozen) {
    const auto table = make_table({{"id", "int"}, {"name", "string"}});
    const auto plain = snappy_uncompress_checked(wire_test::golden("binary_batch_frame"), 1000);
    const auto batch = parse_binary_batch(*plain, table);
    EXPECT_EQ(batch->partitions.at(0).body, wire_test::golden("column_batch"));
    const auto old =
        ColumnBatch::decode(SharedBytes::from_string(wire_test::golden("column_batch")), 2, true);
    ASSERT_TRUE(old.has_value()) << old.error().message;
    EXPECT_EQ(old->columns()[1].bytes(0), "ab");
    EXPECT_TRUE(old->is_delete(1));
}

TEST(BatchBinary, NullIsTheDefaultAndEmptyTextIsEmpty) {
    const auto table = make_table({{"id", "int"}, {"name", "string", true, "anon"}, {"n", "long"}});
    const auto batch =
        parse_binary_batch(batch_bytes({"_crud_type", "ID", "name", "n"}, {{"insert", "1", "/~|", "/~|"},
                                                                           {"insert", "2", "", "7"},
                                                                           {"delete", "3", "/~|", "/~|"},
                                                                           {"delete", "4", "kept", "8"}}),
                           table);
    ASSERT_TRUE(batch.has_value()) << batch.error().message;
    EXPECT_EQ(lines_of(table, *batch),
              (Lines{"0 insert id=1 name=anon n=NULL", "0 insert id=2 name= n=7",
                     "0 delete id=3 name=NULL n=NULL", "0 delete id=4 name=kept n=8"}));
}

TEST(BatchBinary, ColumnsMayBeLeftOut) {
    const auto table = make_table({{"id", "int"}, {"name", "string", false, "anon"}, {"n", "long"}});
    const auto batch = parse_binary_batch(batch_bytes({"id"}, {{"1"}}), table);
    ASSERT_TRUE(batch.has_value()) << batch.error().message;
    EXPECT_EQ(lines_of(table, *batch), Lines{"0 insert id=1 name=anon n=NULL"});
}

TEST(BatchBinary, NoRowsIsNothing) {
    const auto table = make_table({{"id", "int"}});
    EXPECT_EQ(parse_binary_batch(batch_bytes({"whatever"}, {}), table)->rows, 0u);
    EXPECT_TRUE(parse_binary_batch(batch_bytes({"id"}, {}) + "x", table).has_error());
}

TEST(BatchBinary, BadRowsRefuseTheBatch) {
    const auto table = make_table({{"id", "int"}, {"name", "string", true}});
    const std::vector<std::string> columns = {"id", "name", "_crud_type"};
    const std::vector<std::pair<std::vector<std::string>, ErrorCode>> bad = {
        {{"x", "a", "insert"}, ErrorCode::invalid_value},
        {{"/~|", "a", "insert"}, ErrorCode::invalid_value},
        {{"/~|", "a", "delete"}, ErrorCode::invalid_value},
        {{"1", "/~|", "insert"}, ErrorCode::invalid_value},
        {{"1", "a", "upsert"}, ErrorCode::invalid_value},
        {{"1", "a", "/~|"}, ErrorCode::invalid_value},
        {{"1", "\xff", "insert"}, ErrorCode::invalid_value},
        {{"", "a", "insert"}, ErrorCode::invalid_value},
        {{"1", "a"}, ErrorCode::syntax_error},
        {{"1", "a", "insert", "x"}, ErrorCode::syntax_error},
    };
    for (const auto& [row, code] : bad) {
        const auto batch = parse_binary_batch(
            batch_bytes(columns, {{"5", "ok", "insert"}, row, {"6", "ok", "insert"}}), table);
        ASSERT_TRUE(batch.has_error());
        EXPECT_EQ(batch.error().code, code) << batch.error().message;
        EXPECT_NE(batch.error().message.find("row 1"), std::string::npos) << batch.error().message;
    }
    EXPECT_EQ(parse_binary_batch(batch_bytes({"id", "nope"}, {{"1", "a"}}), table).error().code,
              ErrorCode::column_not_found);
    EXPECT_EQ(parse_binary_batch(batch_bytes({"id", "Id"}, {{"1", "2"}}), table).error().code,
              ErrorCode::invalid_request);
    EXPECT_EQ(
        parse_binary_batch(batch_bytes({"id", "crud", "_crud_type"}, {{"1", "insert", "insert"}}), table)
            .error()
            .code,
        ErrorCode::invalid_request);
    EXPECT_EQ(parse_binary_batch(batch_bytes({"name"}, {{"a"}}), table).error().code,
              ErrorCode::invalid_value);
}

TEST(BatchBinary, EveryPrefixAndEveryExtensionIsRefused) {
    const auto table = make_table({{"id", "int"}, {"name", "string"}});
    const std::string good =
        batch_bytes({"id", "name", "_crud_type"}, {{"1", "a", "insert"}, {"2", "b", "delete"}});
    ASSERT_TRUE(parse_binary_batch(good, table).has_value());
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_TRUE(parse_binary_batch(good.substr(0, size), table).has_error()) << size;
    EXPECT_TRUE(parse_binary_batch(good + '\0', table).has_error());
}

TEST(BatchBinary, CountsFromOutsideAreCheckedBeforeMemoryIsTaken) {
    const auto table = make_table({{"id", "int"}});
    const auto with_counts = [](std::uint32_t columns, std::uint32_t rows) {
        std::string out;
        append_string(out, "t1");
        append_le(out, columns);
        if (columns == 1) append_string(out, "id");
        append_le(out, rows);
        return out;
    };
    for (const std::uint32_t huge : {0x7fffffffu, 0xffffffffu, 0x10000000u}) {
        EXPECT_TRUE(parse_binary_batch(with_counts(huge, 1), table).has_error());
        EXPECT_TRUE(parse_binary_batch(with_counts(1, huge), table).has_error());
    }
    std::string name;
    append_le(name, std::uint32_t{0xffffffff});
    EXPECT_TRUE(binary_batch_table(name).has_error());
}

TEST(SnappyChecked, LengthIsCheckedBeforeMemoryIsTaken) {
    std::string block;
    snappy::Compress(std::string(1000, 'x').data(), 1000, &block);
    EXPECT_EQ(*snappy_uncompress_checked(block, 1000), std::string(1000, 'x'));
    EXPECT_EQ(snappy_uncompress_checked(block, 999).error().code, ErrorCode::limit_exceeded);
    EXPECT_EQ(snappy_uncompress_checked(block.substr(0, block.size() - 1), 1000).error().code,
              ErrorCode::syntax_error);
    EXPECT_TRUE(snappy_uncompress_checked("", 1000).has_error());
    // Claims 1 GiB and holds nothing.
    const auto claim = snappy_uncompress_checked("\x80\x80\x80\x80\x04", limits::batch_plain_bytes_max);
    ASSERT_TRUE(claim.has_error());
    EXPECT_EQ(claim.error().code, ErrorCode::syntax_error);
    EXPECT_NE(claim.error().message.find("claims 1073741824"), std::string::npos) << claim.error().message;
    EXPECT_TRUE(snappy_uncompress_checked("\xff\xff\xff\xff\xff", limits::batch_plain_bytes_max).has_error());
    // The best a block can do still passes.
    std::string zeros;
    snappy::Compress(std::string(1 << 20, '\0').data(), 1 << 20, &zeros);
    EXPECT_TRUE(snappy_uncompress_checked(zeros, 1 << 20).has_value());
}

}  // namespace
}  // namespace dl
