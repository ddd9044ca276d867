#include "master/catalog/catalog_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "master/catalog/catalog.h"
#include "master/catalog/schema_change.h"

namespace dl::master {
namespace {

class CatalogStoreTest : public ::testing::Test {
  protected:
    void SetUp() override {
        static int number = 0;
        directory_ =
            ::testing::TempDir() + "catalog_" + std::to_string(::getpid()) + "_" + std::to_string(number++);
        std::filesystem::remove_all(directory_);
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    static TableMeta make_table(const std::string& name, TableId id) {
        TableDefinition definition;
        definition.name = name;
        definition.columns = {
            {"id", "int", false, {}}, {"Name", "string", true, {}}, {"price", "decimal(10,2)", false, "1.5"}};
        definition.major_key = "ID";
        definition.partitions = 3;
        definition.copies = 2;
        auto table = build_table(definition, 0xfedcba9876543210ULL).value();
        table.id = id;
        table.partitions = {
            {"a:1", {"b:2"}, LeaderEpoch{1}}, {"b:2", {}, LeaderEpoch{7}}, {"a:1", {}, LeaderEpoch{1}}};
        return table;
    }
    std::string directory_;
};

TEST_F(CatalogStoreTest, ATableComesBackWholeAfterReopening) {
    {
        auto store = CatalogStore::open(directory_).value();
        const auto id = store->reserve_table({"a:1", "b:2"}).value();
        ASSERT_TRUE(store->add_table(make_table("T1", id)).has_value());
    }
    auto store = CatalogStore::open(directory_).value();
    const auto tables = store->load_tables().value();
    ASSERT_EQ(tables.size(), 1u);
    const auto& table = tables[0];
    EXPECT_EQ(table.name, "t1");
    EXPECT_EQ(table.id, TableId{1});
    EXPECT_EQ(table.index_hash_seed, 0xfedcba9876543210ULL);
    EXPECT_EQ(table.copies, 2u);
    ASSERT_EQ(table.schema.fields.size(), 3u);
    EXPECT_EQ(table.schema.fields[1].name, "name");
    EXPECT_TRUE(table.schema.fields[0].not_null);
    EXPECT_TRUE(table.schema.fields[1].not_null);
    EXPECT_EQ(table.schema.fields[2].default_text, "1.50");
    EXPECT_EQ(table.schema.key().name, "id");
    EXPECT_EQ(table.next_field_id, FieldId{4});
    EXPECT_EQ(table.slot_map, default_slot_map(3));
    EXPECT_EQ(table.partitions[0].followers, std::vector<std::string>{"b:2"});
    EXPECT_EQ(table.partitions[1].leader, "b:2");
    EXPECT_EQ(table.partitions[1].leader_epoch, LeaderEpoch{7});
    EXPECT_TRUE(store->pending_drops().value().empty());
}

TEST_F(CatalogStoreTest, FieldIdsAreNeverReused) {
    auto store = CatalogStore::open(directory_).value();
    auto table = make_table("t", store->reserve_table({"a:1"}).value());
    ASSERT_TRUE(store->add_table(table).has_value());
    auto dropped = without_column(table, "price").value();
    ASSERT_TRUE(store->change_schema(dropped).has_value());
    store.reset();
    store = CatalogStore::open(directory_).value();
    auto again = with_column(store->load_tables().value()[0], {"price", "int", false, {}}).value();
    ASSERT_TRUE(store->change_schema(again).has_value());
    const auto loaded = store->load_tables().value()[0];
    EXPECT_EQ(loaded.schema.id, SchemaId{3});
    ASSERT_EQ(loaded.schema.fields.size(), 3u);
    EXPECT_EQ(loaded.schema.fields[2].name, "price");
    EXPECT_EQ(loaded.schema.fields[2].id, FieldId{4});
    EXPECT_EQ(loaded.next_field_id, FieldId{5});
}

TEST_F(CatalogStoreTest, ConcurrentAltersDoNotOverwriteEachOther) {
    auto store = CatalogStore::open(directory_).value();
    auto table = make_table("t", store->reserve_table({"a:1"}).value());
    ASSERT_TRUE(store->add_table(table).has_value());
    ASSERT_TRUE(store->change_schema(with_column(table, {"x", "int", false, {}}).value()).has_value());
    auto late = store->change_schema(with_column(table, {"y", "int", false, {}}).value());
    ASSERT_TRUE(late.has_error());
    EXPECT_EQ(late.error().code, ErrorCode::schema_mismatch);
}

TEST_F(CatalogStoreTest, ANameIsTakenOnce) {
    auto store = CatalogStore::open(directory_).value();
    ASSERT_TRUE(store->add_table(make_table("t", store->reserve_table({"a:1"}).value())).has_value());
    const auto second = store->reserve_table({"a:1"}).value();
    auto added = store->add_table(make_table("T", second));
    ASSERT_TRUE(added.has_error());
    EXPECT_EQ(added.error().code, ErrorCode::table_exists);
    EXPECT_EQ(store->load_tables().value().size(), 1u);
    // What the failed create may have left on the slave stays on the list.
    EXPECT_EQ(store->pending_drops().value(), (std::vector<PendingDrop>{{second, "a:1"}}));
}

TEST_F(CatalogStoreTest, DropsWaitForEverySlave) {
    auto store = CatalogStore::open(directory_).value();
    const auto table = make_table("t", store->reserve_table({"a:1", "b:2"}).value());
    ASSERT_TRUE(store->add_table(table).has_value());
    ASSERT_TRUE(store->remove_table(table).has_value());
    EXPECT_TRUE(store->remove_table(table).has_error());
    store.reset();
    store = CatalogStore::open(directory_).value();
    EXPECT_TRUE(store->load_tables().value().empty());
    const auto drops = store->pending_drops().value();
    ASSERT_EQ(drops.size(), 2u);
    ASSERT_TRUE(store->finish_drop(drops[0]).has_value());
    EXPECT_EQ(store->pending_drops().value(), (std::vector<PendingDrop>{{table.id, "b:2"}}));
    EXPECT_EQ(store->reserve_table({}).value(), TableId{2});
}

TEST_F(CatalogStoreTest, ASecondMasterIsRefused) {
    auto store = CatalogStore::open(directory_).value();
    auto second = CatalogStore::open(directory_);
    ASSERT_TRUE(second.has_error());
    EXPECT_NE(second.error().message.find(directory_), std::string::npos);
    EXPECT_NE(second.error().message.find(std::to_string(::getpid())), std::string::npos);
    store.reset();
    EXPECT_TRUE(CatalogStore::open(directory_).has_value());
}

TEST_F(CatalogStoreTest, ANewerFormatIsRefusedByName) {
    CatalogStore::open(directory_).value().reset();
    {
        auto database = SqliteDatabase::open(directory_ + "/catalog.db").value();
        ASSERT_TRUE(database.execute("PRAGMA user_version = 9").has_value());
    }
    auto store = CatalogStore::open(directory_);
    ASSERT_TRUE(store.has_error());
    EXPECT_NE(store.error().message.find("format version 9"), std::string::npos);
}

TEST_F(CatalogStoreTest, GarbageInTheFileIsAnErrorNotACrash) {
    std::filesystem::create_directories(directory_);
    {
        auto* file = std::fopen((directory_ + "/catalog.db").c_str(), "w");
        for (int i = 0; i < 5000; ++i)
            std::fputs("garbage ", file);
        std::fclose(file);
    }
    auto store = CatalogStore::open(directory_);
    ASSERT_TRUE(store.has_error());
    EXPECT_EQ(store.error().code, ErrorCode::corrupt_data);
}

TEST_F(CatalogStoreTest, TheCatalogFindsNamesInAnyCaseAndSuggests) {
    auto catalog = Catalog::open(directory_).value();
    ASSERT_TRUE(
        catalog->add_table(make_table("flights", catalog->reserve_table({"a:1"}).value())).has_value());
    EXPECT_EQ(catalog->find("FLIGHTS").value()->name, "flights");
    auto missing = catalog->find("flihgts");
    ASSERT_TRUE(missing.has_error());
    EXPECT_EQ(missing.error().code, ErrorCode::table_not_found);
    EXPECT_NE(missing.error().message.find("did you mean 'flights'"), std::string::npos);
    EXPECT_EQ(catalog->find("../etc").error().code, ErrorCode::invalid_value);
    auto before = catalog->find("flights").value();
    ASSERT_TRUE(catalog->change_schema(with_column(*before, {"x", "int", false, {}}).value()).has_value());
    EXPECT_EQ(before->schema.fields.size(), 3u);  // a running statement keeps what it began with
    EXPECT_EQ(catalog->find("flights").value()->schema.fields.size(), 4u);
    ASSERT_TRUE(catalog->remove_table(*before).has_value());
    EXPECT_TRUE(catalog->find("flights").has_error());
}

}  // namespace
}  // namespace dl::master
