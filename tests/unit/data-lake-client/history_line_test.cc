// What arrow-up gives back means what was typed.
#include "data-lake-client/cli/history_line.h"

#include <gtest/gtest.h>

namespace datalake::cli {
namespace {

TEST(HistoryLine, MeansWhatTheLinesMeant) {
    EXPECT_EQ(history_line("select 1;"), "select 1;");
    EXPECT_EQ(history_line("select 1 -- one line\n"), "select 1 /* one line */ ");
    EXPECT_EQ(history_line("delete from t -- only the old one\nwhere id = 3;"),
              "delete from t /* only the old one */ where id = 3;");
    EXPECT_EQ(history_line("select '--', \"a--b\" -- it's */ odd\n, 2 /* x\n-- y */ + 1"),
              "select '--', \"a--b\" /* it's    odd */ , 2 /* x -- y */ + 1");
    EXPECT_EQ(history_line("select 'it''s',\r\n 2"), "select 'it''s',   2");
    EXPECT_EQ(history_line("{\"query\":\n \"select 1 -- x\"}"), "{\"query\":  \"select 1 -- x\"}");
}

TEST(HistoryLine, ATextOfSeveralLinesIsNoLine) {
    EXPECT_EQ(history_line("insert into t values ('a\nb');"), std::nullopt);
    EXPECT_EQ(history_line("select 1 as \"a\nb\""), std::nullopt);
    EXPECT_EQ(history_line("select $$a\nb$$"), std::nullopt);
    EXPECT_EQ(history_line("select 'never closed\n"), std::nullopt);
}

TEST(HistoryLine, CommentsThatEndWithTheStatement) {
    EXPECT_EQ(history_line("select 1\n-- end"), "select 1 /* end */");
    EXPECT_EQ(history_line("select 1\n/* open"), "select 1 /* open");
}

}  // namespace
}  // namespace datalake::cli
