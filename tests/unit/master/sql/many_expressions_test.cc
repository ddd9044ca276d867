// Select lists of very many expressions.
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>

#include "master/sql/expression_types.h"
#include "tests/unit/master/sql/pushdown_test_support.h"

namespace dl::master {
namespace {

using Clock = std::chrono::steady_clock;

class ManyExpressionsTest : public test::PushdownTest {
  protected:
    const std::shared_ptr<QueryCancel> cancel_ = std::make_shared<QueryCancel>();
};

std::string sums(std::size_t count) {
    std::string sql = "SELECT ";
    for (std::size_t i = 1; i <= count; ++i)
        sql += (i > 1 ? ", sum(big + " : "sum(big + ") + std::to_string(i) + ")";
    return sql + " FROM t";
}

TEST_F(ManyExpressionsTest, TypesAreAskedForTogether) {
    auto session = PlanningSession::open(*database_, tables_, cancel_);
    ASSERT_TRUE(session);
    std::vector<Json> expressions;
    for (int i = 0; i < 1500; ++i)
        expressions.push_back(call("+", {column_ref({i % 2 == 0 ? "big" : "ratio"}), integer(i / 2)}));
    ExpressionTypes types(**session, {{"type", "BASE_TABLE"}, {"table_name", "t"}});
    types.learn(expressions);
    types.learn(expressions);
    EXPECT_EQ(types.asked(), 3u);
    EXPECT_EQ(types.of(expressions[0]), "BIGINT");
    EXPECT_EQ(types.of(expressions[1499]), "DOUBLE");
    EXPECT_EQ(types.asked(), 3u);
}

TEST_F(ManyExpressionsTest, OneThatHasNoTypeTakesNoOtherAlong) {
    auto session = PlanningSession::open(*database_, tables_, cancel_);
    ASSERT_TRUE(session);
    ExpressionTypes types(**session, {{"type", "BASE_TABLE"}, {"table_name", "t"}});
    types.learn({column_ref({"big"}), column_ref({"absent"})});
    EXPECT_EQ(types.of(column_ref({"absent"})), "");
    EXPECT_EQ(types.of(column_ref({"big"})), "BIGINT");
}

TEST_F(ManyExpressionsTest, APlanCostsAsMuchForEachOfThem) {
    const auto seconds = [&](std::size_t count) {
        const auto from = Clock::now();
        const auto made = plan(sums(count));
        EXPECT_EQ(made.fragments.size(), 1u);
        EXPECT_TRUE(made.texts.front().find(" GROUP BY ") == std::string::npos);
        EXPECT_NE(made.texts.front().find("sum("), std::string::npos) << "the slaves add up";
        return std::chrono::duration<double>(Clock::now() - from).count();
    };
    (void)seconds(1);
    const auto some = seconds(150);
    const auto many = seconds(1500);
    std::cout << "150: " << some << " s, 1500: " << many << " s\n";
    EXPECT_LT(many, 25 * some + 0.5);
}

}  // namespace
}  // namespace dl::master
