#include "common/base/utf8.h"

#include <gtest/gtest.h>

#include "common/base/quoted_value.h"

namespace dl {
namespace {

TEST(Utf8, AcceptsAndRefuses) {
    for (const auto* good : {"", "abc", "é", "中文", "\xf0\x9f\x98\x80"})
        EXPECT_TRUE(is_utf8(good)) << good;
    for (const auto* bad : {"\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe4\xb8", "a\xff"})
        EXPECT_FALSE(is_utf8(bad));
}

TEST(Utf8, AppendedCharactersAreUtf8) {
    std::string out;
    for (const std::uint32_t code : {0x41u, 0xe9u, 0x4e2du, 0x1f600u})
        append_utf8(out, code);
    EXPECT_EQ(out, "Aé中\xf0\x9f\x98\x80");
}

TEST(QuotedValue, IsShortPrintableUtf8) {
    EXPECT_EQ(quoted_value("abc"), "\"abc\"");
    EXPECT_EQ(quoted_value("a\nb"), "\"a?b\"");
    EXPECT_EQ(quoted_value("a\xff"), "\"a?\"");
    const std::string long_text = std::string(63, 'x') + "中文";  // the cut would fall inside a character
    EXPECT_EQ(quoted_value(long_text), "\"" + std::string(63, 'x') + "...\"");
    EXPECT_TRUE(is_utf8(quoted_value(std::string(200, '\xe4'))));
}

}  // namespace
}  // namespace dl
