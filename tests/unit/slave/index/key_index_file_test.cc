#include "slave/index/key_index_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace dl::slave {
namespace {

Hash128 hash_of(std::uint64_t key) {
    return index_hash({reinterpret_cast<const char*>(&key), sizeof key}, 5);
}

class KeyIndexFile : public ::testing::Test {
  protected:
    void SetUp() override {
        path_ = ::testing::TempDir() + "kix-" + std::to_string(::getpid()) + "-" +
                ::testing::UnitTest::GetInstance()->current_test_info()->name();
        std::filesystem::remove(path_);
    }
    void TearDown() override { std::filesystem::remove(path_); }

    KeyIndexInfo write(std::uint32_t keys) {
        const KeyIndexInfo info{100, 100 + Offset{keys} + 1, keys + 1, 5};
        std::vector<std::pair<Hash128, std::uint32_t>> entries;
        for (std::uint32_t i = 0; i < keys; ++i)
            entries.emplace_back(hash_of(i), i);
        std::sort(entries.begin(), entries.end());
        KeyIndexWriter writer(info);
        for (const auto& [hash, row] : entries)
            writer.add(hash, row, row % 3 == 0);
        const auto written = writer.write(posix_file_system(), path_);
        EXPECT_TRUE(written.has_value()) << written.error().to_text();
        return info;
    }
    std::string path_;
};

TEST_F(KeyIndexFile, FindsEveryKeyAndNoOther) {
    for (const std::uint32_t keys : {0u, 1u, 7u, 8u, 9u, 1000u, 50000u}) {
        std::filesystem::remove(path_);
        const auto info = write(keys);
        const auto index = KeyIndex::open(posix_file_system(), path_, info);
        ASSERT_TRUE(index.has_value()) << index.error().to_text();
        EXPECT_EQ((*index)->entries(), keys);
        std::vector<Hash128> hashes;
        for (std::uint32_t i = 0; i < keys + 20000; ++i)
            hashes.push_back(hash_of(i));  // beyond `keys`: filter, then miss
        std::vector<std::uint32_t> rows(hashes.size());
        (*index)->find(hashes, rows.data());
        for (std::uint32_t i = 0; i < rows.size(); ++i)
            ASSERT_EQ(rows[i], i < keys ? i : KeyIndex::kNone) << i;
        for (std::uint64_t i = 0; i < keys; ++i)
            EXPECT_EQ((*index)->entry(i).is_delete, (*index)->entry(i).row % 3 == 0);
    }
}

// The filter lets some strange keys through: the entries themselves decide.
TEST_F(KeyIndexFile, FilterHasAboutOnePercentFalsePositives) {
    BloomBuilder builder(20000);
    for (std::uint32_t i = 0; i < 20000; ++i)
        builder.add(hash_of(i));
    const BloomView view(builder.bytes().data(), builder.blocks());
    for (std::uint32_t i = 0; i < 20000; ++i)
        ASSERT_TRUE(view.may_contain(hash_of(i)));
    int wrong = 0;
    for (std::uint32_t i = 20000; i < 120000; ++i)
        wrong += view.may_contain(hash_of(i)) ? 1 : 0;
    EXPECT_GT(wrong, 100);
    EXPECT_LT(wrong, 2500);
}

TEST_F(KeyIndexFile, EverySingleBitFlipIsFound) {
    const auto info = write(40);
    const std::string bytes = *posix_file_system().read_all(path_);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        auto damaged = bytes;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
        std::ofstream(path_, std::ios::binary | std::ios::trunc) << damaged;
        const auto index = KeyIndex::open(posix_file_system(), path_, info);
        ASSERT_TRUE(index.has_error()) << "bit " << bit;
        ASSERT_EQ(index.error().code, ErrorCode::corrupt_data);
    }
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes.substr(0, bytes.size() - 1);
    EXPECT_TRUE(KeyIndex::open(posix_file_system(), path_, info).has_error());
}

TEST_F(KeyIndexFile, RefusesTheIndexOfAnotherFile) {
    auto info = write(40);
    info.end_offset += 1;
    EXPECT_EQ(KeyIndex::open(posix_file_system(), path_, info).error().code, ErrorCode::corrupt_data);
}

TEST_F(KeyIndexFile, GoldenFileStaysReadable) {
    const KeyIndexInfo info{100, 141, 41, 5};
    const std::string golden = std::string(DL_GOLDEN_DIR) + "/key-index-v1.kix";
    const auto index = KeyIndex::open(posix_file_system(), golden, info);
    ASSERT_TRUE(index.has_value()) << index.error().to_text();
    for (std::uint32_t i = 0; i < 40; ++i) {
        const auto hash = hash_of(i);
        std::uint32_t row = 0;
        (*index)->find({&hash, 1}, &row);
        EXPECT_EQ(row, i);
    }
    write(40);
    EXPECT_EQ(*posix_file_system().read_all(path_), *posix_file_system().read_all(golden));
}

}  // namespace
}  // namespace dl::slave
