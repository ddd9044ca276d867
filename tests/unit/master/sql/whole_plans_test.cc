#include "master/sql/whole_plans.h"

#include "tests/unit/master/sql/query_coordinator_fixture.h"

namespace dl::master::test {
namespace {

class WholePlansTest : public CoordinatorFixture {
  protected:
    void keep(const std::string& sql) {
        WholePlan plan;
        plan.tables["cities"] = tables_["cities"];
        plan.pin.node = "b:1";
        auto& table = plan.pin.tables.emplace_back();
        table.meta = tables_["cities"];
        for (std::uint32_t p = 0; p < tables_["cities"]->partition_count; ++p)
            table.asked.partitions.emplace_back().partition = PartitionId{p};
        table.asked.keys = keys_;
        plan.names["cities"] = tables_["cities"]->id;
        plan.sql = as_written_ ? sql : "the plan of " + sql;
        plans_.keep(sql, options_, std::move(plan), now_);
    }
    // The text that a slave would be sent; "": it is to be planned.
    std::string find(const std::string& sql) {
        const auto plan = plans_.find(sql, options_, lookup(), slaves_, now_);
        return plan == nullptr ? "" : plan->sql;
    }
    bool as_written_ = false;
    std::vector<std::string> keys_;
    WholePlans plans_;
    QueryOptions options_;
    WholePlans::Clock::time_point now_{};
};

TEST_F(WholePlansTest, AreOfOneTextForAWhile) {
    EXPECT_EQ(find("a"), "");
    keep("a");
    EXPECT_EQ(find("a"), "the plan of a");
    EXPECT_EQ(find("A"), "");
    now_ += WholePlans::kKept;
    EXPECT_EQ(find("a"), "");
    keep("a");
    plans_.clear();
    EXPECT_EQ(find("a"), "");
}

TEST_F(WholePlansTest, EndWithTheirTables) {
    keep("a");
    const auto before = tables_["cities"];
    tables_["cities"] = std::make_shared<TableMeta>(*before);
    EXPECT_EQ(find("a"), "");
    tables_.erase("cities");
    EXPECT_EQ(find("a"), "");
    tables_["cities"] = before;
    EXPECT_EQ(find("a"), "the plan of a");
    leaders_of["cities"] = {"a:1"};
    EXPECT_EQ(find("a"), "");
    leaders_of["cities"] = {""};
    EXPECT_EQ(find("a"), "") << "nobody leads it";
}

// A value of a parameter is not the end of the text.
TEST_F(WholePlansTest, AreOfTheirParametersAndOfNoCutThatIsAskedFor) {
    SqlLiteral one, two;
    one.kind = two.kind = SqlLiteral::Kind::number;
    one.text = "1";
    two.text = "2";
    options_.params = {one};
    keep("a");
    EXPECT_EQ(find("a"), "the plan of a");
    options_.params = {two};
    EXPECT_EQ(find("a"), "");
    options_.params = {};
    EXPECT_EQ(find("a"), "");
    options_.params = {one};
    options_.cut.min_offsets[0] = 5;
    EXPECT_EQ(find("a"), "");
    options_.cut.min_offsets.clear();
    options_.cut.as_of.emplace();
    EXPECT_EQ(find("a"), "");
}

TEST_F(WholePlansTest, AreOfOtherConstantsWhereTheSlaveGetsTheTextAsItIs) {
    keep("SELECT id FROM cities WHERE v = 1");
    EXPECT_EQ(find("SELECT id FROM cities WHERE v = 2"), "") << "its text is rewritten";
    as_written_ = true;
    keep("SELECT id FROM cities WHERE v = 1");
    EXPECT_EQ(find("SELECT id FROM cities WHERE v = 2 ;"), "SELECT id FROM cities WHERE v = 2");
    EXPECT_EQ(find("SELECT id FROM cities WHERE w = 2"), "");
    EXPECT_EQ(find("SELECT id FROM cities WHERE v = '2'"), "");
    SqlLiteral one;
    one.kind = SqlLiteral::Kind::number;
    one.text = "1";
    options_.params = {one};
    EXPECT_EQ(find("SELECT id FROM cities WHERE v = 2"), "");
    options_.params = {};
    now_ += WholePlans::kKept;
    EXPECT_EQ(find("SELECT id FROM cities WHERE v = 2"), "");
    now_ -= WholePlans::kKept;
    tables_["cities"] = std::make_shared<TableMeta>(*tables_["cities"]);
    EXPECT_EQ(find("SELECT id FROM cities WHERE v = 2"), "");
    keep("SELECT id FROM cities WHERE v = 1");
    leaders_of["cities"] = {"a:1"};
    EXPECT_EQ(find("SELECT id FROM cities WHERE v = 2"), "");
}

// A key says which partition is read.
TEST_F(WholePlansTest, AreOfTheirKeys) {
    as_written_ = true;
    keys_ = {"1"};
    keep("SELECT v FROM cities WHERE id = 1");
    EXPECT_EQ(find("SELECT v FROM cities WHERE id = 1"), "SELECT v FROM cities WHERE id = 1");
    EXPECT_EQ(find("SELECT v FROM cities WHERE id = 2"), "");
}

}  // namespace
}  // namespace dl::master::test
