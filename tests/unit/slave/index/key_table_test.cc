#include "slave/index/key_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

namespace dl::slave {
namespace {

Hash128 hash_of(std::uint64_t key) {
    return index_hash({reinterpret_cast<const char*>(&key), sizeof key}, 5);
}

TEST(KeyTable, PutReturnsTheNewestRowBefore) {
    KeyTable table;
    std::map<std::uint64_t, std::uint32_t> model;
    std::mt19937 random(3);
    for (std::uint32_t row = 0; row < 20000; ++row) {
        const std::uint64_t key = random() % 5000;
        const auto before = model.find(key);
        EXPECT_EQ(table.put(hash_of(key)), before == model.end() ? KeyTable::kNone : before->second);
        model[key] = row;
    }
    EXPECT_EQ(table.keys(), model.size());
    for (const auto& [key, row] : model)
        EXPECT_EQ(table.find(hash_of(key)), row);
    EXPECT_EQ(table.find(hash_of(5001)), KeyTable::kNone);
}

TEST(KeyTable, SortedHoldsTheNewestRowOfEachKeyAscending) {
    KeyTable table;
    for (std::uint64_t i = 0; i < 30000; ++i)
        table.put(hash_of(i % 9000));
    const auto entries = table.sorted();
    ASSERT_EQ(entries.size(), 9000u);
    for (std::size_t i = 1; i < entries.size(); ++i)
        ASSERT_LT(entries[i - 1].hash, entries[i].hash);
    for (const auto& entry : entries)
        EXPECT_GE(entry.row, 21000u);
}

// Keys with the same leading bits, also in the last slots, which wrap round to the first.
TEST(KeyTable, CollidingLeadingBitsAreToldApart) {
    KeyTable table;
    for (std::uint64_t i = 0; i < 40; ++i) {
        EXPECT_EQ(table.put({~std::uint64_t{0} - (i % 3), i}), KeyTable::kNone);
        EXPECT_EQ(table.put({i, i}), KeyTable::kNone);
    }
    for (std::uint64_t i = 0; i < 40; ++i)
        EXPECT_EQ(table.find({~std::uint64_t{0} - (i % 3), i}), 2 * i);
    const auto entries = table.sorted();
    EXPECT_TRUE(std::is_sorted(entries.begin(), entries.end(),
                               [](const KeyRow& a, const KeyRow& b) { return a.hash < b.hash; }));
    EXPECT_EQ(entries.size(), 80u);
}

}  // namespace
}  // namespace dl::slave
