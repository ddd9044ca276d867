#include "common/duck/sql_token.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dl {
namespace {

using Kind = SqlToken::Kind;

std::vector<std::string> all(std::string_view sql, Kind kind) {
    std::vector<std::string> found;
    while (!sql.empty()) {
        const auto* begin = sql.data();
        const auto token = take_sql_token(sql);
        EXPECT_FALSE(token.text.empty());
        EXPECT_EQ(token.text.data(), begin);
        if (token.kind == kind) found.emplace_back(token.text);
    }
    return found;
}
using Texts = std::vector<std::string>;

TEST(SqlToken, ParametersStandOutsideOfQuotesAndComments) {
    EXPECT_EQ(
        all("select $1, a$2, '$3', \"$4\", $$ $5 $$, $t$ $6 $t$, /* $7 /* */ $8 */ $12 -- $9\n, e'\\'$10'",
            Kind::parameter),
        (Texts{"$1", "$12"}));
    EXPECT_EQ(all("$", Kind::symbol), Texts{"$"});
}

TEST(SqlToken, NumbersAreWhole) {
    EXPECT_EQ(all("v<1e400 and .5+2. - 3.25E-7 a1 1and 2", Kind::number),
              (Texts{"1e400", ".5", "2.", "3.25E-7", "1", "2"}));
    EXPECT_EQ(all("1and 2", Kind::word), Texts{"and"});
}

TEST(SqlToken, AnyBytesEnd) {
    for (int c = 0; c < 256; ++c)
        for (const char* rest : {"", "'", "$", "*", "/*", "e'", "\xE2"})
            all(std::string(1, static_cast<char>(c)) + rest, Kind::symbol);
}

}  // namespace
}  // namespace dl
