#include "common/meta/table_meta.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace dl {
namespace {

TableMeta sample() {
    TableMeta meta;
    meta.id = TableId{12};
    meta.name = "fl\xc3\xbcge";
    meta.schema.id = SchemaId{3};
    meta.schema.fields = {{FieldId{1}, "id", DataType{TypeKind::int64}, true, std::nullopt},
                          {FieldId{2}, "name", DataType{TypeKind::string}, false, "x\"y"},
                          {FieldId{5}, "price", DataType{TypeKind::decimal, 10, 2}, false, std::nullopt}};
    meta.schema.key_index = 0;
    meta.partition_count = 3;
    meta.copies = 1;
    meta.next_field_id = FieldId{6};
    meta.index_hash_seed = 0xfedcba9876543210u;
    meta.slot_map = default_slot_map(3);
    meta.incarnation = 0x8123456789abcdefu;
    meta.history = {24, 5'000'000'000};
    return meta;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

std::string golden(const std::string& name) {
    std::ifstream file(std::string(DL_GOLDEN_DIR) + "/" + name, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(file)), {});
}

TEST(TableMetaJson, RoundTripAndGolden) {
    const auto text = table_meta_to_json(sample());
    EXPECT_EQ(text, golden("table-meta-v3.json"));
    const auto read = table_meta_from_json(text);
    ASSERT_TRUE(read.has_value()) << read.error().to_text();
    EXPECT_EQ(table_meta_to_json(*read), text);
    EXPECT_EQ(read->index_hash_seed, 0xfedcba9876543210u);
    EXPECT_EQ(read->incarnation, 0x8123456789abcdefu);
    EXPECT_EQ(read->schema.fields[1].default_text, "x\"y");
    EXPECT_EQ(read->slot_map, default_slot_map(3));
    EXPECT_EQ(read->history, (TableHistory{24, 5'000'000'000}));
}

TEST(TableMetaJson, NamesThatColumnsHadAreFormat4) {
    auto meta = sample();
    meta.former_names = {{FieldId{2}, SchemaId{2}, "title"}, {FieldId{2}, SchemaId{3}, "label"}};
    const auto text = table_meta_to_json(meta);
    EXPECT_EQ(text, golden("table-meta-v4.json"));
    const auto read = table_meta_from_json(text);
    ASSERT_TRUE(read.has_value()) << read.error().to_text();
    EXPECT_EQ(read->former_names, meta.former_names);
    for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
             {"\"id\":2,\"name\":\"title\"", "\"id\":3,\"name\":\"title\""},  // no such column
             {"\"until\":2", "\"until\":4"},                                  // not yet
             {"\"until\":2},", "\"until\":3},{\"id\":2,\"name\":\"x\",\"until\":2},"},
             {"\"name\":\"title\"", "\"nam\":\"title\""},
             {"\"format\":4", "\"format\":3"},
             {"\"format\":4", "\"format\":5"}})
        EXPECT_TRUE(table_meta_from_json(replaced(text, from, to)).has_error()) << to;
}

TEST(TableMetaJson, Format2HadNoHistory) {
    const auto read = table_meta_from_json(golden("table-meta-v2.json"));
    ASSERT_TRUE(read.has_value()) << read.error().to_text();
    auto expected = sample();
    expected.history = {};
    EXPECT_EQ(table_meta_to_json(*read), table_meta_to_json(expected));
}

TEST(TableMetaJson, Format1IsReadWithItsEpochs) {
    LeaderEpochs epochs;
    const auto read = table_meta_from_json(golden("table-meta-v1.json"), &epochs);
    ASSERT_TRUE(read.has_value()) << read.error().to_text();
    auto expected = sample();
    expected.incarnation = 0;
    expected.history = {};
    EXPECT_EQ(table_meta_to_json(*read), table_meta_to_json(expected));
    EXPECT_EQ(epochs, (LeaderEpochs{{PartitionId{0}, LeaderEpoch{1}},
                                    {PartitionId{1}, LeaderEpoch{4}},
                                    {PartitionId{2}, LeaderEpoch{1}}}));
    EXPECT_TRUE(table_meta_from_json(
                    replaced(golden("table-meta-v1.json"), "\"partition_count\":3", "\"partition_count\":2"))
                    .has_error());
}

TEST(TableMetaJson, RefusesWhatIsMissingUnknownOrInconsistent) {
    const auto good = table_meta_to_json(sample());
    const std::vector<std::string> bad = {
        "",
        "{}",
        "[]",
        "null",
        good + "x",
        good.substr(0, good.size() - 1),
        replaced(good, "\"format\":3", "\"format\":4"),
        replaced(good, "\"format\":3", "\"format\":2"),
        replaced(good, "\"format\":3", "\"format\":1"),
        replaced(good, "\"history_hours\":24", "\"history_hours\":876001"),
        replaced(good, "\"history_bytes\":5000000000", "\"history_bytes\":-1"),
        replaced(good, "\"history_bytes\"", "\"history_byte\""),
        replaced(good, "\"incarnation\":", "\"incarnations\":"),
        replaced(good, "\"copies\":1", "\"copies\":-1"),
        replaced(good, "\"copies\":1", "\"copies\":1.5"),
        replaced(good, "\"copies\":1", "\"copies\":1,\"more\":1"),
        replaced(good, "\"key\":\"id\"", "\"key\":\"no\""),
        replaced(good, "\"type\":\"long\"", "\"type\":\"lang\""),
        replaced(good, "\"id\":5", "\"id\":2"),
        replaced(good, "\"next_field_id\":6", "\"next_field_id\":5"),
        replaced(good, "xxh3-64", "md5"),
        replaced(good, "\"partition_count\":3", "\"partition_count\":2"),
        replaced(good, "\"partition_count\":3", "\"partition_count\":0"),
        replaced(good, "[0,1366]", "[0,1367]"),
        replaced(good, "[0,1366]", "[7,1366]"),
        std::string(100'000, '['),
    };
    for (const auto& text : bad) {
        const auto read = table_meta_from_json(text);
        ASSERT_TRUE(read.has_error()) << text.substr(0, 300);
        EXPECT_EQ(read.error().code, ErrorCode::corrupt_data);
    }
}

TEST(DefaultSlotMap, SpreadsEvenlyAndInOrder) {
    for (const std::uint32_t partitions : {1u, 3u, 7u, 31u, 4096u}) {
        const auto slots = default_slot_map(partitions);
        ASSERT_EQ(slots.size(), kSlotCount);
        std::vector<int> counts(partitions);
        for (std::size_t i = 0; i < slots.size(); ++i) {
            ++counts[slots[i]];
            if (i > 0) {
                EXPECT_GE(slots[i], slots[i - 1]);
            }
        }
        for (const auto count : counts)
            EXPECT_NEAR(count, kSlotCount / partitions, 1);
    }
}

}  // namespace
}  // namespace dl
