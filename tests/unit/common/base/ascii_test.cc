#include "common/base/ascii.h"

#include <gtest/gtest.h>

namespace dl {
namespace {

TEST(Ascii, OnlyItsOwnLettersChange) {
    std::string all, expected;
    for (int c = 0; c < 256; ++c) {
        all += static_cast<char>(c);
        expected += static_cast<char>(c >= 65 && c <= 90 ? c + 32 : c);
    }
    EXPECT_EQ(ascii_lowercase(all), expected);
    EXPECT_EQ(ascii_lowercase("Straße ÄB_1"), "straße Äb_1");
    EXPECT_EQ(ascii_lowercase(""), "");
}

}  // namespace
}  // namespace dl
