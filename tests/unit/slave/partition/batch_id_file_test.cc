#include "slave/partition/batch_id_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "common/base/byte_io.h"
#include "common/base/crc32c.h"

namespace dl::slave {
namespace {

constexpr BatchIdFileOwner kOwner{TableId{7}, PartitionId{3}};

class BatchIdFileTest : public ::testing::Test {
  protected:
    void SetUp() override {
        root_ = ::testing::TempDir() + "batch-ids-" + std::to_string(::getpid());
        std::filesystem::remove_all(root_);
        ASSERT_TRUE(files_.create_directories(root_).has_value());
    }
    void TearDown() override { std::filesystem::remove_all(root_); }

    std::string write(const std::vector<BatchGroup>& groups, const std::string& name = "batch-ids.1") {
        const auto path = root_ + "/" + name;
        auto writer = BatchIdFileWriter::create(files_, path, kOwner);
        EXPECT_TRUE(writer.has_value());
        for (const auto& group : groups)
            EXPECT_TRUE((*writer)->add(group).has_value());
        EXPECT_TRUE((*writer)->finish().has_value());
        return path;
    }
    void put(const std::string& path, std::string_view bytes) {
        std::filesystem::remove(path);
        const auto file = *files_.open_append(path, true);
        ASSERT_TRUE(file->append({&bytes, 1}).has_value());
    }
    Result<std::shared_ptr<const BatchIdFile>> open(const std::string& path) {
        return BatchIdFile::open(files_, path, 1, kOwner);
    }

    FileSystem& files_ = posix_file_system();
    std::string root_;
};

BatchGroup text_id(Hash128 id, Offset first, std::uint32_t count, std::int64_t time) {
    return {
        .id = id, .forgotten = 0, .batches = {{0, first, count, time, SchemaId{2}, 0xabcdef01u + id.low}}};
}

std::vector<BatchGroup> sample() {
    BatchGroup producer{.id = {5, 6}, .forgotten = 40, .batches = {}};
    for (std::uint64_t i = 0; i < 32; ++i)
        producer.batches.push_back({41 + 2 * i, static_cast<Offset>(1000 + i), 3, 70, SchemaId{1}, i});
    return {text_id({1, 2}, 10, 5, 50), std::move(producer), text_id({~0ull, 1}, 0, 1, 60)};
}

TEST_F(BatchIdFileTest, GoldenFile) {
    const auto path = write(sample());
    const auto golden_path = std::string(DL_GOLDEN_DIR) + "/batch-ids-v3";
    if (std::getenv("DL_REGENERATE_GOLDEN") != nullptr)
        std::filesystem::copy_file(path, golden_path, std::filesystem::copy_options::overwrite_existing);
    const auto golden = files_.read_all(golden_path);
    ASSERT_TRUE(golden.has_value()) << golden.error().to_text();
    EXPECT_EQ(*files_.read_all(path), *golden);
    put(root_ + "/golden", *golden);
    const auto file = open(root_ + "/golden");
    ASSERT_TRUE(file.has_value()) << file.error().to_text();
    EXPECT_EQ((*file)->entries(), 35u);
    EXPECT_EQ((*file)->newest_us(), 70);
    const auto found = *(*file)->find({5, 6});
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->forgotten, 40u);
    ASSERT_EQ(found->batches.size(), 32u);
    EXPECT_EQ(found->batches[31].sequence, 103u);
    EXPECT_EQ(found->batches[31].first, 1031);
    EXPECT_EQ(found->batches[31].schema, SchemaId{1});
    EXPECT_EQ(found->batches[31].digest, 31u);
    EXPECT_EQ((*(*file)->find({1, 2}))->batches[0].count, 5u);
    EXPECT_FALSE((*(*file)->find({1, 3})).has_value());
}

TEST_F(BatchIdFileTest, OfVersion2ItKnowsNoDigests) {
    put(root_ + "/golden", *files_.read_all(std::string(DL_GOLDEN_DIR) + "/batch-ids-v2"));
    const auto file = open(root_ + "/golden");
    ASSERT_TRUE(file.has_value()) << file.error().to_text();
    EXPECT_EQ((*file)->entries(), 35u);
    auto found = *(*file)->find({5, 6});
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->forgotten, 40u);
    ASSERT_EQ(found->batches.size(), 32u);
    EXPECT_EQ(found->batches[31].first, 1031);
    EXPECT_EQ(found->batches[31].digest, 0u);
    found = *(*file)->find({1, 2});
    EXPECT_EQ(found->batches[0].count, 5u);
    EXPECT_EQ(found->batches[0].digest, 0u);
}

