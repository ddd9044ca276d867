#include "common/types/value_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace dl {
namespace {

template <class Append, class... Args>
std::string text_of(Append append, Args... args) {
    std::string out;
    append(out, args...);
    return out;
}
std::string timestamp_of(std::string_view text) {
    const auto value = parse_timestamp_us(text);
    return value ? text_of(append_timestamp, *value) : value.error().message;
}
std::string decimal_of(std::string_view text, std::uint8_t precision, std::uint8_t scale) {
    const auto value = parse_decimal(text, {TypeKind::decimal, precision, scale});
    return value ? text_of(append_decimal, *value, scale) : "refused";
}

TEST(IntText, SignDigitsAndRange) {
    EXPECT_EQ(*parse_int32("7"), 7);
    EXPECT_EQ(*parse_int32("+7"), 7);
    EXPECT_EQ(*parse_int32("0000000000000000000000000000007"), 7);
    EXPECT_EQ(*parse_int32("-2147483648"), std::numeric_limits<std::int32_t>::min());
    EXPECT_EQ(*parse_int64("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(*parse_int64("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(*parse_int64("-0"), 0);
    for (const auto* bad :
         {"", "+", "-", " 7", "7 ", "7.0", "1e3", "0x10", "+-7", "--7", "seven", "1,000", "٧"}) {
        EXPECT_TRUE(parse_int32(bad).has_error()) << bad;
        EXPECT_TRUE(parse_int64(bad).has_error()) << bad;
    }
    EXPECT_TRUE(parse_int32("2147483648").has_error());
    EXPECT_TRUE(parse_int32("-2147483649").has_error());
    EXPECT_TRUE(parse_int64("9223372036854775808").has_error());
    EXPECT_TRUE(parse_int64("-9223372036854775809").has_error());
    EXPECT_TRUE(parse_int64("18446744073709551617").has_error());
    EXPECT_TRUE(parse_int64("99999999999999999999999").has_error());
    EXPECT_EQ(text_of(append_int64, std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
}

TEST(IntText, ErrorsNameValueTypeAndForms) {
    const auto error = parse_int32("12a").error();
    EXPECT_EQ(error.code, ErrorCode::invalid_value);
    EXPECT_NE(error.message.find("\"12a\" is not a valid int"), std::string::npos) << error.message;
    EXPECT_NE(parse_int32("").error().message.find("empty text"), std::string::npos);
}

TEST(FloatText, FormsAndRoundTrip) {
    EXPECT_EQ(*parse_float64("1.5"), 1.5);
    EXPECT_EQ(*parse_float64("+1.5"), 1.5);
    EXPECT_EQ(*parse_float64("-.5e1"), -5.0);
    EXPECT_EQ(*parse_float64("7."), 7.0);
    EXPECT_EQ(*parse_float64("1E3"), 1000.0);
    EXPECT_TRUE(std::isnan(*parse_float64("nan")));
    EXPECT_EQ(*parse_float64("inf"), std::numeric_limits<double>::infinity());
    EXPECT_EQ(*parse_float32("-inf"), -std::numeric_limits<float>::infinity());
    EXPECT_EQ(*parse_float64("1e-400"), 0.0);
    EXPECT_EQ(*parse_float64("5e-324"), std::numeric_limits<double>::denorm_min());
    for (const auto* bad : {"", ".", "-", "+", "1e", "0x1p3", "infinity", "nan(1)", "+-1", "1 ", " 1", "1,5",
                            "1e400", "-1e400", "1.5f", "e5", "-nan"})
        EXPECT_TRUE(parse_float64(bad).has_error()) << bad;
    EXPECT_TRUE(parse_float32("1e39").has_error());
    EXPECT_EQ(text_of(append_float64, 7.0), "7");
    EXPECT_EQ(text_of(append_float64, 0.1), "0.1");
    EXPECT_EQ(text_of(append_float32, 0.1f), "0.1");
    EXPECT_EQ(text_of(append_float64, -std::numeric_limits<double>::quiet_NaN()), "nan");
    EXPECT_EQ(text_of(append_float64, -std::numeric_limits<double>::infinity()), "-inf");
    std::mt19937_64 random(7);
    for (int i = 0; i < 2000; ++i) {
        const auto bits = random();
        double value;
        std::memcpy(&value, &bits, sizeof value);
        if (!std::isfinite(value)) continue;
        ASSERT_EQ(*parse_float64(text_of(append_float64, value)), value);
        const auto small = static_cast<float>(value);
        if (std::isfinite(small)) {
            ASSERT_EQ(*parse_float32(text_of(append_float32, small)), small);
        }
    }
}

TEST(BooleanText, FourForms) {
    EXPECT_TRUE(*parse_boolean("true"));
    EXPECT_TRUE(*parse_boolean("1"));
    EXPECT_FALSE(*parse_boolean("false"));
    EXPECT_FALSE(*parse_boolean("0"));
    for (const auto* bad : {"", "yes", "TRUE", "2", "01", "t"})
        EXPECT_TRUE(parse_boolean(bad).has_error()) << bad;
}

TEST(TimestampText, AcceptedForms) {
    EXPECT_EQ(*parse_timestamp_us("1970-01-01T00:00:00Z"), 0);
    EXPECT_EQ(timestamp_of("2024-01-31 12:00:00"), "2024-01-31 12:00:00");
    EXPECT_EQ(timestamp_of("2024-01-31T12:00:00.5"), "2024-01-31 12:00:00.500000");
    EXPECT_EQ(timestamp_of("2024-01-31 12:00"), "2024-01-31 12:00:00");
    EXPECT_EQ(timestamp_of("2024-01-31"), "2024-01-31 00:00:00");
    EXPECT_EQ(timestamp_of("2024-01-31T12:00:00+08:00"), "2024-01-31 04:00:00");
    EXPECT_EQ(timestamp_of("2024-01-31T12:00:00+0800"), "2024-01-31 04:00:00");
    EXPECT_EQ(timestamp_of("2024-01-31T01:00:00+08"), "2024-01-30 17:00:00");
    EXPECT_EQ(timestamp_of("2024-12-31T20:30:00-05:30"), "2025-01-01 02:00:00");
    EXPECT_EQ(timestamp_of("2024-01-31 12:00:00.1234564"), "2024-01-31 12:00:00.123456");
    EXPECT_EQ(timestamp_of("2024-01-31 12:00:00.1234565"), "2024-01-31 12:00:00.123457");
    EXPECT_EQ(timestamp_of("2024-12-31 23:59:59.9999999"), "2025-01-01 00:00:00");
    EXPECT_EQ(timestamp_of("1969-12-31 23:59:59.999999"), "1969-12-31 23:59:59.999999");
    EXPECT_EQ(timestamp_of("2000-02-29 00:00:00"), "2000-02-29 00:00:00");
    EXPECT_EQ(timestamp_of("0001-01-01 00:00:00"), "0001-01-01 00:00:00");
    EXPECT_EQ(timestamp_of("12024-01-31 00:00:00"), "12024-01-31 00:00:00");
    EXPECT_EQ(timestamp_of("-0044-03-15 00:00:00"), "-0044-03-15 00:00:00");
}

// Values of expressions, as DuckDB has them; tables hold none.
TEST(TimestampText, Infinities) {
    std::string text;
    for (const auto value :
         {std::numeric_limits<std::int64_t>::max(), -std::numeric_limits<std::int64_t>::max()})
        append_timestamp(text += ' ', value);
    for (const auto value :
         {std::numeric_limits<std::int32_t>::max(), -std::numeric_limits<std::int32_t>::max()})
        append_date(text += ' ', value);
    EXPECT_EQ(text, " infinity -infinity infinity -infinity");
}

TEST(TimestampText, Refused) {
    for (const auto* bad : {"",
                            "2024-02-30 00:00:00",
                            "1900-02-29",
                            "2024-13-01",
                            "2024-00-01",
                            "2024-01-00",
                            "2024-01-31 24:00:00",
                            "2024-01-31 12:60:00",
                            "2024-01-31 12:00:60",
                            "2024-01-31 12",
                            "2024-01-31T",
                            "2024-01-31 12:00:00.",
                            "2024-01-31 12:00:00 Z",
                            "2024-01-31 12:00:00+8",
                            "2024-01-31 12:00:00+16",
                            "2024-01-31 12:00:00Zx",
                            "2024-1-31",
                            "24-01-31",
                            "2024/01/31",
                            "1706702400",
                            "now",
                            "9999999-01-01",
                            "300000-01-01"})
        EXPECT_TRUE(parse_timestamp_us(bad).has_error()) << bad;
}

// Every day of some centuries against a calendar that is stepped day by day.
TEST(DateText, EveryDayIsTheNextOne) {
    int year = 1896, month = 1, day = 1;
    const auto first = *parse_date_days("1896-01-01");
    for (int i = 0; i < 365 * 410; ++i) {
        const auto expected = fmt::format("{:04}-{:02}-{:02}", year, month, day);
        ASSERT_EQ(text_of(append_date, first + i), expected);
        ASSERT_EQ(*parse_date_days(expected), first + i);
        constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        if (++day > kDays[month - 1] + (month == 2 && leap ? 1 : 0)) {
            day = 1;
            if (++month > 12) {
                month = 1;
                ++year;
            }
        }
    }
    EXPECT_EQ(*parse_date_days("1970-01-01"), 0);
    EXPECT_TRUE(parse_date_days("2024-01-31 00:00:00").has_error());
}

TEST(TimestampText, AnyNumberPrints) {
    for (const auto value :
         {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()})
        EXPECT_FALSE(text_of(append_timestamp, value).empty());
    EXPECT_EQ(text_of(append_timestamp, std::numeric_limits<std::int64_t>::max() - 1),
              "294247-01-10 04:00:54.775806");
    EXPECT_FALSE(text_of(append_date, std::numeric_limits<std::int32_t>::min()).empty());
    std::mt19937_64 random(11);
    for (int i = 0; i < 2000; ++i) {
        const auto value = static_cast<std::int64_t>(random()) / 2;
        ASSERT_EQ(*parse_timestamp_us(text_of(append_timestamp, value)), value);
    }
}

TEST(DecimalText, RoundsHalfAwayFromZeroAndKeepsItsDigits) {
    EXPECT_EQ(decimal_of("12.5", 10, 2), "12.50");
    EXPECT_EQ(decimal_of("-12.5", 10, 0), "-13");
    EXPECT_EQ(decimal_of("12.4999", 10, 0), "12");
    EXPECT_EQ(decimal_of("0.005", 10, 2), "0.01");
    EXPECT_EQ(decimal_of("-0.005", 10, 2), "-0.01");
    EXPECT_EQ(decimal_of("-0.004", 10, 2), "0.00");
    EXPECT_EQ(decimal_of(".5", 10, 2), "0.50");
    EXPECT_EQ(decimal_of("5.", 10, 2), "5.00");
    EXPECT_EQ(decimal_of("1.5e3", 10, 2), "1500.00");
    EXPECT_EQ(decimal_of("1500E-3", 10, 2), "1.50");
    EXPECT_EQ(decimal_of("5e-3", 10, 2), "0.01");
    EXPECT_EQ(decimal_of("5e-4", 10, 2), "0.00");
    EXPECT_EQ(decimal_of("0e999999999999999999999", 10, 2), "0.00");
    EXPECT_EQ(decimal_of("0000000000000000000000000000000000000000000000001.5", 3, 1), "1.5");
    EXPECT_EQ(decimal_of("99999999.99", 10, 2), "99999999.99");
    EXPECT_EQ(decimal_of("99999999.995", 10, 2), "refused");  // rounding adds a digit
    EXPECT_EQ(decimal_of("100000000", 10, 2), "refused");
    EXPECT_EQ(decimal_of("1e9", 10, 2), "refused");
    EXPECT_EQ(decimal_of("1e999999999999999999999", 10, 2), "refused");
    EXPECT_EQ(decimal_of("99999999999999999999999999999999999999", 38, 0),
              "99999999999999999999999999999999999999");
    EXPECT_EQ(decimal_of("-0.99999999999999999999999999999999999999", 38, 38),
              "-0.99999999999999999999999999999999999999");
    EXPECT_EQ(decimal_of("999999999999999999999999999999999999999", 38, 0), "refused");
    EXPECT_EQ(decimal_of("0.999999999999999999999999999999999999999", 38, 38), "refused");
    for (const auto* bad : {"", ".", "-", "1e", "1e+", "e5", "1.2.3", " 1", "1 ", "nan", "inf", "0x1", "1_0"})
        EXPECT_EQ(decimal_of(bad, 10, 2), "refused") << bad;
    EXPECT_EQ(text_of(append_decimal, static_cast<Int128>(std::numeric_limits<std::int64_t>::min()),
                      std::uint8_t{4}),
              "-922337203685477.5808");
}

// Against 64-bit integer arithmetic written another way.
TEST(DecimalText, AgreesWithIntegerRounding) {
    std::mt19937_64 random(3);
    for (int i = 0; i < 2000; ++i) {
        const auto thousandths = static_cast<std::int64_t>(random() % 2'000'000'000) - 1'000'000'000;
        const auto text = text_of(append_decimal, static_cast<Int128>(thousandths), std::uint8_t{3});
        const auto expected = (thousandths + (thousandths < 0 ? -5 : 5)) / 10;
        ASSERT_EQ(static_cast<std::int64_t>(*parse_decimal(text, {TypeKind::decimal, 12, 2})), expected)
            << text;
    }
}

TEST(Base64, RoundTripAndRefusals) {
    EXPECT_EQ(*parse_binary("TWFu"), "Man");
    EXPECT_EQ(*parse_binary("TWE="), "Ma");
    EXPECT_EQ(*parse_binary("TQ=="), "M");
    for (const auto* bad : {"", "TQ", "TQ=", "T===", "====", "TWF", "TW=u", "T=Fu", "TWFu\n", "TW Fu",
                            "TQ==TQ==", "TR==", "TWF=", "TW-_"})
        EXPECT_TRUE(parse_binary(bad).has_error()) << bad;
    std::mt19937 random(5);
    for (std::size_t size = 1; size < 100; ++size) {
        std::string bytes(size, '\0');
        for (char& c : bytes)
            c = static_cast<char>(random());
        ASSERT_EQ(*parse_binary(text_of(append_base64, std::string_view(bytes))), bytes);
    }
}

}  // namespace
}  // namespace dl
