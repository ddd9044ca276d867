#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "master/catalog/catalog.h"
#include "master/catalog/column_change.h"
#include "master/catalog/schema_change.h"

namespace dl::master {
namespace {

class CatalogCopiesTest : public ::testing::Test {
  protected:
    void SetUp() override {
        directory_ = ::testing::TempDir() + "catalog_copies_" + std::to_string(::getpid());
        std::filesystem::remove_all(directory_);
        catalog_ = Catalog::open(directory_).value();
        TableDefinition definition;
        definition.name = "t";
        definition.columns = {{"id", "int", false, {}}, {"a", "varchar(5)", false, "x"}};
        definition.major_key = "id";
        auto table = build_table(definition, 1).value();
        table.id = catalog_->reserve_table({kA}, 5).value();
        table.incarnation = 9;
        TablePlacement placement;
        placement.partitions = {placed_on(kA)};
        first_ = catalog_->add_table(table, placement).value();
    }
    void TearDown() override {
        catalog_.reset();
        std::filesystem::remove_all(directory_);
    }

    static constexpr NodeId kA{1};
    std::string directory_;
    std::unique_ptr<Catalog> catalog_;
    CatalogTablePtr first_;
};

TEST_F(CatalogCopiesTest, AnotherNumberOfCopiesLeavesColumnsAsTheyWereDeclared) {
    const auto changed = with_new_default(*first_, "a", "y").value();
    ASSERT_TRUE(catalog_->change_schema(changed).has_value());
    const auto set = catalog_->set_copies(*first_, 3);
    ASSERT_TRUE(set.has_value()) << set.error().to_text();
    for (int opened = 0; opened < 2; ++opened) {
        const auto table = catalog_->find("t").value();
        EXPECT_EQ(table->copies, 3u);
        EXPECT_EQ(table->type_text(table->schema.fields[1]), "varchar(5)");
        EXPECT_EQ(table->default_of(table->schema.fields[1]), "y");
        catalog_.reset();
        catalog_ = Catalog::open(directory_).value();
    }
}

// What an ALTER makes of a table it read before the copies were set.
TEST_F(CatalogCopiesTest, AnAlterThatBeganBeforeKeepsTheNumberOfCopies) {
    const auto changed = with_history(*first_, {5, 6}).value();
    ASSERT_TRUE(catalog_->set_copies(*first_, 2).has_value());
    ASSERT_TRUE(catalog_->change_schema(changed).has_value());
    for (int opened = 0; opened < 2; ++opened) {
        EXPECT_EQ(catalog_->find("t").value()->copies, 2u);
        EXPECT_EQ(catalog_->find("t").value()->history, (TableHistory{5, 6}));
        catalog_.reset();
        catalog_ = Catalog::open(directory_).value();
    }
}

}  // namespace
}  // namespace dl::master