TEST_F(BatchIdFileTest, FindsEachOfManyAndNoOther) {
    std::mt19937_64 random(11);
    std::map<Hash128, Offset> wanted;
    std::vector<BatchGroup> groups;
    for (Offset i = 0; i < 20'000; ++i) {
        // Ids with the same upper half lie in neighbouring blocks.
        const Hash128 id{random() % 64 == 0 ? random() : (random() % 100) << 57, random()};
        wanted.emplace(id, i);
    }
    for (const auto& [id, first] : wanted)
        groups.push_back(text_id(id, first, 1, first));
    const auto file = *open(write(groups));
    for (const auto& [id, first] : wanted) {
        const auto found = file->find(id);
        ASSERT_TRUE(found.has_value() && found->has_value());
        EXPECT_EQ((*found)->batches[0].first, first);
    }
    for (int i = 0; i < 5000; ++i)
        EXPECT_FALSE(file->find({(random() % 100) << 57, random()})->has_value());
    BatchIdFile::Cursor cursor(*file);
    std::size_t seen = 0;
    for (auto at = wanted.begin();; ++at, ++seen) {
        const auto group = cursor.next();
        ASSERT_TRUE(group.has_value());
        if (!*group) break;
        EXPECT_EQ((*group)->id, at->first);
    }
    EXPECT_EQ(seen, wanted.size());
    EXPECT_LT(file->resident_bytes(), 2 * wanted.size());
}

TEST_F(BatchIdFileTest, EveryFlippedBitAndEveryCutIsFound) {
    const auto bytes = *files_.read_all(write(sample()));
    const auto damaged = root_ + "/damaged";
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        auto flipped = bytes;
        flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
        put(damaged, flipped);
        const auto file = open(damaged);
        if (file.has_error()) {
            EXPECT_EQ(file.error().code, ErrorCode::corrupt_data);
            continue;
        }
        for (const auto& group : sample()) {
            const auto found = (*file)->find(group.id);
            ASSERT_TRUE(found.has_error()) << "byte " << at;
            EXPECT_EQ(found.error().code, ErrorCode::corrupt_data);
            EXPECT_NE(found.error().message.find(damaged), std::string::npos);
        }
    }
    for (std::size_t size = 0; size < bytes.size(); size += 3) {
        put(damaged, std::string_view(bytes).substr(0, size));
        ASSERT_TRUE(open(damaged).has_error()) << size;
    }
    EXPECT_TRUE(
        BatchIdFile::open(files_, write(sample(), "other"), 1, {TableId{7}, PartitionId{4}}).has_error());
}

TEST_F(BatchIdFileTest, Version1IsRead) {
    std::string body;
    for (std::uint64_t i = 1; i <= 3; ++i) {
        append_le(body, i);
        append_le(body, i * 10);
        append_le(body, static_cast<Offset>(i * 100));
        append_le(body, static_cast<Offset>(i * 100 + 9));
    }
    std::string bytes;
    append_le(bytes, std::uint32_t{0x49424c44});
    append_le(bytes, std::uint32_t{1});
    append_le(bytes, std::uint64_t{3});
    append_le(bytes, crc32c(0, body.data(), body.size()));
    append_le(bytes, crc32c(0, bytes.data(), bytes.size()));
    bytes += body;
    const auto read = decode_batch_ids_v1(bytes);
    ASSERT_TRUE(read.has_value()) << read.error().to_text();
    ASSERT_EQ(read->size(), 3u);
    EXPECT_EQ((*read)[2].id, (Hash128{3, 30}));
    EXPECT_EQ((*read)[2].last, 309);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        auto damaged = bytes;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
        EXPECT_TRUE(decode_batch_ids_v1(damaged).has_error()) << "bit " << bit;
    }
}

}  // namespace
}  // namespace dl::slave
