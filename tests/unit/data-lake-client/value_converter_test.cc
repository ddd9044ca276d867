#include "data-lake-client/cli/load/value_converter.h"

#include <gtest/gtest.h>

#include <array>

#include "data-lake-client/cli/load/number_text.h"
#include "data-lake-client/cli/load/time_format.h"
#include "data-lake-client/cli/load/type_guess.h"

namespace datalake::cli {
namespace {

// What is sent, or "!" and the reason.
std::string converted(std::string_view type, std::string_view text, const TextOptions& options = {},
                      FieldKind kind = FieldKind::text) {
    const ValueConverter converter(*dl::parse_type(type), options);
    std::string scratch, reason;
    std::string_view out;
    return converter.convert({text, kind}, scratch, out, reason) ? std::string(out) : "!" + reason;
}
bool refused(std::string_view type, std::string_view text, const TextOptions& options = {},
             FieldKind kind = FieldKind::text) {
    return converted(type, text, options, kind).starts_with('!');
}

TEST(ValueConverter, WholeNumbers) {
    EXPECT_EQ(converted("int", "-7"), "-7");
    EXPECT_EQ(converted("int", "5.0"), "5");
    EXPECT_EQ(converted("int", "1e3"), "1000");
    EXPECT_EQ(converted("long", "1.5e1"), "15");
    EXPECT_EQ(converted("long", " 12"), "12");
    EXPECT_EQ(converted("long", "9223372036854775807"), "9223372036854775807");
    for (const auto* text : {"5.5", "", "x", "2147483648", "1e10", "0x10", "--5", "1 2", "nan"})
        EXPECT_TRUE(refused("int", text)) << text;
    EXPECT_TRUE(refused("long", "9223372036854775808"));
    EXPECT_TRUE(refused("int", "true", {}, FieldKind::boolean));
    EXPECT_TRUE(refused("int", "[1]", {}, FieldKind::nested));
}

// A floating type gives back the digits that were written, or refuses them.
TEST(ValueConverter, FloatingNumbersKeepTheirDigits) {
    for (const auto* text : {"0.1", "1.50", "-3", "1e300", "0.30000000000000004", "1.000000000000000056e-01",
                             "nan", "-inf", "123456789012345", "9007199254740992", "4.9406564584124654e-324",
                             "0", "-0.0", "0e99999", "1.7976931348623157e308"})
        EXPECT_EQ(converted("double", text), text);
    for (const auto* text : {"0.10000000000000000001", "9007199254740993", "89490200001234567890", "1e999",
                             "1e-999", "123456789.123456789", "Infinite", "1,5", ".", "e5", ""})
        EXPECT_TRUE(refused("double", text)) << text;
    for (const auto* text : {"0.1", "16777216", "3.14159274", "1e30"})
        EXPECT_EQ(converted("float", text), text);
    for (const auto* text : {"16777217", "0.1234567890123", "1e39"})
        EXPECT_TRUE(refused("float", text)) << text;
}

// As they are written by pandas, PostgreSQL, Java and Go; the number is the same.
TEST(ValueConverter, WhatIsNoFiniteNumber) {
    for (const auto kind : {FieldKind::text, FieldKind::number}) {
        for (const auto* type : {"double", "float"}) {
            for (const auto* text : {"NaN", "nan", "NAN"})
                EXPECT_EQ(converted(type, text, {}, kind), "nan") << text;
            for (const auto* text : {"Infinity", "inf", "INF", "+Inf", "infinity", "+Infinity"})
                EXPECT_EQ(converted(type, text, {}, kind), "inf") << text;
            for (const auto* text : {"-Infinity", "-inf", "-Inf", "-INFINITY"})
                EXPECT_EQ(converted(type, text, {}, kind), "-inf") << text;
            for (const auto* text : {"NaN1", "na", "Infinit", "--inf", "-NaN", "1e999"})
                EXPECT_TRUE(refused(type, text, {}, kind)) << text;
        }
        for (const auto* type : {"int", "long", "decimal(5,2)", "timestamp", "boolean"})
            EXPECT_TRUE(refused(type, "NaN", {}, kind)) << type;
    }
}

TEST(ValueConverter, DecimalsAreNeverRounded) {
    EXPECT_EQ(converted("decimal(10,2)", "12.50"), "12.50");
    EXPECT_EQ(converted("decimal(10,2)", "12.5000"), "12.5000");
    EXPECT_EQ(converted("decimal(10,2)", "1.25e1"), "1.25e1");
    EXPECT_EQ(converted("decimal(38,20)", "0.10000000000000000001"), "0.10000000000000000001");
    EXPECT_TRUE(refused("decimal(10,2)", "12.505"));
    EXPECT_TRUE(refused("decimal(4,2)", "123"));
    EXPECT_TRUE(refused("decimal(10,2)", "inf"));
}

TEST(ValueConverter, TimesDatesBooleansTextsAndBinaries) {
    EXPECT_EQ(converted("timestamp", "2024-01-01T05:30:00.123Z"), "2024-01-01T05:30:00.123Z");
    EXPECT_EQ(converted("timestamp", "2024-01-01 05:30:00.1234560"), "2024-01-01 05:30:00.1234560");
    EXPECT_NE(converted("timestamp", "2024-01-01T05:30:00.1234567Z").find("finer"), std::string::npos);
    EXPECT_NE(converted("timestamp", "1700000000").find("--timestamp-unit"), std::string::npos);
    EXPECT_NE(converted("timestamp", "1700000000", {}, FieldKind::number).find("--timestamp-unit"),
              std::string::npos);
    const auto unit = [](dl::TimestampUnit one) {
        TextOptions options;
        options.timestamp_unit = one;
        return options;
    };
    EXPECT_EQ(converted("timestamp", "1700000000", unit(dl::TimestampUnit::s)), "2023-11-14 22:13:20");
    EXPECT_EQ(converted("timestamp", "1700000000.5", unit(dl::TimestampUnit::s), FieldKind::number),
              "2023-11-14 22:13:20.500000");
    EXPECT_EQ(converted("timestamp", "1700000000123", unit(dl::TimestampUnit::ms)),
              "2023-11-14 22:13:20.123000");
    EXPECT_EQ(converted("timestamp", "-1", unit(dl::TimestampUnit::us)), "1969-12-31 23:59:59.999999");
    EXPECT_EQ(converted("timestamp", "1700000000123456000", unit(dl::TimestampUnit::ns)),
              "2023-11-14 22:13:20.123456");
    EXPECT_TRUE(refused("timestamp", "1700000000123456789", unit(dl::TimestampUnit::ns)));
    EXPECT_TRUE(refused("timestamp", "99999999999999999999", unit(dl::TimestampUnit::s)));
    TextOptions german;
    german.date_format = "%d.%m.%Y";
    german.timestamp_format = "%d.%m.%y %H:%M";
    EXPECT_EQ(converted("date", "3.4.2024", german), "2024-04-03");
    EXPECT_TRUE(refused("date", "2024-04-03", german));
    EXPECT_EQ(converted("timestamp", "03.04.24 7:05", german), "2024-04-03 07:05:00");
    EXPECT_EQ(converted("date", "2024-02-29"), "2024-02-29");
    EXPECT_TRUE(refused("date", "2023-02-29"));
    EXPECT_TRUE(refused("date", "2024-02-29T00:00:00"));
    EXPECT_TRUE(refused("date", "20240229", {}, FieldKind::number));
    EXPECT_EQ(converted("boolean", "True"), "true");
    EXPECT_TRUE(refused("boolean", "yes"));
    EXPECT_TRUE(refused("boolean", "F"));
    EXPECT_EQ(converted("string", "1.50", {}, FieldKind::number), "1.50");
    EXPECT_EQ(converted("string", "{\"a\": 1.0}", {}, FieldKind::nested), "{\"a\": 1.0}");
    EXPECT_TRUE(refused("string", "M\xfcller"));
    EXPECT_EQ(converted("binary", "AAEC/w=="), "AAEC/w==");
    EXPECT_EQ(converted("binary", ""), "");
    EXPECT_TRUE(refused("binary", "AAEC/w="));
    EXPECT_TRUE(refused("binary", "1234", {}, FieldKind::number)) << "a number is not base64";
}

// Other systems write yes, t, Y or on.
TEST(ValueConverter, NamedBooleans) {
    TextOptions options;
    options.true_texts = {"yes", "Y", "0"};
    options.false_texts = {"no", "N", "1"};
    EXPECT_EQ(converted("boolean", "yes", options), "true");
    EXPECT_EQ(converted("boolean", " N ", options), "false");
    EXPECT_EQ(converted("boolean", "0", options), "true") << "as it is said";
    EXPECT_EQ(converted("boolean", "1", options, FieldKind::number), "1")
        << "a number of JSON is none of the texts";
    EXPECT_EQ(converted("boolean", "TRUE", options), "true");
    EXPECT_TRUE(refused("boolean", "YES", options)) << "exactly as written";
    EXPECT_NE(converted("boolean", "maybe").find("--true and --false"), std::string::npos);
    EXPECT_EQ(converted("string", "yes", options), "yes");
}

// BigQuery writes UTC behind a blank, others an offset.
TEST(ValueConverter, ZonesBehindABlank) {
    EXPECT_EQ(converted("timestamp", "2024-01-31 12:00:00 UTC"), "2024-01-31 12:00:00Z");
    EXPECT_EQ(converted("timestamp", "2024-01-31 12:00:00.123456 UTC"), "2024-01-31 12:00:00.123456Z");
    EXPECT_EQ(converted("timestamp", "2024-01-31T12:00:00 +0100"), "2024-01-31T12:00:00+0100");
    EXPECT_EQ(converted("timestamp", "2024-01-31 12:00:00 -05:30"), "2024-01-31 12:00:00-05:30");
    EXPECT_EQ(converted("timestamp", "2024-01-31 12:00 Z"), "2024-01-31 12:00Z");
    for (const auto* text :
         {"2024-01-31 UTC", "2024-01-31 +0100", "2024-01-31 12:00:00 CET", "2024-01-31 12:00:00 UTC+1",
          "2024-01-31 12:00:00+01 UTC", "2024-01-31 12:00:00 +", "2024-01-31 12:00:00.1234567 UTC"})
        EXPECT_TRUE(refused("timestamp", text)) << text;
}

TEST(ValueConverter, SeparatorsOfNumbers) {
    TextOptions options;
    options.decimal_separator = ',';
    options.thousands = '.';
    EXPECT_EQ(converted("decimal(12,2)", "1.234.567,89", options), "1234567.89");
    EXPECT_EQ(converted("double", "-3,5", options), "-3.5");
    EXPECT_EQ(converted("long", "12.345", options), "12345");
    EXPECT_EQ(converted("long", "-1.000", options), "-1000");
    for (const auto* text : {"1.23", "12.3456", ".123", "1..234", "1.234.5", "1234.567,8.9"})
        EXPECT_TRUE(refused("double", text, options)) << text;
    EXPECT_EQ(converted("string", "1.234,5", options), "1.234,5");
    EXPECT_EQ(converted("double", "1.25", options, FieldKind::number), "1.25") << "a number of JSON";
}

TEST(TimeFormats, LettersAndWhatTheyTake) {
    std::int64_t us = 0;
    EXPECT_TRUE(scan_time("Mar 04, 2024 09:05 PM", "%b %d, %Y %I:%M %p", us));
    EXPECT_EQ(us, 1709586300000000);
    EXPECT_TRUE(scan_time("2024-03-04T21:05:00.25+02:00", "%Y-%m-%dT%H:%M:%S.%f%z", us));
    EXPECT_EQ(us, 1709579100250000);
    EXPECT_FALSE(scan_time("31/02/2024", "%d/%m/%Y", us));
    EXPECT_FALSE(scan_time("01/02/2024x", "%d/%m/%Y", us));
    EXPECT_FALSE(scan_time("01/13/2024", "%d/%m/%Y", us));
    EXPECT_TRUE(is_time_format("%d/%m/%y"));
    EXPECT_FALSE(is_time_format("%d/%m"));
    EXPECT_FALSE(is_time_format("%Q%d%m%Y"));
}

std::string guessed(std::initializer_list<const char*> texts, bool key = false,
                    const TextOptions& options = {}, FieldKind kind = FieldKind::text) {
    TypeGuess guess;
    for (const char* text : texts)
        guess.see({text, text[0] == '~' ? FieldKind::null : kind}, true, options);
    return guess.type(key);
}

TEST(TypeGuess, NeverATypeThatChangesAValue) {
    EXPECT_EQ(guessed({"1", "-20", "0", "~"}), "long");
    EXPECT_EQ(guessed({"89490200001234567890", "5"}), "decimal(20,0)");
    EXPECT_EQ(guessed({"89490200001234567890", "5"}, true), "decimal(20,0)");
    EXPECT_EQ(guessed({"-9223372036854775808", "9223372036854775807"}), "long");
    EXPECT_EQ(guessed({"9223372036854775808"}), "decimal(19,0)");
    EXPECT_EQ(guessed({"123456789012345678901234567890123456789"}), "string");
    EXPECT_EQ(guessed({"12e4567", "34e999"}, true), "string");
    EXPECT_EQ(guessed({"12e4567", "34e999"}), "string");
    EXPECT_EQ(guessed({"12e4", "34e9"}), "string") << "article numbers";
    EXPECT_EQ(guessed({"1e-05", "1.5E+20", "2"}), "double");
    EXPECT_EQ(guessed({"1e-05", "0.5"}, true), "string");
    EXPECT_EQ(guessed({"0.5", "1.0", "-3.25", "7"}), "double");
    EXPECT_EQ(guessed({"0.5", "1.25"}, true), "decimal(3,2)");
    EXPECT_EQ(guessed({"12.50", "7.25"}), "decimal(4,2)");
    EXPECT_EQ(guessed({"12.50", "3", "7.25"}), "string") << "3.00 is not what is written";
    EXPECT_EQ(guessed({"10", "1.000"}), "string");
    EXPECT_EQ(guessed({"1.0", "1"}, true), "string") << "two keys, not one";
    EXPECT_EQ(guessed({"1.0", "2.5"}, true), "decimal(2,1)");
    EXPECT_EQ(guessed({"1.9", "1.10"}), "string") << "versions";
    EXPECT_EQ(guessed({"0.10000000000000000001", "2"}), "decimal(21,20)");
    EXPECT_EQ(guessed({"0.3", "9007199254740993"}), "decimal(17,1)");
    EXPECT_EQ(guessed({"007", "8"}), "string");
    EXPECT_EQ(guessed({"+49123", "5"}), "string");
    EXPECT_EQ(guessed({"nan", "1.5"}), "double");
    EXPECT_EQ(guessed({"-0", "1e+300", "nan", "inf", "-inf", "1e-07", "0.5", "3", "123456789012345683968"}),
              "double")
        << "as we print doubles";
    for (const auto* word : {"nan", "inf", "-inf", "-0"}) {
        EXPECT_EQ(guessed({word}), "string") << word;
        EXPECT_EQ(guessed({word, "1"}), "string") << "no fraction beside " << word;
        EXPECT_EQ(guessed({word, "1.50", "2.25"}), "string") << "digits that a double does not keep";
        EXPECT_EQ(guessed({word, "1.5"}, true), "string") << "a key";
    }
    for (const auto* word : {"NaN", "Infinity", "-Infinity", "+Inf", "INF", "-infinity"}) {
        EXPECT_EQ(guessed({word, "1.5", "2"}), "double") << word;
        EXPECT_EQ(guessed({word, "1"}), "string") << word << ", and no fraction beside it";
        EXPECT_EQ(guessed({word, "1"}, false, {}, FieldKind::number), "double") << word << " of JSON";
        EXPECT_EQ(guessed({word}, false, {}, FieldKind::number), "double") << word;
        EXPECT_EQ(guessed({word, "1.5"}, true), "string") << "a key";
    }
    EXPECT_EQ(guessed({"NaN", "123456789012345678901"}, false, {}, FieldKind::number), "string");
    EXPECT_EQ(guessed({"-NaN", "1.5"}), "string");
    EXPECT_EQ(guessed({"Infinite", "1.5"}), "string");
    EXPECT_EQ(guessed({"1e5", "1.5"}), "string");
    EXPECT_EQ(guessed({"1", "x"}), "string");
    EXPECT_EQ(guessed({"1", ""}), "string") << "an empty text is not nothing";
    EXPECT_EQ(guessed({"true", "false", "~"}), "boolean");
    for (const auto* word : {"F", "t", "NO", "yes", "True"})
        EXPECT_EQ(guessed({word}), "string") << word;
    EXPECT_EQ(guessed({"true", "1"}), "string");
    EXPECT_EQ(guessed({"2024-01-31", "1999-12-01"}), "date");
    EXPECT_EQ(guessed({"2024-01-31 12:00:00", "2024-01-31T12:00:00.5"}), "timestamp");
    EXPECT_EQ(guessed({"2024-01-01T05:30:00.123Z", "2024-01-01T05:30:00+05:30"}), "timestamp");
    EXPECT_EQ(guessed({"2024-01-01 05:30:00 UTC", "2024-01-01 05:30:00.5 UTC"}), "timestamp");
    EXPECT_EQ(guessed({"2024-01-01 05:30:00 +0100"}), "timestamp");
    EXPECT_EQ(guessed({"2024-01-01 05:30:00 UTC", "2024-01-01 05:30:00"}), "string");
    EXPECT_EQ(guessed({"2024-01-01T05:30:00Z", "2024-01-01T05:30:00"}), "string");
    EXPECT_EQ(guessed({"2024-01-01T05:30:00.123456789"}), "string");
    EXPECT_EQ(guessed({"2024-01-31", "2024-01-31 12:00:00"}), "string");
    for (const auto* text :
         {"03/04/2024", "12-05-10", "7:05", "2024-02-30", "20240131", "2024-1-3", "12345-01-02"})
        EXPECT_NE(guessed({text}), "date") << text;
    EXPECT_EQ(guessed({"03/04/2024"}), "string");
    EXPECT_EQ(guessed({"~", "~"}), "string");
    TextOptions options;
    options.date_format = "%d/%m/%Y";
    options.decimal_separator = ',';
    EXPECT_EQ(guessed({"03/04/2024"}, false, options), "date");
    EXPECT_EQ(guessed({"1,5", "2,25"}, false, options), "double");
    EXPECT_EQ(guessed({"1.5"}, false, options), "string");
    TextOptions named;
    named.true_texts = {"yes", "1"};
    named.false_texts = {"no", "0"};
    EXPECT_EQ(guessed({"yes", "no", "~", "true"}, false, named), "boolean");
    EXPECT_EQ(guessed({"yes", "1", "0"}, false, named), "boolean");
    EXPECT_EQ(guessed({"1", "0"}, false, named), "boolean");
    EXPECT_EQ(guessed({"1", "0", "2"}, false, named), "long");
    EXPECT_EQ(guessed({"yes", "maybe"}, false, named), "string");
    EXPECT_EQ(guessed({"yes", "2"}, false, named), "string");
    EXPECT_EQ(guessed({"yes", ""}, false, named), "string");
    EXPECT_EQ(guessed({"18446744073709551615"}, false, {}, FieldKind::number), "decimal(20,0)");
    EXPECT_EQ(guessed({"1.50", "1e3"}, false, {}, FieldKind::number), "double");
}

// The value that makes a column of others a string is known, with its line and what would take it.
TEST(TypeGuess, AnOddValueIsNamed) {
    const auto hint = [](const char* usual, std::uint64_t count, const char* odd) {
        TypeGuess guess;
        for (std::uint64_t line = 2; line < 2 + count; ++line)
            guess.see({usual, FieldKind::text}, true, {}, {0, line});
        guess.see({odd, FieldKind::text}, true, {}, {3, 2 + count});
        guess.see({"later", FieldKind::text}, true, {}, {3, 3 + count});
        EXPECT_EQ(guess.type(false), "string");
        return guess.hint();
    };
    for (const auto& [usual, odd, type, refused] :
         std::initializer_list<std::tuple<const char*, const char*, const char*, unsigned>>{
             {"1.5", "oops", "double", 2},
             {"7", " 3 ", "long", 1},
             {"7", "NaN", "double", 1},
             {"1.5", "1e5", "double", 1},
             {"10", "1.000", "decimal(5,3)", 1},
             {"true", "True", "boolean", 1},
             {"2024-01-01", "2024-01-01 10:00:00", "timestamp", 1},
             {"2024-01-01 10:00:00", "2024-01-01 10:00:00.1234567", "timestamp", 2}}) {
        const auto found = hint(usual, 10, odd);
        ASSERT_TRUE(found.has_value()) << odd;
        if (std::string_view(odd) != "1.000") {
            EXPECT_EQ(found->text, odd);
            EXPECT_EQ(found->place.line, 12u);
            EXPECT_EQ(found->place.file, 3u);
        }
        EXPECT_EQ(found->type, type) << odd;
        EXPECT_EQ(found->refused, refused) << odd;
        EXPECT_EQ(found->values, 12u);
    }
    EXPECT_FALSE(hint("word", 20, "7").has_value());
    EXPECT_FALSE(hint("7", 2, "word").has_value()) << "half of them are no most";
}

// The one that is none of the named texts, however many these are.
TEST(TypeGuess, AnOddValueAmongNamedBooleans) {
    TextOptions named;
    named.true_texts = {"yes"};
    TypeGuess guess;
    for (std::uint64_t line = 2; line < 70'000; ++line)
        guess.see({"yes", FieldKind::text}, true, named, {0, line});
    EXPECT_EQ(guess.type(false), "boolean");
    guess.see({"maybe", FieldKind::text}, true, named, {0, 70'000});
    EXPECT_EQ(guess.type(false), "string");
    ASSERT_TRUE(guess.hint().has_value());
    EXPECT_EQ(guess.hint()->text, "maybe");
    EXPECT_EQ(guess.hint()->type, "boolean");
    EXPECT_EQ(guess.hint()->refused, 1u);
}

// Of a JSON file, texts are no numbers.
TEST(TypeGuess, AnOddValueOfJson) {
    TypeGuess guess;
    for (std::uint64_t line = 1; line < 5; ++line)
        guess.see({"5", FieldKind::number}, false, {}, {0, line});
    guess.see({"6", FieldKind::text}, false, {}, {0, 5});
    ASSERT_TRUE(guess.hint().has_value());
    EXPECT_EQ(guess.hint()->text, "6");
    EXPECT_EQ(guess.hint()->type, "long");
    EXPECT_EQ(guess.hint()->refused, 0u);
    guess.see({"[1]", FieldKind::nested}, false, {}, {0, 6});
    EXPECT_EQ(guess.hint()->refused, 1u);
}

}  // namespace
}  // namespace datalake::cli
