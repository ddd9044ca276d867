#include "master/control/held_tables.h"

#include <gtest/gtest.h>

namespace dl::master {
namespace {

CatalogTablePtr known_table(std::uint64_t id, const std::string& name, std::uint64_t incarnation) {
    auto table = std::make_shared<CatalogTable>();
    table->id = TableId{id};
    table->name = name;
    table->incarnation = incarnation;
    table->index_hash_seed = 100 + id;
    Field key;
    key.id = FieldId{1};
    key.name = "id";
    table->schema.fields = {key};
    return table;
}

HeldTable held_table(std::uint64_t id, const std::string& name, std::uint64_t incarnation = 0) {
    return {TableId{id}, incarnation, name, "id", 100 + id, 1, 5, 50};
}

const std::vector<CatalogTablePtr> kKnown = {known_table(1, "a", 11), known_table(2, "b", 22)};

TEST(HeldTables, ASlaveOfTheLastReleaseIsAdoptedByTheCatalogThatFits) {
    EXPECT_EQ(adopt_tables({held_table(1, "a"), held_table(2, "b")}, kKnown, {}).value(),
              (std::map<TableId, std::uint64_t>{{TableId{1}, 11}, {TableId{2}, 22}}));
    EXPECT_TRUE(adopt_tables({}, kKnown, {}).value().empty());
    // An adoption that was cut short.
    EXPECT_EQ(adopt_tables({held_table(1, "a", 11)}, kKnown, {}).value().size(), 1u);
    // Dropped while the slave was away: it goes, it is not adopted.
    EXPECT_TRUE(adopt_tables({held_table(7, "gone")}, kKnown, {TableId{7}}).value().empty());
}

TEST(HeldTables, NoOtherCatalogAdoptsIt) {
    const auto refused = [](HeldTable held) {
        const auto adopted = adopt_tables({held_table(1, "a"), held}, kKnown, {});
        EXPECT_EQ(adopted ? ErrorCode::internal : adopted.error().code, ErrorCode::unavailable);
        return adopted.has_error() &&
               adopted.error().message.find("'" + held.name + "'") != std::string::npos;
    };
    EXPECT_TRUE(refused(held_table(3, "c"))) << "unknown";
    EXPECT_TRUE(refused(held_table(2, "other"))) << "another name";
    auto key = held_table(2, "b");
    key.key = "code";
    EXPECT_TRUE(refused(key));
    auto seed = held_table(2, "b");
    seed.index_hash_seed = 1;
    EXPECT_TRUE(refused(seed)) << "made by another CREATE TABLE";
    EXPECT_TRUE(refused(held_table(2, "b", 23)));
    EXPECT_TRUE(adopt_tables({held_table(1, "a")}, {}, {}).has_error()) << "an empty catalog";
}

TEST(HeldTables, OrphansAreWhatTheCatalogDoesNotKnow) {
    const auto orphans = orphans_of(
        {held_table(1, "a", 11), held_table(2, "b", 99), held_table(5, "new", 55), held_table(6, "old", 66)},
        kKnown, {TableId{5}});
    ASSERT_EQ(orphans.size(), 2u);
    EXPECT_EQ(orphans[0].name, "b") << "the number is the same, the table is not";
    EXPECT_EQ(orphans[1].name, "old");
    EXPECT_EQ(orphan_name(0x1f), "000000000000001f");
}

}  // namespace
}  // namespace dl::master
