#include "common/json/json_tape.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>

#include "common/base/limits.h"

namespace dl {
namespace {

// The tape as JSON without blanks, strings unescaped and quoted with <>.
std::string dump(const JsonTape& tape, JsonTape::Index i) {
    using Kind = JsonTape::Kind;
    switch (tape.kind(i)) {
        case Kind::string:
            return "<" + tape.string(i) + ">";
        case Kind::object: {
            std::string out = "{";
            for (auto m = tape.first_member(i); m < tape.members_end(i); m = tape.next(m + 1))
                out += (out.size() > 1 ? "," : "") + dump(tape, m) + ":" + dump(tape, m + 1);
            return out + "}";
        }
        case Kind::array: {
            std::string out = "[";
            for (auto m = tape.first_member(i); m < tape.members_end(i); m = tape.next(m))
                out += (out.size() > 1 ? "," : "") + dump(tape, m);
            return out + "]";
        }
        default:
            return std::string(tape.raw(i));
    }
}
std::string parsed(std::string text) {
    const auto tape = JsonTape::parse(std::move(text));
    return tape ? dump(*tape, JsonTape::kRoot) : "error: " + tape.error().message;
}
bool refused(std::string text) {
    return JsonTape::parse(std::move(text)).has_error();
}

TEST(JsonTape, Values) {
    EXPECT_EQ(parsed(" {\"a\" : [1, -2.50e+3 ,true,false,null,\"x\"],\"b\":{}, \"c\":[]}\r\n\t"),
              "{<a>:[1,-2.50e+3,true,false,null,<x>],<b>:{},<c>:[]}");
    EXPECT_EQ(parsed("\"x\""), "<x>");
    EXPECT_EQ(parsed("0"), "0");
    EXPECT_EQ(parsed("[[[]],[{}]]"), "[[[]],[{}]]");
    EXPECT_EQ(parsed("123456789012345678901234567890.123456789"), "123456789012345678901234567890.123456789");
}

TEST(JsonTape, Escapes) {
    EXPECT_EQ(parsed(R"("a\"\\\/\b\f\n\r\tz")"), "<a\"\\/\b\f\n\r\tz>");
    EXPECT_EQ(parsed(R"("\u003d\u003C\u0026\u0027\u00e9\u4e2d\ud83d\ude00")"), "<=<&'é中😀>");
    EXPECT_EQ(parsed(R"("\u0000")"), std::string("<\0>", 3));
    EXPECT_EQ(parsed(R"({"\u0069d":1})"), "{<id>:1}");
    for (const auto* bad : {R"("\x")", R"("\u12")", R"("\u12g4")", R"("\ud83d")", R"("\ud83dx")",
                            R"("\ud83d\u0041")", R"("\ude00")", R"("\")", R"("\u)", R"("\)"})
        EXPECT_TRUE(refused(bad)) << bad;
}

TEST(JsonTape, RefusesWhatIsNotJson) {
    for (const auto* bad : {"",           " ",
                            "{",          "}",
                            "[",          "]",
                            "[1",         "[1,",
                            "[1,]",       "[,1]",
                            "{\"a\"}",    "{\"a\":}",
                            "{\"a\":1,}", "{a:1}",
                            "{'a':1}",    "{\"a\":1",
                            "{\"a\"1}",   "[1 2]",
                            "1 2",        "[1]]",
                            "{}{}",       "tru",
                            "truex",      "nul",
                            "True",       "Na",
                            "nan",        "-NaN",
                            "Infinit",    "+Infinity",
                            "01",         "-",
                            "-01",        "1.",
                            ".5",         "1e",
                            "1e+",        "+1",
                            "0x1",        "\"abc",
                            "\"a\nb\"",   "[1}",
                            "{\"a\":1]",  "// x\n1",
                            "[1,/**/2]",  "\xef\xbb\xbf{}",
                            "{\"a\":1}x", "--1",
                            "{1:2}",      "[\"\t\"]"})
        EXPECT_TRUE(refused(bad)) << bad;
    EXPECT_TRUE(refused(std::string("[1\0]", 4)));
    EXPECT_TRUE(refused(std::string("1\0", 2)));
    EXPECT_TRUE(refused(std::string("\"a\0\"", 4)));
}

TEST(JsonTape, NumbersThatAreSpelledOutAreNumbers) {
    const auto tape = *JsonTape::parse("[NaN,Infinity,-Infinity]");
    for (auto i = tape.first_member(0); i < tape.members_end(0); i = tape.next(i))
        EXPECT_TRUE(tape.kind(i) == JsonTape::Kind::number && is_spelled_out(tape.raw(i))) << i;
    for (const auto* digits : {"0", "-1", "1e5", "2.5E-3"})
        EXPECT_FALSE(is_spelled_out(digits)) << digits;
    EXPECT_EQ(tape.raw(3), "-Infinity");
}

TEST(JsonTape, ErrorsNameTheByte) {
    const auto error = JsonTape::parse("{\"a\":1,\"b\":x}").error();
    EXPECT_EQ(error.code, ErrorCode::syntax_error);
    EXPECT_NE(error.message.find("expected a value at byte 11"), std::string::npos) << error.message;
    EXPECT_NE(JsonTape::parse("[1,2").error().message.find("ends too early at byte 4"), std::string::npos);
    EXPECT_NE(JsonTape::parse(std::string(1000, ' ') + "\"\xff\"").error().message.find("UTF-8 at byte 1001"),
              std::string::npos);
}

TEST(JsonTape, RefusesInvalidUtf8Anywhere) {
    EXPECT_TRUE(refused("\"\xc3\""));
    EXPECT_TRUE(refused("\"\xed\xa0\x80\""));
    EXPECT_TRUE(refused("{\"\xff\":1}"));
    EXPECT_EQ(parsed("\"中文é\""), "<中文é>");
}

TEST(JsonTape, DepthIsLimited) {
    const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_FALSE(refused(nested(limits::json_depth_max)));
    EXPECT_TRUE(refused(nested(limits::json_depth_max + 1)));
    EXPECT_TRUE(refused(std::string(1'000'000, '[')));
    std::string objects;
    for (int i = 0; i < 65; ++i)
        objects += "{\"a\":";
    EXPECT_TRUE(refused(objects));
}

TEST(JsonTape, DuplicateKeysAreFoundAfterUnescaping) {
    const auto twice = *JsonTape::parse(R"({"id":1,"x":2,"\u0069d":3})");
    EXPECT_EQ(twice.duplicate_key(JsonTape::kRoot), "id");
    EXPECT_FALSE(JsonTape::parse(R"({"id":1,"ID":3})")->duplicate_key(JsonTape::kRoot).has_value());
}

// simdjson as the second opinion, on small texts with a few changed bytes. It refuses integers beyond 64 bits
// and doubles beyond their range, which are fine here, and its depth limit is another.
TEST(JsonTape, AgreesWithSimdjson) {
    const std::vector<std::string> seeds = {
        R"({"batch_insert":{"table_name":"t","data":[{"id":"1","a":1.5,"b":null},{"id":"2","a":-0,"b":true}]}})",
        R"(["\u0041\n",{"k":[]},[[1e5,2E-3]],"é😀", false])", R"( {"a":{"b":{"c":"\ud83d\ude00"}}} )"};
    constexpr std::string_view kBytes = "{}[]\",:\\ u0129eE+-.tfn\n\x01\xc3\xa9/d8";
    std::mt19937 random(42);
    simdjson::dom::parser parser;
    int accepted = 0;
    for (int i = 0; i < 30'000; ++i) {
        std::string text = seeds[random() % seeds.size()];
        for (unsigned changes = random() % 3; changes > 0; --changes) {
            const std::size_t at = random() % text.size();
            const char byte = kBytes[random() % kBytes.size()];
            switch (random() % 3) {
                case 0:
                    text[at] = byte;
                    break;
                case 1:
                    text.insert(at, 1, byte);
                    break;
                default:
                    text.erase(at, 1 + random() % 3);
            }
            if (text.empty()) text = " ";
        }
        const auto error = parser.parse(text).error();
        if (error == simdjson::NUMBER_ERROR) continue;
        ASSERT_EQ(error != simdjson::SUCCESS, refused(text)) << text << " " << simdjson::error_message(error);
        accepted += error == simdjson::SUCCESS ? 1 : 0;
    }
    EXPECT_GT(accepted, 5000);
}

}  // namespace
}  // namespace dl
