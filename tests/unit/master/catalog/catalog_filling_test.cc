// Tables that a statement was filling when the master died.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "master/catalog/catalog.h"
#include "master/catalog/schema_change.h"

namespace dl::master {
namespace {

class CatalogFilling : public ::testing::Test {
  protected:
    void SetUp() override {
        directory_ = ::testing::TempDir() + "filling-" + std::to_string(::getpid());
        std::filesystem::remove_all(directory_);
        std::filesystem::create_directories(directory_);
        open();
    }
    void TearDown() override {
        catalog_.reset();
        std::filesystem::remove_all(directory_);
    }
    void open() {
        catalog_.reset();
        auto opened = Catalog::open(directory_);
        ASSERT_TRUE(opened.has_value()) << opened.error().to_text();
        catalog_ = std::move(*opened);
    }
    CatalogTablePtr add(const std::string& name, bool being_filled) {
        TableDefinition definition;
        definition.name = name;
        definition.columns = {{"id", "int", false, {}}};
        definition.major_key = "id";
        auto table = build_table(definition, 1).value();
        table.incarnation = 77;
        const auto node = catalog_->node_at_address("127.0.0.1:1").value().id;
        table.id = catalog_->reserve_table({node}, table.incarnation).value();
        TablePlacement placement;
        placement.partitions = {placed_on(node)};
        auto added = catalog_->add_table(std::move(table), std::move(placement), being_filled);
        EXPECT_TRUE(added.has_value()) << added.error().to_text();
        return *added;
    }
    std::string directory_;
    std::unique_ptr<Catalog> catalog_;
};

TEST_F(CatalogFilling, AnUnfilledTableGoesAtTheNextStart) {
    const auto half = add("half", true);
    const auto whole = add("whole", true);
    add("plain", false);
    ASSERT_TRUE(catalog_->finish_filling(whole->id).has_value());
    EXPECT_EQ(catalog_->tables().names().size(), 3u) << "it is seen while it is filled";
    open();
    EXPECT_EQ(catalog_->tables().names(), (std::vector<std::string>{"plain", "whole"}));
    // Slaves are told.
    const auto drops = catalog_->pending_drops().value();
    ASSERT_EQ(drops.size(), 1u);
    EXPECT_EQ(drops[0].table, half->id);
    EXPECT_EQ(drops[0].incarnation, 77u);
    EXPECT_EQ(catalog_->finish_filling(half->id).error().code, ErrorCode::table_not_found);
    add("half", false);
    open();
    EXPECT_EQ(catalog_->tables().names().size(), 3u);
}

TEST_F(CatalogFilling, OneThatWasDroppedLeavesNoMark) {
    const auto half = add("half", true);
    ASSERT_TRUE(catalog_->remove_table(*half).has_value());
    open();
    EXPECT_TRUE(catalog_->tables().names().empty());
    EXPECT_EQ(catalog_->pending_drops().value().size(), 1u);
}

}  // namespace
}  // namespace dl::master
