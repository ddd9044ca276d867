#include "master/sql/sql_parameters.h"

#include <gtest/gtest.h>

namespace dl::master {
namespace {

using Kind = SqlLiteral::Kind;

std::string literal(SqlLiteral value, std::optional<DataType> type = {}) {
    const auto text = parameter_literal(3, value, type);
    return text ? *text : text.error().to_text();
}
SqlLiteral text(std::string value) {
    return {Kind::text, std::move(value), 0};
}
SqlLiteral number(std::string value) {
    return {Kind::number, std::move(value), 0};
}

TEST(SqlParameters, AreFoundAndReplaced) {
    const std::string sql = "select '$9' from t where a=$2 and b in ($1,$2)";
    const auto uses = find_parameters(sql);
    ASSERT_TRUE(uses);
    EXPECT_EQ(parameter_count(*uses), 2u);
    EXPECT_EQ(with_literals(sql, *uses, {"'x'", "(-7)"}),
              "select '$9' from t where a= (-7)  and b in ( 'x' , (-7) )");
    EXPECT_EQ(find_parameters("select $1, $3").error().to_text(),
              "INVALID_REQUEST: the statement uses $3, but not $2; number the parameters without gaps");
    EXPECT_EQ(find_parameters("select $0").error().code, ErrorCode::invalid_request);
    EXPECT_EQ(find_parameters("select $99999999999999").error().code, ErrorCode::invalid_request);
    EXPECT_TRUE(check_parameter_count(2, 2));
    EXPECT_EQ(
        check_parameter_count(1, 2).error().message,
        "the statement has 1 parameter, options.params has 2 values; give $1 the first of them, and so on");
}

TEST(SqlParameters, TakeTheTypeOfTheirUse) {
    const DataType int32{TypeKind::int32};
    EXPECT_EQ(literal(number("7"), int32), "7");
    EXPECT_EQ(literal(number("7.0"), int32), "7");
    EXPECT_EQ(literal(text("-7"), int32), "(-7)");
    EXPECT_EQ(literal(number("3000000000"), {{TypeKind::int64}}), "3000000000");
    EXPECT_EQ(literal(number("1.50"), {{TypeKind::string}}), "'1.50'");
    EXPECT_EQ(literal(text("it's"), {{TypeKind::string}}), "'it''s'");
    EXPECT_EQ(literal(text("2024-01-31T12:00"), {{TypeKind::timestamp}}), "'2024-01-31 12:00:00'");
    EXPECT_EQ(literal(text("2024-01-31"), {{TypeKind::date}}), "'2024-01-31'");
    EXPECT_EQ(literal(number("1.005"), {{TypeKind::decimal, 10, 2}}), "1.005");
    EXPECT_EQ(literal(text("inf"), {{TypeKind::float64}}), "'inf'::DOUBLE");
    EXPECT_EQ(literal(number("1"), {{TypeKind::boolean}}), "TRUE");
    EXPECT_EQ(literal(text("/w=="), {{TypeKind::binary}}), "from_base64('/w==')");
    EXPECT_EQ(literal({Kind::null, {}, 0}, int32), "NULL");
    EXPECT_EQ(literal(text("x")), "'x'");
    EXPECT_EQ(literal(number("-1.5e3")), "(-1.5e3)");
    EXPECT_EQ(literal({Kind::boolean, "true", 0}), "TRUE");
}

TEST(SqlParameters, ErrorsNameTheParameter) {
    for (const auto& wrong :
         {literal(text("abc"), {{TypeKind::int32}}), literal(number("3000000000"), {{TypeKind::int32}}),
          literal(number("7.5"), {{TypeKind::int64}}), literal(number("7"), {{TypeKind::date}}),
          literal({Kind::boolean, "true", 0}, {{TypeKind::int64}}), literal(text("!"), {{TypeKind::binary}}),
          literal(text("1;drop"), {{TypeKind::decimal, 4, 1}}), literal(number("1e400")),
          literal(text(std::string("a\0b", 3)))})
        EXPECT_TRUE(wrong.starts_with("INVALID_VALUE: parameter $3: ")) << wrong;
}

}  // namespace
}  // namespace dl::master
