#include "common/json/json_check.h"

#include <gtest/gtest.h>

#include <string>

namespace dl::test {
namespace {

TEST(JsonCheck, TakesWhatTheGrammarHas) {
    for (const char* text :
         {"null", " true\n", "false", "0", "-0", "12", "-1.50e+10", "1E5", "\"\"", "\"a\\u00Ff\\n\\/\"", "[]",
          "{}", "[1,[2,{\"a\":[]}],\"x\"]", "{\"a\":1,\"a\":{\"b\":null}}", "[ 1 , 2 ]\t",
          "{ \"a\" : [ ] , \"b\" : { } }", "\"\xC3\xA9\""})
        EXPECT_TRUE(is_json_text(text)) << text;
}

TEST(JsonCheck, RefusesEverythingElse) {
    for (const char* text :
         {"",        " ",           "nul",         "nulll",   "NaN",      "Infinity",   "-",     "+1",
          "01",      "1.",          ".5",          "1e",      "1e+",      "0x1",        "'a'",   "\"a",
          "\"\\x\"", "\"\\u12g4\"", "\"\\u12",     "\"\n\"",  "[",        "]",          "[1,]",  "[,1]",
          "[1 2]",   "[1}",         "{",           "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":1]",
          "1 2",     "[] []",       "{\"a\":1} x", "-.5",     "{1:2}",    "\\"})
        EXPECT_FALSE(is_json_text(text)) << text;
}

TEST(JsonCheck, DepthIsNoLimit) {
    const int depth = 1'000'000;
    std::string text(depth, '[');
    text += std::string(depth, ']');
    EXPECT_TRUE(is_json_text(text));
    text[depth + 5] = '}';
    EXPECT_FALSE(is_json_text(text));
    std::string objects;
    for (int i = 0; i < 1000; ++i)
        objects += i % 3 == 0 ? "{\"k\":" : "[";
    objects += "1";
    for (int i = 999; i >= 0; --i)
        objects += i % 3 == 0 ? "}" : "]";
    EXPECT_TRUE(is_json_text(objects));
}

}  // namespace
}  // namespace dl::test
