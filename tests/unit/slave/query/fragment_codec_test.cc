#include "slave/query/fragment_codec.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "tests/unit/slave/query/query_fixture.h"

namespace dl::slave::test {
namespace {

class FragmentCodecTest : public QueryFixture {
  protected:
    // A unit of one row whose text has that many bytes.
    ScanUnit unit(std::size_t bytes) {
        return tail_unit({{std::to_string(++rows_), std::string(bytes, 'x'), "-"}});
    }
    EncodedFragment encode(const std::vector<ScanUnit>& units) {
        auto view = std::make_shared<TestView>();
        view->units = units;
        pin({view});
        auto encoded = encode_fragment(query("SELECT * FROM t"), cache_);
        EXPECT_TRUE(encoded) << encoded.error().to_text();
        return encoded ? std::move(*encoded) : EncodedFragment{};
    }
    // The rows on the other side.
    Rows decoded(const EncodedFragment& encoded) {
        std::vector<UniqueFd> fds;
        for (const auto& memory : encoded.memory)
            fds.emplace_back(::fcntl(memory->fd(), F_DUPFD_CLOEXEC, 0));
        auto query = decode_fragment(encoded.head, std::move(fds));
        EXPECT_TRUE(query) << query.error().to_text();
        Rows all;
        if (!query) return all;
        const auto tail = query->view->tables.at(TableId{5}).partitions.at(PartitionId{0})->tail({});
        for (;;) {
            auto next = tail->next();
            EXPECT_TRUE(next) << next.error().to_text();
            if (!next || !*next) return all;
            for (auto& row : rows_of((*next)->batch))
                all.push_back(std::move(row));
        }
    }
    static std::vector<const SealedMemory*> memories(const EncodedFragment& encoded) {
        std::vector<const SealedMemory*> all;
        for (const auto& memory : encoded.memory)
            all.push_back(memory.get());
        return all;
    }
    SealedCache cache_{64u << 20};
    int rows_ = 0;
};

TEST_F(FragmentCodecTest, ASmallTailGoesInTheHead) {
    const std::vector<ScanUnit> units{unit(10), unit(1000), unit(7)};
    const auto encoded = encode(units);
    EXPECT_TRUE(encoded.memory.empty());
    const auto rows = decoded(encoded);
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[1][1].size(), 1000u);
    EXPECT_EQ(rows[2][0], "3");
}

// What is appended costs no copy of what was there.
TEST_F(FragmentCodecTest, SmallBatchesAreSealedTogetherOnce) {
    std::vector<ScanUnit> units;
    for (int i = 0; i < 30; ++i)
        units.push_back(unit(10'001));
    const auto first = encode(units);
    ASSERT_EQ(first.memory.size(), 4u) << "of 7 batches each; two are left";
    units.push_back(unit(20));
    const auto second = encode(units);
    EXPECT_EQ(memories(first), memories(second));
    EXPECT_LT(second.head.size(), 30'000u);
    const auto rows = decoded(second);
    ASSERT_EQ(rows.size(), 31u);
    for (std::size_t i = 0; i < rows.size(); ++i)
        EXPECT_EQ(rows[i][0], std::to_string(i + 1)) << "in their order";
}

TEST_F(FragmentCodecTest, LongTailsTakeFewMemories) {
    std::vector<ScanUnit> units;
    for (int i = 0; i < 450; ++i)
        units.push_back(unit(10'000));
    units.push_back(unit(200'000));  // by itself
    units.push_back(unit(10));
    const auto encoded = encode(units);
    EXPECT_LE(encoded.memory.size(), 4u + 16u + 1u) << "4.5 MB: 1 MiB each, the rest of 64 KiB each";
    EXPECT_EQ(decoded(encoded).size(), 452u);
}

// The first batch is the same, the next one is another: as after a log that was cut off.
TEST_F(FragmentCodecTest, AnotherTailIsAnotherMemory) {
    const auto shared = unit(40'000);
    const auto first = encode({shared, unit(40'000)});
    const auto second = encode({shared, unit(50'000)});
    ASSERT_EQ(first.memory.size(), 1u);
    ASSERT_EQ(second.memory.size(), 1u);
    EXPECT_NE(memories(first), memories(second));
    const auto rows = decoded(second);
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[1][1].size(), 50'000u);
}

TEST_F(FragmentCodecTest, WhatIsCutShortIsRefused) {
    const auto encoded = encode({unit(10), unit(70'000)});
    for (std::size_t size = 0; size < encoded.head.size(); ++size) {
        std::vector<UniqueFd> fds;
        for (const auto& memory : encoded.memory)
            fds.emplace_back(::fcntl(memory->fd(), F_DUPFD_CLOEXEC, 0));
        EXPECT_FALSE(decode_fragment(std::string_view(encoded.head).substr(0, size), std::move(fds))) << size;
    }
    EXPECT_FALSE(decode_fragment(encoded.head, {})) << "without its memory";
}

}  // namespace
}  // namespace dl::slave::test
