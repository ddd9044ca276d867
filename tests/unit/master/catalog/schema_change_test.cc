#include "master/catalog/schema_change.h"

#include <gtest/gtest.h>

namespace dl::master {
namespace {

TableDefinition definition() {
    TableDefinition d;
    d.name = "t";
    d.columns = {{"id", "int", false, {}}, {"a", "string", false, "X"}};
    d.major_key = "id";
    return d;
}

std::string build_error(const TableDefinition& d) {
    auto built = build_table(d, 1);
    return built.has_error() ? built.error().to_text() : "none";
}

TEST(SchemaChange, WhatCannotBeATable) {
    auto d = definition();
    d.name = "../x";
    EXPECT_NE(build_error(d), "none");
    d = definition();
    d.columns.push_back({"A", "int", false, {}});
    EXPECT_TRUE(build_error(d).starts_with("COLUMN_EXISTS: ")) << build_error(d);
    d = definition();
    d.major_key = "nokey";
    EXPECT_TRUE(build_error(d).starts_with("COLUMN_NOT_FOUND: ")) << build_error(d);
    d = definition();
    d.columns[1].default_text = "x";
    d.columns[1].type = "int";
    EXPECT_TRUE(build_error(d).starts_with("INVALID_VALUE: ")) << build_error(d);
    EXPECT_NE(build_error(d).find("'a'"), std::string::npos);
    d = definition();
    d.columns[0].default_text = "1";
    EXPECT_TRUE(build_error(d).starts_with("INVALID_REQUEST: ")) << build_error(d);
    d = definition();
    d.partitions = 0;
    EXPECT_TRUE(build_error(d).starts_with("LIMIT_EXCEEDED: ")) << build_error(d);
    d.partitions = 4097;
    EXPECT_TRUE(build_error(d).starts_with("LIMIT_EXCEEDED: ")) << build_error(d);
    d = definition();
    d.columns.clear();
    EXPECT_TRUE(build_error(d).starts_with("INVALID_REQUEST: ")) << build_error(d);
    d = definition();
    d.columns[1].type = "strin";
    EXPECT_NE(build_error(d), "none");
    for (const char* reserved :
         {"table_name", "Major_Key", "partition_number", "partition_address", "crud", "_crud_type"}) {
        d = definition();
        d.columns[1].name = reserved;
        EXPECT_TRUE(build_error(d).starts_with("INVALID_REQUEST: ")) << build_error(d);
    }
}

TEST(SchemaChange, AlterKeepsKeyAndIds) {
    auto table = build_table(definition(), 1).value();
    auto more = with_column(table, {"Städte", "long", false, "7"}).value();
    EXPECT_EQ(more.schema.fields[2].name, "städte");
    EXPECT_EQ(more.schema.fields[2].id, FieldId{3});
    EXPECT_EQ(more.schema.fields[2].default_text, "7");
    EXPECT_EQ(with_column(more, {"A", "int", false, {}}).error().code, ErrorCode::column_exists);
    EXPECT_EQ(with_column(more, {"n", "int", true, {}}).error().code, ErrorCode::invalid_request);
    EXPECT_TRUE(with_column(more, {"n", "int", true, "1"}).has_value());
    EXPECT_EQ(without_column(more, "id").error().code, ErrorCode::invalid_request);
    auto missing = without_column(more, "aa").error();
    EXPECT_EQ(missing.code, ErrorCode::column_not_found);
    auto less = without_column(more, "A").value();
    EXPECT_EQ(less.schema.fields.size(), 2u);
    EXPECT_EQ(less.schema.id, SchemaId{3});
    EXPECT_EQ(less.next_field_id, FieldId{4});
}

TEST(SchemaChange, DroppingAColumnBeforeTheKeyMovesTheKey) {
    TableDefinition d;
    d.name = "t";
    d.columns = {{"a", "int", false, {}}, {"id", "int", false, {}}};
    d.major_key = "id";
    auto less = without_column(build_table(d, 1).value(), "a").value();
    EXPECT_EQ(less.schema.key().name, "id");
}

}  // namespace
}  // namespace dl::master
