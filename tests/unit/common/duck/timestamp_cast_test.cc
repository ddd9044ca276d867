#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::test {
namespace {

std::string stamp_of(DuckSession& session, const std::string& text) {
    const auto found = rows(session, "SELECT ('" + text + "'::TIMESTAMP)::VARCHAR");
    return found.empty() ? "?" : found[0][0];
}

// A zone in a text counts, whichever way the text becomes a timestamp; without one all is as the engine reads
// it.
TEST(TimestampCast, AZoneInATextCounts) {
    const auto database = open_database();
    const auto session = open_session(*database);
    for (const auto& [text, stamp] : std::initializer_list<std::pair<const char*, const char*>>{
             {"2024-07-01T12:00:00+02:00", "2024-07-01 10:00:00"},
             {"2024-07-01 12:00:00-0530", "2024-07-01 17:30:00"},
             {"2024-07-01 12:00:00 +2", "2024-07-01 10:00:00"},
             {"2024-07-01 12:00:00+02:00:30", "2024-07-01 09:59:30"},
             {"2024-07-01 12:00:00.123456789+01", "2024-07-01 11:00:00.123457"},
             {"2024-07-01 12:00:00Z", "2024-07-01 12:00:00"},
             {"2024-07-01 12:00:00 UTC", "2024-07-01 12:00:00"},
             {"2024-7-1 2:03", "2024-07-01 02:03:00"},
             {"2024-07-01", "2024-07-01 00:00:00"},
             {"infinity", "infinity"},
             {"epoch", "1970-01-01 00:00:00"},
             {"1970-01-01", "1970-01-01 00:00:00"}})
        EXPECT_EQ(stamp_of(*session, text), stamp) << text;
    EXPECT_EQ(rows(*session,
                   "SELECT count(*) FROM (VALUES (TIMESTAMP '2024-07-01 10:00:00')) t(ts) WHERE "
                   "ts = '2024-07-01T12:00:00+02:00' AND ts < '2024-07-01T12:30:00+02:00' AND ts IN "
                   "('2024-07-01T12:00:00+02:00') AND ts BETWEEN '2024-07-01T11:59:00+02:00' AND "
                   "'2024-07-01T12:01:00+02:00'"),
              (Rows{{"1"}}));
}

TEST(TimestampCast, WhatIsNoTimestampIsSaid) {
    const auto database = open_database();
    const auto session = open_session(*database);
    EXPECT_EQ(rows(*session,
                   "SELECT try_cast(x AS TIMESTAMP)::VARCHAR FROM (VALUES ('abc'), (NULL), "
                   "('2024-07-01 12:00:00+02:00'), ('2024-07-01 12:00:00 Mars/Base'), "
                   "('2024-07-01 12:00:00+99')) t(x)"),
              (Rows{{"~"}, {"~"}, {"2024-07-01 10:00:00"}, {"~"}, {"~"}}));
    for (const auto* text :
         {"abc", "", "1970-13-01", "2024-13-01 00:00:00", "2024-07-01 12:00:00 Europe/Berlin"}) {
        const auto ran = run(*session, "SELECT '" + std::string(text) + "'::TIMESTAMP");
        ASSERT_FALSE(ran) << text;
        EXPECT_NE(ran.error().message.find("invalid timestamp"), std::string::npos) << ran.error().message;
    }
}

}  // namespace
}  // namespace dl::test
