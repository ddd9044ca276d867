#include "master/sql/constants_of_text.h"

#include <gtest/gtest.h>

namespace dl::master {
namespace {

bool alike(std::string_view one, std::string_view other) {
    return without_constants(one) == without_constants(other);
}

TEST(ConstantsOfText, NumbersAndTextsThatAreComparedWithAreLeftOut) {
    EXPECT_TRUE(alike("SELECT a FROM t WHERE v = 1", "SELECT a FROM t WHERE v = 20.5e3"));
    EXPECT_TRUE(alike("SELECT a FROM t WHERE v IN (1, 2)", "SELECT a FROM t WHERE v IN (3, 44)"));
    EXPECT_TRUE(
        alike("SELECT a FROM t WHERE g >= 'a' LIMIT 1", "SELECT a FROM t WHERE g >= 'it''s' LIMIT 10"));
    EXPECT_TRUE(alike("SELECT a FROM t WHERE g LIKE 'a%'", "SELECT a FROM t WHERE g LIKE '%b'"));
    EXPECT_TRUE(
        alike("SELECT a FROM t WHERE d > DATE '2024-01-01'", "SELECT a FROM t WHERE d > DATE '2025-01-01'"));
}

TEST(ConstantsOfText, AllElseCounts) {
    EXPECT_FALSE(alike("SELECT a FROM t WHERE v = 1", "SELECT a FROM t WHERE v = '1'"));
    EXPECT_FALSE(alike("SELECT a FROM t WHERE v = 1", "SELECT a FROM t WHERE v = -1"));
    EXPECT_FALSE(alike("SELECT a1 FROM t", "SELECT a2 FROM t"));
    EXPECT_FALSE(alike("SELECT \"1\" FROM t", "SELECT \"2\" FROM t"));
    EXPECT_FALSE(alike("SELECT a FROM 't'", "SELECT a FROM 'u'"));
    EXPECT_FALSE(alike("SELECT a FROM r, 't'", "SELECT a FROM r, 'u'"));
    EXPECT_FALSE(alike("SELECT to_char(a, 'YYYY') FROM t", "SELECT to_char(a, 'MM') FROM t"));
    EXPECT_FALSE(alike("SELECT a FROM t -- 1", "SELECT a FROM t -- 2"));
    EXPECT_FALSE(alike("SELECT a FROM t WHERE v=$1", "SELECT a FROM t WHERE v=$2"));
}

TEST(ConstantsOfText, BytesThatStandForConstantsAreNotTaken) {
    EXPECT_EQ(without_constants("SELECT \1"), "");
    EXPECT_EQ(without_constants("SELECT '\2'"), "");
}

TEST(ConstantsOfText, TheEndOfAStatementIsNoPartOfIt) {
    EXPECT_EQ(without_end("SELECT 1 ;\n; "), "SELECT 1");
    EXPECT_EQ(without_end(" ; "), "");
}

}  // namespace
}  // namespace dl::master
