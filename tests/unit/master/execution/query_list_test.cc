#include "master/execution/query_list.h"

#include <gtest/gtest.h>

#include <limits>

namespace dl::master {
namespace {

using std::chrono::system_clock;

const auto kStart = system_clock::time_point(std::chrono::sys_days{std::chrono::year{2026} / 11 / 28});

QueryList::Entry add(QueryList& list, const std::string& sql, std::string* killed = nullptr) {
    return list.add("10.0.0.7:51234", sql, [killed](std::string said) {
        if (killed != nullptr) *killed = std::move(said);
    });
}

TEST(QueryList, NumbersAreThoseOfNoEarlierRun) {
    QueryList before(kStart);
    std::uint64_t last = 0;
    for (int i = 0; i < 5000; ++i) {
        const auto entry = add(before, "select 1");
        EXPECT_GT(entry.number(), last);
        last = entry.number();
    }
    QueryList after(kStart + std::chrono::seconds(1));
    const auto entry = add(after, "select 2");
    EXPECT_GT(entry.number(), last);
    const auto old = after.kill(last, "me");
    ASSERT_FALSE(old);
    EXPECT_EQ(old.error().code, ErrorCode::not_found);
    EXPECT_NE(old.error().message.find("there was no query " + std::to_string(last)), std::string::npos);
    EXPECT_EQ(after.running().size(), 1u);
}

TEST(QueryList, NumbersAreExactInJsonAndShort) {
    QueryList now(kStart);
    const auto entry = add(now, "select 1");
    EXPECT_EQ(std::to_string(entry.number()).size(), 12u);
    QueryList late(system_clock::time_point(std::chrono::sys_days{std::chrono::year{2200} / 1 / 1}));
    EXPECT_LT(add(late, "select 1").number(), std::uint64_t{1} << 53);
    // A clock that was never set.
    QueryList unset(system_clock::time_point{});
    EXPECT_EQ(add(unset, "select 1").number(), 1u);
}

TEST(QueryList, KillReachesItsStatement) {
    QueryList list(kStart);
    std::string killed, other;
    const auto beside = add(list, "select 1", &other);
    std::uint64_t number = 0;
    {
        const auto entry = add(list, "select 2", &killed);
        number = entry.number();
        EXPECT_TRUE(list.kill(number, "10.0.0.9:1"));
        EXPECT_NE(killed.find("killed by KILL QUERY " + std::to_string(number) + " of 10.0.0.9:1"),
                  std::string::npos);
    }
    EXPECT_NE(list.kill(number, "me").error().message.find("has ended"), std::string::npos);
    EXPECT_TRUE(other.empty());
}

TEST(QueryList, MemoryIsThatOfAllProcessesThatAreKnown) {
    QueryList list(kStart);
    const auto merged = add(list, "select 1");
    const auto whole = add(list, "select 2");
    const auto waits = add(list, "select 3");
    list.set_memory([&] { return QueryList::MemoryByNumber{{merged.number(), 1000}, {7, 1}}; });
    list.told_memory(NodeId{1}, {{merged.number(), 50}, {whole.number(), 200}});
    list.told_memory(NodeId{2}, {{merged.number(), 5}});
    auto running = list.running();
    ASSERT_EQ(running.size(), 3u);
    EXPECT_EQ(running[0].memory_bytes, 1055u);
    EXPECT_EQ(running[1].memory_bytes, 200u);
    EXPECT_EQ(running[2].memory_bytes, std::nullopt) << "nothing is known of it";
    list.told_memory(NodeId{1}, {});
    running = list.running();
    EXPECT_EQ(running[0].memory_bytes, 1005u);
    EXPECT_EQ(running[1].memory_bytes, std::nullopt) << "the slave tells all it has each time";
}

}  // namespace
}  // namespace dl::master
