#include "master/sql/hex_texts.h"

#include <gmock/gmock.h>

#include "tests/unit/master/sql/pushdown_test_support.h"

namespace dl::master::test {
namespace {

using ::testing::HasSubstr;

class HexTextsTest : public PushdownTest {
  protected:
    std::string checked(const std::string& sql) {
        const auto ast = SelectAst::parse(*database_, sql);
        if (ast.has_error()) return ast.error().to_text();
        const auto done = check_hex_texts(*ast, tables_);
        return done.has_error() ? done.error().to_text() : "taken";
    }
};

TEST_F(HexTextsTest, BytesOfPostgreSqlNameTheWay) {
    for (const char* condition :
         {"raw = '\\x4142'", "'\\x4142' <> t.raw", "raw in ('a', '\\x4142')", "RAW between '\\x4142' and 'b'",
          "id = 1 and (raw > '\\x4142' or flag)", "id in (select id from u where raw = '\\x4142')"})
        EXPECT_THAT(checked(std::string("select id from t where ") + condition), HasSubstr("x'4142'"))
            << condition;
}

TEST_F(HexTextsTest, WhatMeansTheSameIsTaken) {
    for (const char* condition : {"raw = '\\x41'", "city = '\\x4142'", "raw = '\\x41\\x42'", "raw = '\\xyz1'",
                                  "raw = from_hex('4142')", "city = '\\x4142' and raw = 'a'"})
        EXPECT_EQ(checked(std::string("select id from t where ") + condition), "taken") << condition;
}

}  // namespace
}  // namespace dl::master::test
