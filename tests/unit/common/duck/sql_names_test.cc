#include "common/duck/sql_names.h"

#include <gtest/gtest.h>

#include <set>

namespace dl {
namespace {

std::string folded(std::string_view sql) {
    static const std::set<std::string> known = {"äpfel", "цена", "straße_a"};
    return fold_names(sql, [](const std::string& name) { return known.contains(name); });
}

TEST(FoldNames, KnownNamesAreFoldedQuotedOrNot) {
    EXPECT_EQ(folded("SELECT ЦЕНА FROM ÄPFEL"), "SELECT цена FROM äpfel");
    EXPECT_EQ(folded("select \"Цена\", \"Äpfel\".\"ЦЕНА\" from \"Äpfel\""),
              "select \"цена\", \"äpfel\".\"цена\" from \"äpfel\"");
    EXPECT_EQ(folded("select max(ЦЕНА)+1 from äpfel"), "select max(цена)+1 from äpfel");
}

TEST(FoldNames, EverythingElseStays) {
    for (const auto* sql : {"SELECT 'ЦЕНА', e'ЦЕНА\\'', $$ЦЕНА$$, $Ä$ЦЕНА$Ä$ -- ЦЕНА",
                            "/* ЦЕНА /* ЦЕНА */ ÄPFEL */ SELECT 1", "SELECT Ä, \"ЦЕНА\"\"\" FROM T",
                            "SELECT STRASSE_A, Straße_A FROM äpfel", "SELECT '", "SELECT \"ЦЕНА\xff"})
        EXPECT_EQ(folded(sql), sql);
}

TEST(FoldNames, OnlyNamesThatDuckDBWouldNotFoldAreLookedFor) {
    EXPECT_TRUE(has_names_to_fold("SELECT ЦЕНА FROM t"));
    EXPECT_TRUE(has_names_to_fold("SELECT \"Цена\" FROM t"));
    EXPECT_FALSE(has_names_to_fold("SELECT цена, 'ЦЕНА' FROM T"));
    EXPECT_FALSE(has_names_to_fold("SELECT A FROM B"));
    EXPECT_FALSE(has_names_to_fold(""));
}

}  // namespace
}  // namespace dl
