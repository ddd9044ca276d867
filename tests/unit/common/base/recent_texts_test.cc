#include "common/base/recent_texts.h"

#include <gtest/gtest.h>

namespace dl {
namespace {

std::shared_ptr<const int> number(int value) {
    return std::make_shared<const int>(value);
}

TEST(RecentTexts, KeepsThoseAskedForLast) {
    RecentTexts<int> texts(2, 4);
    texts.keep("a", number(1));
    texts.keep("b", number(2));
    EXPECT_EQ(*texts.find("a"), 1);
    texts.keep("c", number(3));  // b was asked for longest ago
    EXPECT_EQ(texts.find("b"), nullptr);
    EXPECT_EQ(*texts.find("a"), 1);
    EXPECT_EQ(*texts.find("c"), 3);
    texts.keep("a", number(4));
    EXPECT_EQ(*texts.find("a"), 4);
    EXPECT_EQ(*texts.find("c"), 3) << "what is replaced takes no place of another";
    texts.clear();
    EXPECT_EQ(texts.find("a"), nullptr);
}

TEST(RecentTexts, DoesNotKeepLongOnes) {
    RecentTexts<int> texts(2, 4);
    texts.keep("abcde", number(1));
    EXPECT_EQ(texts.find("abcde"), nullptr);
    texts.keep("abcd", number(1));
    EXPECT_NE(texts.find("abcd"), nullptr);
}

TEST(RecentTexts, LetsGoOfWhatItDrops) {
    RecentTexts<int> texts(1, 4);
    auto first = number(1);
    const std::weak_ptr<const int> alive = first;
    texts.keep("a", std::move(first));
    EXPECT_FALSE(alive.expired());
    texts.keep("b", number(2));
    EXPECT_TRUE(alive.expired());
}

}  // namespace
}  // namespace dl
