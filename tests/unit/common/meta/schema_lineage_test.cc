#include "common/meta/schema_lineage.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace dl {
namespace {

TableMeta make_table() {
    TableMeta table;
    table.schema.id = SchemaId{3};
    table.next_field_id = FieldId{4};
    const DataType number{TypeKind::int32};
    table.schema.fields = {{FieldId{1}, "id", number, true, {}}, {FieldId{3}, "v", DataType{}, false, "x"}};
    return table;
}

TableMeta with(TableMeta table, const std::function<void(TableMeta&)>& change) {
    change(table);
    return table;
}

TEST(SchemaLineage, TheDigestIsOfEverythingThatASchemaMeans) {
    const auto table = make_table();
    EXPECT_EQ(schema_digest(table), schema_digest(make_table()));
    EXPECT_EQ(schema_digest(table), 7704976778389256745u) << "nodes of one cluster compute the same";
    std::set<std::uint64_t> digests = {schema_digest(table)};
    const std::vector<std::function<void(TableMeta&)>> changes = {
        [](TableMeta& t) { t.schema.id = SchemaId{4}; },
        [](TableMeta& t) { t.next_field_id = FieldId{5}; },
        [](TableMeta& t) { t.schema.key_index = 1; },
        [](TableMeta& t) { t.index_hash_seed = 1; },
        [](TableMeta& t) { t.partition_count = 2; },
        [](TableMeta& t) { t.schema.fields[1].id = FieldId{2}; },
        [](TableMeta& t) { t.schema.fields[1].name = "w"; },
        [](TableMeta& t) { t.schema.fields[1].type.kind = TypeKind::binary; },
        [](TableMeta& t) { t.schema.fields[1].type.scale = 1; },
        [](TableMeta& t) { t.schema.fields[1].type.precision = 1; },
        [](TableMeta& t) { t.schema.fields[1].not_null = true; },
        [](TableMeta& t) { t.schema.fields[1].default_text = "y"; },
        [](TableMeta& t) { t.schema.fields[1].default_text = ""; },
        [](TableMeta& t) { t.schema.fields[1].default_text.reset(); },
        [](TableMeta& t) { t.schema.fields.pop_back(); },
        [](TableMeta& t) { std::swap(t.schema.fields[0].name, t.schema.fields[1].name); },
    };
    for (const auto& change : changes)
        EXPECT_TRUE(digests.insert(schema_digest(with(table, change))).second) << digests.size();
}

TEST(SchemaLineage, ASchemaDescendsFromThoseItKeepsTheColumnsOf) {
    const auto older = make_table();
    EXPECT_TRUE(descends_from(older, older));
    const auto added = with(older, [](TableMeta& t) {
        t.schema.id = SchemaId{5};
        t.next_field_id = FieldId{6};
        t.schema.fields.push_back({FieldId{5}, "salary", DataType{TypeKind::int32}, false, {}});
    });
    EXPECT_TRUE(descends_from(added, older)) << "one added, one added and dropped";
    EXPECT_FALSE(descends_from(older, added));
    const auto dropped = with(added, [](TableMeta& t) {
        t.schema.id = SchemaId{6};
        t.schema.fields.erase(t.schema.fields.begin() + 1);
    });
    EXPECT_TRUE(descends_from(dropped, added));
    EXPECT_TRUE(descends_from(dropped, older));
    // The other way the table may have gone: the same ids, other columns.
    for (const auto& change : std::vector<std::function<void(TableMeta&)>>{
             [](TableMeta& t) { t.schema.fields.back().name = "age"; },
             [](TableMeta& t) { t.schema.fields.back().type.kind = TypeKind::string; },
             [](TableMeta& t) { t.schema.fields.back().default_text = "0"; },
             [](TableMeta& t) { t.schema.fields.back().not_null = true; },
             [](TableMeta& t) { t.schema.fields.back().id = FieldId{4}; },  // dropped there
             [](TableMeta& t) { t.next_field_id = FieldId{5}; }, [](TableMeta& t) { t.index_hash_seed = 8; },
             [](TableMeta& t) { t.partition_count = 2; }}) {
        auto other = with(added, change);
        EXPECT_FALSE(descends_from(other, added));  // of one number
        other.schema.id = SchemaId{7};
        EXPECT_FALSE(descends_from(other, added));
    }
}

}  // namespace
}  // namespace dl
