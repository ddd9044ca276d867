#include "common/base/error.h"

#include <gtest/gtest.h>

#include "common/base/crc32c.h"
#include "common/base/hash.h"

namespace dl {
namespace {

TEST(Error, TextRoundTripsAndStaysOnOneLine) {
    const Error error{ErrorCode::table_not_found, "table \"t\"\ndoes not exist"};
    EXPECT_EQ(error.to_text(), "TABLE_NOT_FOUND: table \"t\" does not exist");
    EXPECT_EQ(Error::from_text(error.to_text()).code, ErrorCode::table_not_found);
    EXPECT_EQ(Error::from_text("no code here").code, ErrorCode::internal);
}

TEST(Result, CarriesValueOrError) {
    const auto half = [](int v) -> Result<int> {
        if (v % 2 != 0) return make_error(ErrorCode::invalid_value, "odd");
        return v / 2;
    };
    EXPECT_EQ(*half(4), 2);
    EXPECT_EQ(half(3).error().code, ErrorCode::invalid_value);
    const auto quarter = [&](int v) -> Result<int> {
        DL_TRY_ASSIGN(const int h, half(v));
        return half(h);
    };
    EXPECT_TRUE(quarter(6).has_error());
    const auto check = [&](int v) -> Result<void> {
        DL_TRY(half(v));
        return {};
    };
    EXPECT_TRUE(check(2).has_value());
    EXPECT_TRUE(check(1).has_error());
}

// Check value of the CRC catalogue, and every split of a longer input agrees with one pass (short and long
// paths).
TEST(Crc32c, MatchesTheStandard) {
    EXPECT_EQ(crc32c(0, "123456789", 9), 0xE3069283u);
    const std::string text(1500, 'x');
    const auto whole = crc32c(0, text.data(), text.size());
    for (std::size_t cut = 0; cut <= text.size(); cut += 7)
        EXPECT_EQ(crc32c(crc32c(0, text.data(), cut), text.data() + cut, text.size() - cut), whole);
}

// Frozen: a change would send existing keys to other partitions.
TEST(Hash, PartitionHashIsFrozen) {
    EXPECT_EQ(partition_hash(""), 0x2d06800538d394c2ull);
    EXPECT_EQ(slot_of(partition_hash("")), 0x2d0u);
}

}  // namespace
}  // namespace dl
