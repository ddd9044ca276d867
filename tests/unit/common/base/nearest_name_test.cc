#include "common/base/nearest_name.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace dl {
namespace {

TEST(EditDistance, CountsInsertedRemovedAndReplacedLetters) {
    EXPECT_EQ(edit_distance("", "", 9), 0u);
    EXPECT_EQ(edit_distance("abc", "", 9), 3u);
    EXPECT_EQ(edit_distance("kitten", "sitting", 9), 3u);
    EXPECT_EQ(edit_distance("flihgts", "flights", 9), 2u);
    EXPECT_GT(edit_distance("a", "abcdef", 2), 2u);
    EXPECT_GT(edit_distance(std::string(1 << 20, 'x'), std::string(1 << 10, 'y'), 3), 3u);
}

TEST(NearestName, IsTheFirstOfTheNearestOnes) {
    const std::vector<std::string> tables = {"orders", "border", "flights"};
    EXPECT_EQ(nearest_name("order", tables), "orders");
    EXPECT_EQ(nearest_name("flihgts", tables), "flights");
    EXPECT_EQ(nearest_name("flights", tables), "flights");
}

TEST(NearestName, IsEmptyWhenNothingIsNear) {
    const std::array<std::string_view, 2> names = {"x", "timing"};
    EXPECT_EQ(nearest_name("xylophone", names), "");
    EXPECT_EQ(nearest_name("y", names), "") << "one letter in place of another is no slip";
    EXPECT_EQ(nearest_name("", names), "");
    EXPECT_EQ(nearest_name("xylophone", names, 9), "x");
}

}  // namespace
}  // namespace dl
