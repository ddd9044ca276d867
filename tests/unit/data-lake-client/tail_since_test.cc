#include "data-lake-client/cli/tail_since.h"

#include <gtest/gtest.h>

namespace datalake::cli {
namespace {

TEST(TailSince, TakesDurationsAndTimestamps) {
    constexpr std::int64_t now = 1'706'702'400'000'000;  // 2024-01-31 12:00:00
    const auto since = [](std::string_view text) {
        const auto read = tail_since(text, now);
        return read.ok() ? *read : read.error().to_text().substr(0, 16);
    };
    EXPECT_EQ(since("15m"), "2024-01-31 11:45:00");
    EXPECT_EQ(since("30s"), "2024-01-31 11:59:30");
    EXPECT_EQ(since("2h"), "2024-01-31 10:00:00");
    EXPECT_EQ(since("31d"), "2023-12-31 12:00:00");
    EXPECT_EQ(since("0s"), "2024-01-31 12:00:00");
    EXPECT_EQ(since("2024-01-30"), "2024-01-30 00:00:00");
    EXPECT_EQ(since("2024-01-31T13:00:00+01:00"), "2024-01-31 12:00:00");
    for (const auto* bad : {"", "m", "15", "-5m", "1.5h", "15 m", "9999999999999999d", "yesterday", "15M"})
        EXPECT_EQ(since(bad), "INVALID_ARGUMENT") << bad;
}

}  // namespace
}  // namespace datalake::cli
