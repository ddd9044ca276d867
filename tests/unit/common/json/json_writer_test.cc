#include "common/json/json_writer.h"

#include <gtest/gtest.h>

namespace dl {
namespace {

TEST(JsonString, Escapes) {
    std::string out = "x";
    append_json_string(out, "a\"b\\c\n\t\b\f\r\x01/é");
    EXPECT_EQ(out, "x\"a\\\"b\\\\c\\n\\t\\b\\f\\r\\u0001/é\"");
    out.clear();
    append_json_string(out, "");
    EXPECT_EQ(out, "\"\"");
}

}  // namespace
}  // namespace dl
