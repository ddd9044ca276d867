#include "master/sql/values_text.h"

#include <gtest/gtest.h>

namespace dl::master {
namespace {

const DataType kInt{TypeKind::int32};
const DataType kText{TypeKind::string};
const DataType kTime{TypeKind::timestamp};

std::string texts(std::string_view sql, const std::vector<DataType>& types) {
    return values_as_texts(sql, types).value_or("as it is");
}

TEST(ValuesText, OnlyColumnsInWhichAnExpressionStandsBesideOtherValues) {
    EXPECT_EQ(texts("values (11, '2024-07-01 12:00:00+02:00'), (12, now())", {kInt, kTime}),
              "VALUES (11, '2024-07-01 12:00:00+02:00'), (12, CAST((now()\n) AS VARCHAR))");
    EXPECT_EQ(texts("values (3, 1.50), (4, upper('a'))", {kInt, kText}),
              "VALUES (3, '1.50'), (4, CAST((upper('a')\n) AS VARCHAR))");
    EXPECT_EQ(texts("values (1 + 1, null), (2, f(1, [2, 3])), (-3, date '2024-01-01')", {kInt, kTime}),
              "VALUES (regexp_replace(CAST((1 + 1\n) AS VARCHAR), '\\.0+$', ''), NULL), "
              "(regexp_replace(CAST((2\n) AS VARCHAR), '\\.0+$', ''), CAST((f(1, [2, 3])\n) AS VARCHAR)), "
              "(regexp_replace(CAST((-3\n) AS VARCHAR), '\\.0+$', ''), '2024-01-01')");
    EXPECT_EQ(texts("values (1, 'it''s'), (2, $1)", {kInt, kText}),
              "VALUES (1, 'it''s'), (2, CAST(($1\n) AS VARCHAR))");
}

TEST(ValuesText, WhatNeedsNothingOrIsSomethingElseStays) {
    for (const char* sql :
         {"values (1, now())", "values (1, now()), (2, now())", "values (1, now()), (2, null)",
          "values (1, 'a'), (2, 'b')", "select 1, 'a'", "values (1, now()), (2)", "values (1, now()), (2, )",
          "values (1, e'a\\'b'), (2, now())", "values (1, now()), (2, 'a') order by 1", "values (1, now()",
          ""})
        EXPECT_EQ(texts(sql, {kInt, kText}), "as it is") << sql;
}

}  // namespace
}  // namespace dl::master
