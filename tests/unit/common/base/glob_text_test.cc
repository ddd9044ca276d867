#include "common/base/glob_text.h"

#include <gtest/gtest.h>

namespace dl {
namespace {

TEST(GlobText, APathIsMatchedByItselfAlone) {
    EXPECT_EQ(literal_glob("/data/a b's.parquet"), "/data/a b's.parquet");
    EXPECT_EQ(literal_glob("s[1].parquet"), "s[[]1].parquet");
    EXPECT_EQ(literal_glob("**/?[!x]"), "[*][*]/[?][[]!x]");
    EXPECT_EQ(literal_glob(""), "");
}

}  // namespace
}  // namespace dl
