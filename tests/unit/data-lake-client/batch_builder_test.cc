#include "datalake/batch_builder.h"

#include <gtest/gtest.h>

#include <limits>

namespace datalake {
namespace {

std::string from_hex(std::string_view hex) {
    std::string out;
    int high = -1;
    for (const char c : hex) {
        if (c == ' ') continue;
        const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
        if (high < 0) {
            high = digit;
        } else {
            out += static_cast<char>(high * 16 + digit);
            high = -1;
        }
    }
    return out;
}

// The example of the protocol, as the original accepts it.
TEST(BatchBuilder, WritesTheRecordedBytes) {
    BatchBuilder batch("t1", {"id", "name"});
    ASSERT_TRUE(batch.add_row({std::int64_t{1}, std::string("ab")}).ok());
    ASSERT_TRUE(batch.add_row({std::int64_t{2}, Value()}, Operation::remove).ok());
    EXPECT_EQ(batch.encode(),
              from_hex("02000000 7431 03000000 02000000 6964 04000000 6e616d65 0a000000 5f637275645f74797065 02000000"
                       "03000000 01000000 31 02000000 6162 06000000 696e73657274"
                       "03000000 01000000 32 03000000 2f7e7c 06000000 64656c657465"));
}

TEST(BatchBuilder, EncodesPartsOfItself) {
    BatchBuilder all("t", {"id", "name"}), middle("t", {"id", "name"});
    for (std::int64_t id = 0; id < 10; ++id) {
        ASSERT_TRUE(all.add_row({id, "name " + std::to_string(id * id)}).ok());
        if (id >= 3 && id < 7) { ASSERT_TRUE(middle.add_row({id, "name " + std::to_string(id * id)}).ok()); }
    }
    EXPECT_EQ(all.encode(3, 7), middle.encode());
    EXPECT_EQ(all.encode(0, 10), all.encode());
    EXPECT_EQ(all.encode(0, 0), BatchBuilder("t", {"id", "name"}).encode());
}

TEST(BatchBuilder, TakesBackRowsThatCannotBeSent) {
    BatchBuilder batch("t", {"id", "name"}), good("t", {"id", "name"});
    ASSERT_TRUE(batch.add_row({std::int64_t{1}, std::string("a")}).ok());
    ASSERT_TRUE(good.add_row({std::int64_t{1}, std::string("a")}).ok());
    auto short_row = batch.add_row({std::int64_t{2}});
    ASSERT_FALSE(short_row.ok());
    EXPECT_EQ(short_row.error().code(), ErrorCode::invalid_argument);
    EXPECT_NE(short_row.error().message().find("1 values for 2 columns"), std::string::npos);
    auto null_text = batch.add_row({std::int64_t{2}, std::string("/~|")});
    ASSERT_FALSE(null_text.ok());
    EXPECT_NE(null_text.error().message().find("/~|"), std::string::npos);
    ASSERT_TRUE(batch.add_row({std::int64_t{3}, std::string("c")}).ok());
    ASSERT_TRUE(good.add_row({std::int64_t{3}, std::string("c")}).ok());
    EXPECT_EQ(batch.rows(), 2u);
    EXPECT_EQ(batch.encode(), good.encode());
    batch.clear();
    EXPECT_EQ(batch.encode(), BatchBuilder("t", {"id", "name"}).encode());
}

TEST(BatchBuilder, PrintsValuesAsTheServerReadsThem) {
    BatchBuilder typed("t", {"a", "b", "c", "d", "e"}), text("t", {"a", "b", "c", "d", "e"});
    const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
    ASSERT_TRUE(typed.add_row({true, std::numeric_limits<std::int64_t>::min(), 0.1, nan, -inf}).ok());
    ASSERT_TRUE(text.add_text_row({"true", "-9223372036854775808", "0.1", "nan", "-inf"}).ok());
    EXPECT_EQ(typed.encode(), text.encode());
}

}  // namespace
}  // namespace datalake
