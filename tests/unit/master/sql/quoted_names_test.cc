#include "master/sql/quoted_names.h"

#include <gtest/gtest.h>

namespace dl::master {
namespace {

TEST(QuotedNames, BackticksBecomeDoubleQuotes) {
    for (const auto& [sql, expected] : std::vector<std::pair<std::string, std::string>>{
             {"select `a b`, x from `t`", "select \"a b\", x from \"t\""},
             {"select '`a`', \"`b`\" -- `c`\n, `d`", "select '`a`', \"`b`\" -- `c`\n, \"d\""},
             {"select `a\"b`", "select \"a\"\"b\""},
             {"select /* ` */ `a`", "select /* ` */ \"a\""},
             {"select `", "select `"},
             {"select `a", "select `a"},
             {"", ""}})
        EXPECT_EQ(with_double_quotes(sql), expected) << sql;
}

}  // namespace
}  // namespace dl::master
