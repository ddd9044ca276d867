#include "master/catalog/catalog_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "common/meta/schema_lineage.h"
#include "master/catalog/catalog.h"
#include "master/catalog/column_change.h"
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

    static CatalogTable make_table(const std::string& name, TableId id) {
        TableDefinition definition;
        definition.name = name;
        definition.columns = {
            {"id", "int", false, {}}, {"Name", "string", true, {}}, {"price", "decimal(10,2)", false, "1.5"}};
        definition.major_key = "ID";
        definition.partitions = 3;
        definition.copies = 2;
        auto table = build_table(definition, 0xfedcba9876543210ULL).value();
        table.id = id;
        table.incarnation = 0x8123456789abcdefULL;
        return table;
    }
    static TablePlacement make_placement() {
        TablePlacement placement;
        placement.partitions = {placed_on(kA), placed_on(kB), placed_on(kA)};
        placement.partitions[0].replicas = {kA, kB};
        placement.partitions[0].eligible = {kB};
        placement.partitions[1].leader_epoch = LeaderEpoch{7};
        return placement;
    }
    static constexpr NodeId kA{1}, kB{2};
    std::string directory_;
};

TEST_F(CatalogStoreTest, ATableComesBackWholeAfterReopening) {
    {
        auto store = CatalogStore::open(directory_).value();
        const auto id = store->reserve_table({kA, kB}, 5).value();
        ASSERT_TRUE(store->add_table(make_table("T1", id), make_placement()).has_value());
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
    EXPECT_EQ(table.incarnation, 0x8123456789abcdefULL);
    EXPECT_EQ(store->load_placement(table).value().partitions, make_placement().partitions);
    EXPECT_TRUE(store->pending_drops().value().empty());
}

TEST_F(CatalogStoreTest, FieldIdsAreNeverReused) {
    auto store = CatalogStore::open(directory_).value();
    auto table = make_table("t", store->reserve_table({kA}, 5).value());
    ASSERT_TRUE(store->add_table(table, make_placement()).has_value());
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
    auto table = make_table("t", store->reserve_table({kA}, 5).value());
    ASSERT_TRUE(store->add_table(table, make_placement()).has_value());
    ASSERT_TRUE(store->change_schema(with_column(table, {"x", "int", false, {}}).value()).has_value());
    auto late = store->change_schema(with_column(table, {"y", "int", false, {}}).value());
    ASSERT_TRUE(late.has_error());
    EXPECT_EQ(late.error().code, ErrorCode::schema_mismatch);
}

TEST_F(CatalogStoreTest, ANameIsTakenOnce) {
    auto store = CatalogStore::open(directory_).value();
    ASSERT_TRUE(store->add_table(make_table("t", store->reserve_table({kA}, 5).value()), make_placement())
                    .has_value());
    const auto second = store->reserve_table({kA}, 5).value();
    auto added = store->add_table(make_table("T", second), make_placement());
    ASSERT_TRUE(added.has_error());
    EXPECT_EQ(added.error().code, ErrorCode::table_exists);
    EXPECT_EQ(store->load_tables().value().size(), 1u);
    // What the failed create may have left on the slave stays on the list.
    EXPECT_EQ(store->pending_drops().value(), (std::vector<PendingDrop>{{second, kA, 5}}));
}

TEST_F(CatalogStoreTest, DropsWaitForEverySlave) {
    auto store = CatalogStore::open(directory_).value();
    const auto table = make_table("t", store->reserve_table({kA, kB}, 5).value());
    ASSERT_TRUE(store->add_table(table, make_placement()).has_value());
    ASSERT_TRUE(store->remove_table(table).has_value());
    EXPECT_TRUE(store->remove_table(table).has_error());
    store.reset();
    store = CatalogStore::open(directory_).value();
    EXPECT_TRUE(store->load_tables().value().empty());
    const auto drops = store->pending_drops().value();
    ASSERT_EQ(drops.size(), 2u);
    ASSERT_TRUE(store->finish_drop(drops[0]).has_value());
    EXPECT_EQ(store->pending_drops().value(), (std::vector<PendingDrop>{{table.id, kB, table.incarnation}}));
    EXPECT_EQ(store->reserve_table({}, 5).value(), TableId{2});
}

TEST_F(CatalogStoreTest, APlacementIsChangedByCompareAndSet) {
    auto catalog = Catalog::open(directory_).value();
    const auto table =
        catalog->add_table(make_table("t", catalog->reserve_table({kA}, 5).value()), make_placement())
            .value();
    const auto before = catalog->tables().placement(table->id);
    auto next = before->partitions[0];
    next.leader = NodeId{};
    next.in_sync = {};
    next.eligible = {kA, kB};
    const auto changed = catalog->change_placement(table->id, PartitionId{0}, 1, next);
    ASSERT_TRUE(changed.has_value()) << changed.error().to_text();
    EXPECT_EQ(changed->version, 2u);
    EXPECT_EQ(before->partitions[0].version, 1u) << "who holds it keeps what it began with";
    EXPECT_EQ(catalog->tables().placement(table->id)->partitions[0], *changed);

    EXPECT_EQ(catalog->change_placement(table->id, PartitionId{0}, 1, next).error().code,
              ErrorCode::stale_version);
    auto back = make_placement().partitions[0];
    back.leader = kB;
    back.in_sync = {kB};
    back.eligible = {};
    EXPECT_EQ(catalog->change_placement(table->id, PartitionId{0}, 2, back).error().code,
              ErrorCode::invalid_request)
        << "a new leader without a new epoch";
    back.leader_epoch = LeaderEpoch{2};
    ASSERT_TRUE(catalog->change_placement(table->id, PartitionId{0}, 2, back).has_value());
    EXPECT_EQ(catalog->change_placement(table->id, PartitionId{3}, 1, back).error().code,
              ErrorCode::partition_not_found);
    catalog.reset();
    catalog = Catalog::open(directory_).value();
    const auto stored = catalog->tables().placement(table->id)->partitions;
    EXPECT_EQ(stored[0].leader, kB);
    EXPECT_EQ(stored[0].leader_epoch, LeaderEpoch{2});
    EXPECT_EQ(stored[0].version, 3u);
    EXPECT_EQ(stored[2], make_placement().partitions[2]);
    ASSERT_TRUE(catalog->remove_table(*table).has_value());
    EXPECT_EQ(catalog->change_placement(table->id, PartitionId{0}, 3, back).error().code,
              ErrorCode::table_not_found);
}

TEST_F(CatalogStoreTest, ANodeIsKnownByItsIdWhereverItComesBack) {
    auto catalog = Catalog::open(directory_).value();
    const auto configured = catalog->node_at_address("a:1").value();
    EXPECT_EQ(catalog->node_at_address("a:1").value(), configured);
    // The first slave seen there is that node, and stays it.
    EXPECT_EQ(catalog->register_node("a:1", NodeId{}, "data-1").value().id, configured.id);
    EXPECT_EQ(catalog->register_node("a:1", NodeId{}, "data-1").value().id, configured.id);
    // One with other data is another one.
    const auto other = catalog->register_node("a:1", NodeId{}, "data-2").value();
    EXPECT_NE(other.id, configured.id);
    EXPECT_TRUE(catalog->tables().nodes()->at(configured.id).displaced);
    EXPECT_EQ(node_at(*catalog->tables().nodes(), "a:1")->id, other.id);
    // The first comes back elsewhere, and with the two addresses swapped.
    ASSERT_TRUE(catalog->register_node("c:3", configured.id, "data-1").has_value());
    EXPECT_EQ(catalog->tables().nodes()->at(configured.id), (Node{configured.id, "c:3", "data-1", false}));
    ASSERT_TRUE(catalog->register_node("a:1", configured.id, "data-1").has_value());
    ASSERT_TRUE(catalog->register_node("c:3", other.id, "data-2").has_value());
    catalog.reset();
    catalog = Catalog::open(directory_).value();
    EXPECT_EQ(node_at(*catalog->tables().nodes(), "a:1")->id, configured.id);
    EXPECT_EQ(node_at(*catalog->tables().nodes(), "c:3")->id, other.id);
    // An id that an older copy of the catalog has not handed out, or not to this slave.
    ASSERT_TRUE(catalog->register_node("d:4", NodeId{40}, "data-4").has_value());
    ASSERT_TRUE(catalog->register_node("e:5", NodeId{40}, "data-4").has_value());
    const auto twice = catalog->register_node("f:6", NodeId{40}, "data-6");
    ASSERT_TRUE(twice.has_error());
    EXPECT_EQ(twice.error().code, ErrorCode::unavailable);
    EXPECT_NE(twice.error().message.find("slave f:6 and the slave last seen at e:5"), std::string::npos)
        << twice.error().message;
    EXPECT_EQ(catalog->tables().nodes()->at(NodeId{40}), (Node{NodeId{40}, "e:5", "data-4", false}));
}

TEST_F(CatalogStoreTest, ADirectoryOfASlaveIsNotTaken) {
    std::filesystem::create_directories(directory_);
    std::ofstream(directory_ + "/node.json") << "{}";
    EXPECT_EQ(Catalog::open(directory_).error().code, ErrorCode::invalid_request);
    EXPECT_FALSE(std::filesystem::exists(directory_ + "/master.lock"));
}

TEST_F(CatalogStoreTest, ARestoredCatalogGivesNoNodeIdASecondTime) {
    const auto register_one = [&](const std::string& address, const std::string& data) {
        return Catalog::open(directory_).value()->register_node(address, NodeId{}, data).value().id;
    };
    register_one("a:1", "data-1");
    const auto kept = directory_ + "_kept";
    std::filesystem::remove_all(kept);
    std::filesystem::copy(directory_, kept, std::filesystem::copy_options::recursive);
    const auto forgotten = register_one("b:2", "data-2");
    std::filesystem::remove_all(directory_);
    std::filesystem::rename(kept, directory_);
    const auto next = register_one("c:3", "data-3");
    EXPECT_NE(next, forgotten);
    const auto catalog = Catalog::open(directory_).value();
    EXPECT_EQ(catalog->register_node("b:2", forgotten, "data-2").value().id, forgotten);
    EXPECT_EQ(node_at(*catalog->tables().nodes(), "c:3")->id, next);
}

// tests/golden/release-0.1.0.tar.gz: what a cluster of the last release left.
TEST_F(CatalogStoreTest, ACatalogOfTheLastReleaseIsBroughtUpToDate) {
    std::filesystem::create_directories(directory_);
    const std::string unpack =
        std::string("tar -xzf ") + DL_GOLDEN_DIR + "/release-0.1.0.tar.gz -C " + directory_;
    ASSERT_EQ(std::system(unpack.c_str()), 0);
    std::string cluster;
    for (int round = 0; round < 2; ++round) {
        auto catalog = Catalog::open(directory_ + "/master");
        ASSERT_TRUE(catalog.has_value()) << catalog.error().to_text();
        if (round == 1) {
            EXPECT_EQ((*catalog)->cluster_id(), cluster);
        }
        cluster = (*catalog)->cluster_id();
        EXPECT_EQ(cluster.size(), 32u);
        const auto nodes = (*catalog)->tables().nodes();
        ASSERT_EQ(nodes->size(), 2u);
        EXPECT_EQ(nodes->at(kA), (Node{kA, "127.0.0.1:17854", "", false}));
        EXPECT_EQ(nodes->at(kB), (Node{kB, "127.0.0.1:17855", "", false}));
        EXPECT_EQ((*catalog)->tables().names(), (std::vector<std::string>{"cities", "flights"}));
        const auto flights = (*catalog)->find("flights").value();
        EXPECT_EQ(flights->id, TableId{2});
        EXPECT_EQ(flights->schema.id, SchemaId{3});
        EXPECT_NE(flights->incarnation, 0u);
        const auto placed = (*catalog)->tables().placement(flights->id)->partitions;
        EXPECT_EQ(placed, (std::vector{placed_on(kA), placed_on(kB), placed_on(kA)}));
        EXPECT_EQ((*catalog)->pending_drops().value(), (std::vector<PendingDrop>{{TableId{4}, kB, 0}}));
        EXPECT_EQ((*catalog)->node_at_address("127.0.0.1:17855").value().id, kB);
    }
    auto catalog = Catalog::open(directory_ + "/master").value();
    EXPECT_GT(catalog->node_at_address("127.0.0.1:1").value().id, NodeId{65535});
    EXPECT_EQ(catalog->reserve_table({kA}, 5).value(), TableId{5});
}

TEST_F(CatalogStoreTest, TableNumbersStayAboveWhatSlavesHold) {
    auto store = CatalogStore::open(directory_).value();
    ASSERT_TRUE(store->skip_table_ids(TableId{70}).has_value());
    ASSERT_TRUE(store->skip_table_ids(TableId{7}).has_value());
    EXPECT_TRUE(store->skip_table_ids(TableId{~std::uint64_t{0} >> 1}).has_error());
    EXPECT_EQ(store->reserve_table({}, 5).value(), TableId{71});
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

// A predecessor killed with -9 holds the lock until the kernel has closed its files.
TEST_F(CatalogStoreTest, AnOpenWaitsForAPredecessorThatIsEnding) {
    auto ending = CatalogStore::open(directory_).value();
    std::thread end([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        ending.reset();
    });
    EXPECT_FALSE(CatalogStore::open(directory_).has_error());
    end.join();
}

TEST_F(CatalogStoreTest, TablesOfFormat2GetTheHistoryOfNewOnes) {
    CatalogStore::open(directory_).value().reset();
    {
        // As format 2 had it.
        auto database = SqliteDatabase::open(directory_ + "/catalog.db").value();
        for (const auto* change :
             {"INSERT INTO tables VALUES(7,'old',1,1,2,1,1,'xxh3-64',5,zeroblob(8192),9,24,1000)",
              "ALTER TABLE fields DROP COLUMN declared", "ALTER TABLE fields DROP COLUMN has_new_default",
              "ALTER TABLE fields DROP COLUMN new_default", "DROP TABLE former_names", "DROP TABLE views",
              "INSERT INTO fields VALUES(7,1,0,'id','int',1,NULL,1,NULL)",
              "ALTER TABLE tables DROP COLUMN history_bytes", "ALTER TABLE tables DROP COLUMN history_hours",
              "PRAGMA user_version = 2"})
            ASSERT_TRUE(database.execute(change).has_value()) << change;
    }
    for (int opened = 0; opened < 2; ++opened) {
        const auto tables = CatalogStore::open(directory_).value()->load_tables();
        ASSERT_TRUE(tables.has_value()) << tables.error().to_text();
        ASSERT_EQ(tables->size(), 1u);
        EXPECT_EQ((*tables)[0].name, "old");
        EXPECT_EQ((*tables)[0].history, TableHistory{});
    }
}

// tests/golden/catalog-v3.tar.gz and catalog-v4.tar.gz: catalog.db as programs of that time wrote it.
TEST_F(CatalogStoreTest, CatalogsOfEarlierFormatsAreBroughtUpToDateInOneTransaction) {
    for (const char* name : {"catalog-v3", "catalog-v4"}) {
        std::filesystem::remove_all(directory_);
        std::filesystem::create_directories(directory_);
        const auto unpack =
            std::string("tar -xzf ") + DL_GOLDEN_DIR + "/" + name + ".tar.gz -C " + directory_;
        ASSERT_EQ(std::system(unpack.c_str()), 0);
        for (int opened = 0; opened < 2; ++opened) {
            auto catalog = Catalog::open(directory_);
            ASSERT_TRUE(catalog.has_value()) << name << catalog.error().to_text();
            const auto table = (*catalog)->find("t").value();
            EXPECT_EQ(table->history, (TableHistory{24, 1000})) << name;
            ASSERT_EQ(table->schema.fields.size(), 3u) << name;
            const bool is_new = std::string_view(name) == "catalog-v4";
            EXPECT_EQ(table->schema.fields[1].name, is_new ? "label" : "a") << name;
            EXPECT_EQ(table->type_text(table->schema.fields[1]), is_new ? "varchar(20)" : "string") << name;
            EXPECT_EQ(table->default_of(table->schema.fields[2]), is_new ? "8" : "7") << name;
            EXPECT_EQ(table->schema.fields[2].default_text, "7") << name;
            EXPECT_EQ(table->former_names.size(), is_new ? 1u : 0u) << name;
            EXPECT_EQ((*catalog)->tables().views().size(), is_new ? 1u : 0u) << name;
            ASSERT_TRUE((*catalog)->add_view({"w", {}, "select 1"}, true).has_value()) << name;
            ASSERT_TRUE((*catalog)->remove_view("W").has_value()) << name;
        }
    }
}

TEST_F(CatalogStoreTest, WhatTheMasterAloneKeepsOfColumnsComesBack) {
    CatalogTable changed;
    {
        auto catalog = Catalog::open(directory_).value();
        TableDefinition definition;
        definition.name = "t";
        definition.columns = {
            {"id", "int", false, {}}, {"a", "varchar(5)", false, "x"}, {"n", "smallint", false, "1"}};
        definition.major_key = "id";
        auto table = build_table(definition, 1).value();
        table.id = catalog->reserve_table({kA}, 5).value();
        table.incarnation = 9;
        TablePlacement placement;
        placement.partitions = {placed_on(kA)};
        ASSERT_TRUE(catalog->add_table(table, placement).has_value());
        changed = with_renamed_column(table, "a", "label").value();
        changed = with_new_default(changed, "label", "y").value();
        changed = with_new_default(changed, "n", std::nullopt).value();
        changed = with_new_type(changed, "n", "int").value();
        changed = with_history(changed, {5, 6}).value();
        const auto stored = catalog->change_schema(changed);
        ASSERT_TRUE(stored.has_value()) << stored.error().to_text();
    }
    const auto catalog = Catalog::open(directory_).value();
    const auto table = catalog->find("t").value();
    EXPECT_EQ(table_meta_to_json(*table), table_meta_to_json(changed));
    EXPECT_EQ(table->declared, changed.declared);
    EXPECT_EQ(table->new_defaults, changed.new_defaults);
    EXPECT_EQ(table->declared.size(), 1u);
}

TEST_F(CatalogStoreTest, ATableTakesThePlaceOfAnotherInOneStep) {
    auto catalog = Catalog::open(directory_).value();
    const auto first = make_table("t", catalog->reserve_table({kA}, 5).value());
    Catalog::Removed removed;
    ASSERT_TRUE(catalog->replace_table(first, make_placement(), removed).has_value());
    EXPECT_EQ(removed.table, nullptr);
    auto second = make_table("t", catalog->reserve_table({kA}, 6).value());
    second.incarnation = 77;
    ASSERT_TRUE(catalog->replace_table(second, make_placement(), removed).has_value());
    ASSERT_NE(removed.table, nullptr);
    EXPECT_EQ(removed.table->id, first.id);
    EXPECT_EQ(catalog->find("t").value()->id, second.id);
    EXPECT_NE(catalog->tables().placement(second.id), nullptr);
    EXPECT_EQ(catalog->tables().placement(first.id), nullptr);
    // The slaves have yet to be told.
    EXPECT_EQ(
        catalog->pending_drops().value(),
        (std::vector<PendingDrop>{{first.id, kA, first.incarnation}, {first.id, kB, first.incarnation}}));
    catalog.reset();
    EXPECT_EQ(Catalog::open(directory_).value()->find("t").value()->id, second.id);
}

TEST_F(CatalogStoreTest, TablesAndViewsShareTheirNames) {
    auto catalog = Catalog::open(directory_).value();
    ASSERT_TRUE(catalog->add_view({"v", {"a"}, "select 1"}, false).has_value());
    EXPECT_EQ(catalog->add_view({"v", {}, "select 2"}, false).error().code, ErrorCode::table_exists);
    ASSERT_TRUE(catalog->add_view({"v", {"b"}, "select 2"}, true).has_value());
    const auto taken =
        catalog->add_table(make_table("v", catalog->reserve_table({kA}, 5).value()), make_placement());
    EXPECT_EQ(taken.error().code, ErrorCode::table_exists);
    EXPECT_NE(catalog->find("V").error().message.find("is a view"), std::string::npos);
    ASSERT_TRUE(catalog->add_table(make_table("t", catalog->reserve_table({kA}, 5).value()), make_placement())
                    .has_value());
    EXPECT_EQ(catalog->add_view({"t", {}, "select 1"}, true).error().code, ErrorCode::table_exists);
    EXPECT_NE(catalog->remove_view("t").error().message.find("is a table"), std::string::npos);
    catalog.reset();
    catalog = Catalog::open(directory_).value();
    ASSERT_NE(catalog->tables().view("v"), nullptr);
    EXPECT_EQ(*catalog->tables().view("v"), (View{"v", {"b"}, "select 2"}));
    ASSERT_TRUE(catalog->remove_view("v").has_value());
    EXPECT_EQ(catalog->remove_view("v").error().code, ErrorCode::table_not_found);
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

TEST_F(CatalogStoreTest, ALostCatalogIsNotTakenForANewOne) {
    const auto path = directory_ + "/catalog.db";
    std::string cluster;
    {
        auto store = CatalogStore::open(directory_).value();
        cluster = store->cluster_id().value();
    }
    for (const bool empty : {false, true}) {
        for (const auto* ending : {"", "-wal", "-shm"})
            std::filesystem::remove(path + ending);
        if (empty) std::fclose(std::fopen(path.c_str(), "w"));
        auto refused = CatalogStore::open(directory_);
        ASSERT_TRUE(refused.has_error());
        EXPECT_EQ(refused.error().code, ErrorCode::corrupt_data);
        EXPECT_NE(refused.error().message.find("--begin-anew"), std::string::npos);
        EXPECT_NE(refused.error().message.find(path), std::string::npos);
    }
    {
        auto anew = CatalogStore::open(directory_, true);
        ASSERT_TRUE(anew.has_value()) << anew.error().to_text();
        EXPECT_NE(anew.value()->cluster_id().value(), cluster);
        cluster = anew.value()->cluster_id().value();
    }
    // With a catalog there it changes nothing.
    EXPECT_EQ(CatalogStore::open(directory_, true).value()->cluster_id().value(), cluster);
}

TEST_F(CatalogStoreTest, AFirstStartThatWasCutShortIsRepeated) {
    std::filesystem::create_directories(directory_);
    std::fclose(std::fopen((directory_ + "/master.lock").c_str(), "w"));
    std::fclose(std::fopen((directory_ + "/catalog.db.new").c_str(), "w"));
    EXPECT_TRUE(CatalogStore::open(directory_).has_value());
    EXPECT_FALSE(std::filesystem::exists(directory_ + "/catalog.db.new"));
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
        catalog->add_table(make_table("flights", catalog->reserve_table({kA}, 5).value()), make_placement())
            .has_value());
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

TEST_F(CatalogStoreTest, ASchemaThatASlaveKnowsBetterIsTakenOver) {
    auto catalog = Catalog::open(directory_).value();
    const auto table =
        catalog->add_table(make_table("t", catalog->reserve_table({kA}, 5).value()), make_placement())
            .value();
    // Two columns added, one of them dropped again, and an old one dropped.
    auto held = with_column(*table, {"salary", "int", false, "7"}).value();
    held = with_column(held, {"gone", "int", false, {}}).value();
    held = without_column(without_column(held, "gone").value(), "price").value();
    ASSERT_TRUE(catalog->change_schema(held).has_value());
    EXPECT_EQ(catalog->change_schema(*table).error().code, ErrorCode::schema_mismatch) << "an older one";
    catalog.reset();
    catalog = Catalog::open(directory_).value();
    const auto adopted = catalog->find("t").value();
    EXPECT_EQ(schema_digest(*adopted), schema_digest(held));
    EXPECT_EQ(with_column(*adopted, {"age", "int", false, {}}).value().schema.fields.back().id, FieldId{6});
    // The other way.
    auto other = with_column(*table, {"age", "int", false, {}}).value();
    other.schema.id = SchemaId{9};
    other.next_field_id = FieldId{12};
    EXPECT_EQ(catalog->change_schema(other).error().code, ErrorCode::schema_mismatch);
    EXPECT_EQ(catalog->find("t").value()->schema.fields.size(), 3u);
}

}  // namespace
}  // namespace dl::master
