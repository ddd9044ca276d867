#include "master/sql/error_translation.h"

#include <gtest/gtest.h>

#include "tests/unit/master/sql/pushdown_test_support.h"

namespace dl::master::test {
namespace {

std::string translated(std::string message, std::string_view sent) {
    auto fragment = whole_table(typed_table(1, "t"));
    fragment.view = "dl_fragment_1";
    auto along = std::make_shared<Broadcast>();
    along->view = "dl_broadcast_2";
    along->rows = whole_table(typed_table(2, "u"));
    fragment.broadcasts.push_back(along);
    return translated_error(make_error(ErrorCode::query_error, std::move(message)), sent, {fragment}).message;
}

TEST(ErrorTranslation, QuotesNothingThatWasNotSent) {
    const std::string error = "Conversion Error: Could not convert string 'x' to INT32";
    EXPECT_EQ(translated(error + "\n\nLINE 1: SELECT sum(dl_p0) FROM dl_fragment_1\n               ^",
                         "select sum(s::int) from t"),
              error);
    EXPECT_EQ(translated(error + "  LINE 1: ...dl_g0, count_star() FROM (t INN...   ^",
                         "select sum(s::int) from t"),
              error);
    const auto own = error + "\n\nLINE 1: ...sum(s::int) from t\n               ^";
    EXPECT_EQ(translated(own, "select sum(s::int) from t"), own);
    EXPECT_EQ(translated("PIPELINE 1: x and LINE 1x: y", "select 1"), "PIPELINE 1: x and LINE 1x: y");
    EXPECT_EQ(translated("LINE 12: other", "select 1"), "");
    EXPECT_EQ(translated("", "select 1"), "");
}

TEST(ErrorTranslation, NamesTablesForWhatStandsInTheirPlace) {
    EXPECT_EQ(
        translated("no \"dl_fragment_1\".\"dl_g0\", dl_broadcast_2.id, dl_p12 or dl_x0", "select 1 from t"),
        "no \"t\".\"(computed)\", u.id, (computed) or dl_x0");
    EXPECT_EQ(translated("no column dl_p0, dl_fragment_11", "select dl_p0 from t"),
              "no column dl_p0, dl_fragment_11");
}

}  // namespace
}  // namespace dl::master::test
