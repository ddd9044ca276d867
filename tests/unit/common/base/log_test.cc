#include "common/base/log.h"

#include <gtest/gtest.h>

#include <mutex>

namespace dl {
namespace {

std::string g_captured;

class Log : public ::testing::Test {
  protected:
    Log() {
        g_captured.clear();
        set_log_sink([](std::string_view line) { g_captured += line; });
    }
    ~Log() override {
        set_log_sink(nullptr);
        set_log_level(LogLevel::info);
    }
};

TEST_F(Log, OneLineWithTimeLevelComponentAndFields) {
    log_info("slave.partition", "recovered",
             {{"table", "t"}, {"partition", 3}, {"rows", std::uint64_t{10}}, {"ok", true}});
    ASSERT_GT(g_captured.size(), 25u);
    EXPECT_EQ(g_captured.substr(23),
              "Z INFO  slave.partition msg=\"recovered\" table=t partition=3 rows=10 ok=true\n");
    EXPECT_EQ(g_captured[10], 'T');
}

TEST_F(Log, InputCannotForgeALine) {
    log_warn("net", "bad",
             {{"name", "a\nERROR fake=1"}, {"quote", "a\"b"}, {"empty", ""}, {"bytes", "\x01"}});
    EXPECT_EQ(std::count(g_captured.begin(), g_captured.end(), '\n'), 1);
    EXPECT_NE(g_captured.find("name=\"a\\nERROR fake=1\" quote=\"a\\\"b\" empty=\"\" bytes=\"\\x01\""),
              std::string::npos)
        << g_captured;
}

TEST_F(Log, LevelsFilter) {
    set_log_level(LogLevel::warn);
    log_info("a", "no");
    log_error("a", "yes");
    EXPECT_EQ(g_captured.find("no"), std::string::npos);
    EXPECT_NE(g_captured.find("yes"), std::string::npos);
    EXPECT_TRUE(parse_log_level("debug").has_value());
    EXPECT_TRUE(parse_log_level("loud").has_error());
}

TEST_F(Log, LimiterHoldsBackAndCounts) {
    LogLimiter limiter(2);
    std::uint64_t suppressed = 99;
    EXPECT_TRUE(limiter.admit_at(1, suppressed));
    EXPECT_EQ(suppressed, 0u);
    EXPECT_TRUE(limiter.admit_at(1, suppressed));
    EXPECT_FALSE(limiter.admit_at(1, suppressed));
    EXPECT_FALSE(limiter.admit_at(1, suppressed));
    EXPECT_TRUE(limiter.admit_at(2, suppressed));
    EXPECT_EQ(suppressed, 2u);
}

TEST_F(Log, LimitedMacroTakesFieldsOrNone) {
    for (int i = 0; i < 10; ++i) {
        DL_LOG_LIMITED(1, LogLevel::warn, "a", "fields", {"i", i});
        DL_LOG_LIMITED(1, LogLevel::warn, "a", "none");
    }
    EXPECT_LE(std::count(g_captured.begin(), g_captured.end(), '\n'), 4);
    EXPECT_NE(g_captured.find("msg=\"fields\" i=0 suppressed=0"), std::string::npos) << g_captured;
}

}  // namespace
}  // namespace dl
