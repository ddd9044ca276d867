#include "slave/index/key_index_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

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
        ASSERT_TRUE((*index)->find(hashes, rows.data()).has_value());
        for (std::uint32_t i = 0; i < rows.size(); ++i)
            ASSERT_EQ(rows[i], i < keys ? i : KeyIndex::kNone) << i;
        KeyIndex::Cursor entries(**index);
        KeyIndex::Entry entry;
        std::uint64_t count = 0;
        for (Hash128 last; *entries.next(&entry); last = entry.hash, ++count) {
            EXPECT_TRUE(count == 0 || last < entry.hash);
            EXPECT_EQ(entry.is_delete, entry.row % 3 == 0);
            const auto found = (*index)->find(entry.hash);
            ASSERT_TRUE(found && *found);
            EXPECT_EQ((*found)->row, entry.row);
        }
        EXPECT_EQ(count, keys);
    }
}

// The filter lets some strange keys through: the entries themselves decide.
// However many indexes there are, few are mapped; every one answers all the same, also on many threads.
TEST_F(KeyIndexFile, FewAreMappedAndAllAnswer) {
    constexpr std::size_t kIndexes = 40, kMapped = 8;
    constexpr std::uint32_t kKeys = 300;
    PooledMapping::set_mapped_max(kMapped);
    const auto info = write(kKeys);
    std::vector<std::string> paths;
    std::vector<std::shared_ptr<const KeyIndex>> indexes;
    for (std::size_t i = 0; i < kIndexes; ++i) {
        paths.push_back(path_ + "." + std::to_string(i));
        std::filesystem::copy_file(path_, paths.back());
        auto index = KeyIndex::open(posix_file_system(), paths.back(), info);
        ASSERT_TRUE(index.has_value()) << index.error().to_text();
        indexes.push_back(*index);
    }
    EXPECT_LE(PooledMapping::mapped(), kMapped + 1);
    {
        std::vector<std::jthread> threads;
        for (std::uint32_t t = 0; t < 4; ++t)
            threads.emplace_back([&indexes, t] {
                for (std::uint32_t i = 0; i < 4000; ++i) {
                    const auto& index = indexes[(i * 7 + t * 13) % indexes.size()];
                    const auto found = index->find(hash_of(i % kKeys));
                    ASSERT_TRUE(found.has_value()) << found.error().to_text();
                    ASSERT_TRUE(*found);
                    ASSERT_EQ((*found)->row, i % kKeys);
                }
            });
    }
    EXPECT_LE(PooledMapping::mapped(), kMapped + 4);
    // A file that has become another one meanwhile gives no answer.
    for (std::size_t i = 0; i < kIndexes; ++i)
        std::filesystem::resize_file(paths[i], 64);
    std::size_t refused = 0;
    for (const auto& index : indexes)
        refused += index->find(hash_of(1)).has_error() ? 1 : 0;
    EXPECT_EQ(refused, kIndexes);
    for (const auto& path : paths)
        std::filesystem::remove(path);
    PooledMapping::set_mapped_max(PooledMapping::kMappedMax);
}

TEST_F(KeyIndexFile, FilterHasAboutOnePercentFalsePositives) {
    BloomBuilder builder(20000);
    for (std::uint32_t i = 0; i < 20000; ++i)
        builder.add(hash_of(i));
    const auto may_contain = [&](const Hash128& hash) {
        const auto block = bloom_block_of(hash, builder.blocks());
        return bloom_may_contain(builder.bytes().data() + block * kLineContentBytes, hash);
    };
    for (std::uint32_t i = 0; i < 20000; ++i)
        ASSERT_TRUE(may_contain(hash_of(i)));
    int wrong = 0;
    for (std::uint32_t i = 20000; i < 120000; ++i)
        wrong += may_contain(hash_of(i)) ? 1 : 0;
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
    const std::string golden = std::string(DL_GOLDEN_DIR) + "/key-index-v2.kix";
    const auto index = KeyIndex::open(posix_file_system(), golden, info);
    ASSERT_TRUE(index.has_value()) << index.error().to_text();
    for (std::uint32_t i = 0; i < 40; ++i) {
        const auto hash = hash_of(i);
        std::uint32_t row = 0;
        ASSERT_TRUE((*index)->find({&hash, 1}, &row).has_value());
        EXPECT_EQ(row, i);
    }
    write(40);
    EXPECT_EQ(*posix_file_system().read_all(path_), *posix_file_system().read_all(golden));
}

// It is made again from its Parquet file.
TEST_F(KeyIndexFile, VersionOneIsRefusedByName) {
    const auto index = KeyIndex::open(posix_file_system(), std::string(DL_GOLDEN_DIR) + "/key-index-v1.kix",
                                      {100, 141, 41, 5});
    ASSERT_TRUE(index.has_error());
    EXPECT_EQ(index.error().code, ErrorCode::corrupt_data);
    EXPECT_NE(index.error().message.find("format version 1"), std::string::npos) << index.error().message;
}

// While it is mapped and after it was used: no answer comes from damaged bytes, none is lost by others.
TEST_F(KeyIndexFile, DamageUnderTheMappingIsNeverAnAnswer) {
    const auto info = write(5000);
    const std::string bytes = *posix_file_system().read_all(path_);
    const auto index = *KeyIndex::open(posix_file_system(), path_, info);
    const auto ask = [&](std::uint32_t key) {
        const auto hash = hash_of(key);
        std::uint32_t row = 0;
        const auto many = index->find({&hash, 1}, &row);
        const auto one = index->find(hash);
        EXPECT_EQ(many.has_error(), one.has_error());
        if (many.has_value()) {
            EXPECT_EQ(row, key < 5000 ? key : KeyIndex::kNone);
            EXPECT_EQ(one->has_value(), key < 5000);
        }
        return many.has_error();
    };
    for (std::uint32_t key = 0; key < 6000; ++key)
        ASSERT_FALSE(ask(key));
    EXPECT_FALSE(index->is_doubted());
    std::size_t failed = 0;
    for (std::size_t page = 4096; page < bytes.size(); page += 4096) {
        std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
        const auto length = std::min<std::size_t>(4096, bytes.size() - page);
        file.seekp(static_cast<std::streamoff>(page))
            .write(std::string(length, '\0').data(), static_cast<std::streamsize>(length))
            .flush();
        std::size_t here = 0;
        for (std::uint32_t key = 0; key < 6000; ++key)
            here += ask(key) ? 1 : 0;
        EXPECT_GT(here, 0u) << page;
        failed += here;
        file.seekp(static_cast<std::streamoff>(page))
            .write(bytes.data() + page, static_cast<std::streamsize>(length))
            .flush();
    }
    EXPECT_GT(failed, 6000u) << "each key needs two lines at least";
    EXPECT_TRUE(index->is_doubted());
    // A page from elsewhere has right lines, in the wrong place.
    std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(8192).write(bytes.data() + 4096, 4096).flush();
    std::size_t misplaced = 0;
    for (std::uint32_t key = 0; key < 6000; ++key)
        misplaced += ask(key) ? 1 : 0;
    EXPECT_GT(misplaced, 0u);
}

TEST_F(KeyIndexFile, AFileCutShortUnderTheMappingIsDamageNotTheEnd) {
    const auto info = write(5000);
    const auto index = *KeyIndex::open(posix_file_system(), path_, info);
    std::filesystem::resize_file(path_, 4096);
    EXPECT_TRUE(index->check().has_error());
    const auto hash = hash_of(1);
    EXPECT_TRUE(index->find(hash).has_error());
}

}  // namespace
}  // namespace dl::slave
