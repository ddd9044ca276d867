#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <set>

#include "common/io/file_system.h"
#include "slave/snapshot/delete_vector.h"
#include "slave/snapshot/manifest.h"
#include "slave/snapshot/manifest_changes.h"

namespace dl::slave {
namespace {

std::shared_ptr<const DeleteVector> sample_vector() {
    const std::vector<std::uint32_t> rows = {0, 5, 65535, 65536, 199'999};
    return DeleteVector(200'000).with(rows);
}

TEST(DeleteVectorTest, VersionsAreIndependentAndCountTheirRows) {
    std::mt19937 random(1);
    std::set<std::uint32_t> model;
    std::shared_ptr<const DeleteVector> vector = std::make_shared<DeleteVector>(300'000);
    const auto empty = vector;
    for (int step = 0; step < 20; ++step) {
        std::vector<std::uint32_t> rows(200);
        for (auto& row : rows)
            row = static_cast<std::uint32_t>(random() % 300'000);
        const auto before = vector;
        const auto dead_before = vector->dead();
        vector = vector->with(rows);
        std::set<std::uint32_t> added;
        for (const auto row : rows)
            if (model.insert(row).second) added.insert(row);
        ASSERT_EQ(before->dead(), dead_before);
        ASSERT_EQ(vector->dead(), model.size());
        ASSERT_EQ(vector->rows_since(*before), std::vector<std::uint32_t>(added.begin(), added.end()));
    }
    EXPECT_EQ(vector->rows_since(*empty), std::vector<std::uint32_t>(model.begin(), model.end()));
    EXPECT_EQ(vector->with(std::vector<std::uint32_t>(model.begin(), model.end())), nullptr);
    for (std::uint32_t row = 0; row < 300'000; row += 7)
        ASSERT_EQ(vector->is_dead(row), model.contains(row));
}

TEST(DeleteVectorTest, FilterKeepsLiveRowsInsideTheFileOnly) {
    const std::int64_t rows[] = {0, 1, 65535, 199'998, 199'999, 200'000, -1};
    bool keep[7];
    sample_vector()->filter(rows, 7, keep);
    const bool expected[] = {false, true, false, true, false, false, false};
    EXPECT_TRUE(std::equal(keep, keep + 7, expected));
}

TEST(DeleteVectorTest, FilterOfConsecutiveRowsIsThatOfSingleOnes) {
    std::mt19937 random(3);
    std::vector<std::uint32_t> dead;
    for (std::uint32_t row = 0; row < 65'536; ++row)  // the second bitmap has none
        if (random() % 3 == 0) dead.push_back(row);
    dead.push_back(140'000);
    const auto vector = DeleteVector(150'000).with(dead);
    for (int i = 0; i < 300; ++i) {
        const std::size_t count = random() % 2050;
        const auto first =
            static_cast<std::int64_t>(i % 3 == 0 ? 64'000 + random() % 2000 : random() % 150'500);
        std::vector<std::int64_t> rows(count);
        for (std::size_t r = 0; r < count; ++r)
            rows[r] = first + static_cast<std::int64_t>(r);
        if (i % 5 == 0 && count > 2) rows[count / 2] += 1;
        std::unique_ptr<bool[]> keep(new bool[count]);
        vector->filter(rows.data(), count, keep.get());
        for (std::size_t r = 0; r < count; ++r) {
            const bool live = rows[r] < 150'000 && !vector->is_dead(static_cast<std::uint64_t>(rows[r]));
            ASSERT_EQ(keep[r], live) << "row " << rows[r];
        }
    }
}

TEST(DeleteVectorTest, RoundTripAndEverySingleBitFlipIsFound) {
    const auto bytes = sample_vector()->encode(10, 300'000);
    const auto read = DeleteVector::decode(bytes, 10, 300'000, 200'000);
    ASSERT_TRUE(read.has_value()) << read.error().to_text();
    EXPECT_EQ((*read)->rows_since(DeleteVector(200'000)), sample_vector()->rows_since(DeleteVector(200'000)));
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        auto damaged = bytes;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
        ASSERT_TRUE(DeleteVector::decode(damaged, 10, 300'000, 200'000).has_error()) << "bit " << bit;
    }
    for (std::size_t size = 0; size < bytes.size(); ++size)
        ASSERT_TRUE(
            DeleteVector::decode(std::string_view(bytes).substr(0, size), 10, 300'000, 200'000).has_error());
    EXPECT_TRUE(DeleteVector::decode(bytes, 11, 300'000, 200'000).has_error());
}

TEST(DeleteVectorTest, GoldenFileStaysReadable) {
    const auto golden = posix_file_system().read_all(std::string(DL_GOLDEN_DIR) + "/delete-vector-v1.dv");
    ASSERT_TRUE(golden.has_value()) << golden.error().to_text();
    const auto read = DeleteVector::decode(*golden, 10, 300'000, 200'000);
    ASSERT_TRUE(read.has_value()) << read.error().to_text();
    EXPECT_EQ((*read)->dead(), 5u);
    EXPECT_EQ(sample_vector()->encode(10, 300'000), *golden);
}

Manifest sample_manifest() {
    Manifest manifest;
    manifest.edition = 9;
    manifest.table = TableId{7};
    manifest.partition = PartitionId{3};
    manifest.flushed_end = 1500;
    manifest.compacted_end = 1000;
    manifest.log_start = 950;
    manifest.batch_ids = {6, 8};
    ManifestFile compacted{.first_offset = 0,
                           .end_offset = 900,
                           .edition = 4,
                           .compacted = true,
                           .rows = 10,
                           .first_row_offset = 3,
                           .last_row_offset = 800,
                           .parquet_bytes = 1234,
                           .parquet_crc = 4'000'000'000u,
                           .plain_bytes = 5000,
                           .epoch = LeaderEpoch{2},
                           .vector_version = 9,
                           .fields = {{FieldId{1}, "f1", DataType{TypeKind::int64}, false, {}},
                                      {FieldId{4}, "f4", DataType{TypeKind::decimal, 10, 2}, false, {}}}};
    ManifestFile flushed{.first_offset = 1000,
                         .end_offset = 1500,
                         .edition = 7,
                         .compacted = false,
                         .rows = 500,
                         .first_row_offset = 1000,
                         .last_row_offset = 1499,
                         .parquet_bytes = 99,
                         .parquet_crc = 1,
                         .plain_bytes = 77,
                         .epoch = LeaderEpoch{2},
                         .vector_version = 7,
                         .fields = {{FieldId{1}, "f1", DataType{TypeKind::int64}, false, {}}}};
    manifest.files = {compacted, flushed};
    return manifest;
}

std::string golden(const std::string& name, const std::string& text = {}) {
    const auto path = std::string(DL_GOLDEN_DIR) + "/" + name;
    if (!text.empty() && std::getenv("DL_REGENERATE_GOLDEN") != nullptr)
        std::ofstream(path, std::ios::binary) << text;
    const auto read = posix_file_system().read_all(path);
    EXPECT_TRUE(read.has_value()) << read.error().to_text();
    return read.has_value() ? *read : "";
}

TEST(ManifestTest, OfVersion2ItIsRead) {
    const auto read = decode_manifest(golden("manifest-v2"));
    ASSERT_TRUE(read.has_value()) << read.error().to_text();
    EXPECT_EQ(encode_manifest(*read), encode_manifest(sample_manifest()));
    EXPECT_EQ(read->files[0].fields[1].type, (DataType{TypeKind::decimal, 10, 2}));
    EXPECT_EQ(read->files[1].stem(), "00000000000000001000-00000000000000001500.7");
}

// A flush, and the compaction of all it has brought.
std::vector<Manifest> later_manifests() {
    auto flushed = sample_manifest();
    flushed.edition = 10;
    flushed.flushed_end = 1600;
    flushed.files[1].vector_version = 10;
    auto file = flushed.files[1];
    file.first_offset = file.first_row_offset = 1500;
    file.end_offset = 1600;
    file.last_row_offset = 1599;
    file.rows = 100;
    file.edition = file.vector_version = 10;
    flushed.files.push_back(file);
    auto compacted = flushed;
    compacted.edition = 12;
    compacted.compacted_end = 1600;
    compacted.log_start = 1500;
    compacted.batch_ids = {8, 11};
    file.first_offset = file.first_row_offset = 900;
    file.rows = 90;
    file.compacted = true;
    file.edition = file.vector_version = 12;
    compacted.files = {flushed.files[0], file};
    return {sample_manifest(), flushed, compacted};
}

std::string manifest_with_changes() {
    const auto steps = later_manifests();
    return encode_manifest(steps[0]) + *encode_manifest_change(steps[0], steps[1]) +
           *encode_manifest_change(steps[1], steps[2]);
}

TEST(ManifestTest, ChangesAreReadBehindTheWhole) {
    const auto text = manifest_with_changes();
    EXPECT_EQ(text, golden("manifest-v4", text));
    std::size_t torn_bytes = 1;
    const auto read = decode_manifest(text, &torn_bytes);
    ASSERT_TRUE(read.has_value()) << read.error().to_text();
    EXPECT_EQ(encode_manifest(*read), encode_manifest(later_manifests()[2]));
    EXPECT_EQ(torn_bytes, 0u);
}

// Whatever a crash leaves of the last change: it was not made.
TEST(ManifestTest, AChangeThatIsTornWasNotMade) {
    const auto steps = later_manifests();
    const auto text = manifest_with_changes();
    const auto last = encode_manifest_change(steps[1], steps[2])->size();
    for (std::size_t size = text.size() - last; size < text.size(); ++size) {
        auto torn = text.substr(0, size);
        for (const char rubbish : {' ', '\0', 'D'}) {
            std::size_t torn_bytes = 0;
            const auto read = decode_manifest(torn, &torn_bytes);
            ASSERT_TRUE(read.has_value()) << size << ": " << read.error().to_text();
            ASSERT_EQ(encode_manifest(*read), encode_manifest(steps[1])) << size;
            ASSERT_EQ(torn_bytes, torn.size() - (text.size() - last));
            torn = text.substr(0, size) + std::string(text.size() - size, rubbish);
            if (torn == text) break;
        }
    }
}

// Damage of what another change lies behind is told; the last change is there as it was written or not at
// all.
TEST(ManifestTest, EverySingleBitFlipInChangesIsFound) {
    const auto steps = later_manifests();
    const auto text = manifest_with_changes();
    const auto last = encode_manifest_change(steps[1], steps[2])->size();
    const auto first_change = encode_manifest(steps[0]).size();
    for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
        auto damaged = text;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
        const auto read = decode_manifest(damaged);
        if (bit / 8 < text.size() - last)
            ASSERT_TRUE(read.has_error()) << "bit " << bit << ", changes begin at byte " << first_change;
        else
            ASSERT_EQ(encode_manifest(*read), encode_manifest(steps[1])) << "bit " << bit;
    }
}

TEST(ManifestTest, ChangesThatDoNotFitAreRefused) {
    const auto steps = later_manifests();
    const auto whole = encode_manifest(steps[0]);
    const auto flush = *encode_manifest_change(steps[0], steps[1]);
    const auto compaction = *encode_manifest_change(steps[1], steps[2]);
    EXPECT_TRUE(decode_manifest(whole + compaction).has_error());
    EXPECT_TRUE(decode_manifest(whole + flush + flush).has_error());
    auto wrong = steps[1];
    wrong.flushed_end = 1700;
    EXPECT_TRUE(decode_manifest(whole + *encode_manifest_change(steps[0], wrong)).has_error());
    auto with_loss = steps[1];
    with_loss.lost = {{1500, 1600, true}};
    EXPECT_FALSE(encode_manifest_change(steps[0], with_loss));
}

TEST(ManifestTest, OfVersion1ItsBatchIdsLieElsewhere) {
    const auto golden = posix_file_system().read_all(std::string(DL_GOLDEN_DIR) + "/manifest-v1");
    ASSERT_TRUE(golden.has_value()) << golden.error().to_text();
    const auto read = decode_manifest(*golden);
    ASSERT_TRUE(read.has_value()) << read.error().to_text();
    EXPECT_TRUE(read->batch_ids_in_log);
    EXPECT_EQ(read->batch_ids, (std::vector<std::uint64_t>{8}));
    EXPECT_EQ(read->files[1].stem(), "00000000000000001000-00000000000000001500.7");
}

TEST(ManifestTest, WithoutACompactedEndItIsTheLogsStart) {
    const auto golden =
        posix_file_system().read_all(std::string(DL_GOLDEN_DIR) + "/manifest-v1-without-compacted-end");
    ASSERT_TRUE(golden.has_value()) << golden.error().to_text();
    const auto read = decode_manifest(*golden);
    ASSERT_TRUE(read.has_value()) << read.error().to_text();
    EXPECT_EQ(read->log_start, 1000);
    EXPECT_EQ(read->compacted_end, 1000);
}

// Records 1500 to 1599 were lost, and the log goes on behind them.
Manifest manifest_with_loss() {
    auto manifest = sample_manifest();
    manifest.lost = {{1500, 1600, true}};
    manifest.flushed_end = manifest.log_start = manifest.salvaged_end = 1600;
    return manifest;
}

TEST(ManifestTest, OfVersion3ItHasLostRecords) {
    const auto read = decode_manifest(golden("manifest-v3"));
    ASSERT_TRUE(read.has_value()) << read.error().to_text();
    EXPECT_EQ(read->lost, manifest_with_loss().lost);
    EXPECT_EQ(read->salvaged_end, 1600);
    const auto again = decode_manifest(encode_manifest(*read));
    ASSERT_TRUE(again.has_value()) << again.error().to_text();
    EXPECT_EQ(again->lost, manifest_with_loss().lost);
}

TEST(ManifestTest, FilesGoOnBehindLostRecords) {
    const auto refused = [](auto change) {
        auto manifest = manifest_with_loss();
        change(manifest);
        return decode_manifest(encode_manifest(manifest)).has_error();
    };
    const auto add_file = [](Manifest& m, Offset first, Offset end) {
        auto file = m.files[1];
        file.first_offset = file.first_row_offset = first;
        file.end_offset = end;
        file.last_row_offset = end - 1;
        file.rows = static_cast<std::uint64_t>(end - first);
        m.files.push_back(file);
        m.flushed_end = end;
    };
    EXPECT_FALSE(refused([](Manifest&) {}));
    EXPECT_FALSE(refused([&](Manifest& m) { add_file(m, 1600, 1700); }));
    EXPECT_TRUE(refused([&](Manifest& m) { add_file(m, 1550, 1700); }));
    EXPECT_TRUE(refused([&](Manifest& m) { add_file(m, 1601, 1700); }));
    EXPECT_TRUE(refused([](Manifest& m) { m.flushed_end = 1599; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.flushed_end = 1601; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.log_start = 1601; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.salvaged_end = 1599; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.salvaged_end = 0; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.lost[0].from = 1501; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.lost.push_back({1550, 1600, true}); }));
    EXPECT_TRUE(refused([](Manifest& m) { m.lost[0].end = m.lost[0].from; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.lost.clear(); }));
}

TEST(ManifestTest, EverySingleBitFlipIsFound) {
    const auto text = encode_manifest(sample_manifest());
    for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
        auto damaged = text;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
        ASSERT_TRUE(decode_manifest(damaged).has_error()) << "bit " << bit;
    }
    for (std::size_t size = 0; size < text.size(); ++size)
        ASSERT_TRUE(decode_manifest(std::string_view(text).substr(0, size)).has_error());
}

TEST(ManifestTest, InconsistentOnesAreRefused) {
    const auto refused = [](auto change) {
        auto manifest = sample_manifest();
        change(manifest);
        return decode_manifest(encode_manifest(manifest)).has_error();
    };
    EXPECT_FALSE(refused([](Manifest&) {}));
    EXPECT_TRUE(refused([](Manifest& m) { m.flushed_end = 1600; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.files[1].first_offset = 1001; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.files[1].first_offset = 800; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.files[1].rows = 499; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.files[0].rows = 901; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.files[0].last_row_offset = 900; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.files[0].edition = 10; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.files[0].compacted = false; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.files[1].compacted = true; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.compacted_end = 899; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.compacted_end = 1001; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.compacted_end = 1501; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.log_start = 1001; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.batch_ids = {8, 6}; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.batch_ids = {6, 6}; }));
    EXPECT_TRUE(refused([](Manifest& m) { m.batch_ids = {10}; }));
}

}  // namespace
}  // namespace dl::slave
