// A stored segment and its index, byte for byte: logs written once stay readable. DL_REGENERATE_GOLDEN=1
// writes them anew (only together with a new format version).
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "slave/log/segment_index.h"
#include "tests/unit/slave/log/log_fixture.h"

namespace dl::slave {
namespace {

using namespace test;

const std::string kGoldenDirectory = std::string(DL_GOLDEN_DIR) + "/log";

std::string load(const std::string& name) {
    std::ifstream in(kGoldenDirectory + "/" + name, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

std::vector<StoredBatch> golden_batches() {
    std::vector<StoredBatch> batches;
    batches.push_back(make_batch(std::string("\x01\x02\x03", 3), 2, 1'700'000'000'000'000));
    batches.push_back(
        make_batch("eight by", 1, 1'700'000'000'000'500, {0x1122334455667788, 0x99aabbccddeeff00}));
    batches.push_back(make_batch(body_of(21), 40, 1'699'999'999'999'999, {1, 2}));
    batches.back().header.epoch = LeaderEpoch{5};
    batches.back().header.schema = SchemaId{3};
    return batches;
}

TEST(LogGolden, SegmentAndIndexAreWrittenAsEver) {
    SimFileSystem files;
    auto opened = open_log(files, kDirectory, 1u << 20, 0, 42);
    ASSERT_OK(append_and_sync(*opened.log, golden_batches()[0]));
    auto rest = golden_batches();
    rest.erase(rest.begin());
    ASSERT_OK(append_and_sync(*opened.log, rest));
    ASSERT_OK(opened.log->roll());
    const auto segment = *files.read_all(segment_name(42));
    // Of the index made anew: it names batch ids, as those of release 0.1.0 do.
    opened.log.reset();
    ASSERT_OK(files.remove(segment_name(42, ".idx")));
    ASSERT_FALSE(open_log(files, kDirectory, 1u << 20, 85).error);
    const auto index = *files.read_all(segment_name(42, ".idx"));
    if (std::getenv("DL_REGENERATE_GOLDEN") != nullptr) {
        std::ofstream(kGoldenDirectory + "/segment-v1.bin", std::ios::binary) << segment;
        std::ofstream(kGoldenDirectory + "/index-v1.bin", std::ios::binary) << index;
    }
    EXPECT_EQ(segment, load("segment-v1.bin"));
    EXPECT_EQ(index, load("index-v1.bin"));
}

TEST(LogGolden, StoredFilesAreReadBack) {
    SimFileSystem files;
    ASSERT_OK(files.create_directories(kDirectory));
    files.overwrite(segment_name(42), load("segment-v1.bin"));
    files.overwrite(segment_name(42, ".idx"), load("index-v1.bin"));
    auto opened = open_log(files, kDirectory, 1u << 20, 42);
    ASSERT_FALSE(opened.error) << opened.error->to_text();
    const auto wanted = golden_batches();
    ASSERT_EQ(opened.replayed.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const auto& read = opened.replayed[i];
        EXPECT_EQ(read.body.view(), wanted[i].body.view());
        EXPECT_EQ(read.header.count, wanted[i].header.count);
        EXPECT_EQ(read.header.append_time_us, wanted[i].header.append_time_us);
        EXPECT_EQ(read.header.batch_id, wanted[i].header.batch_id);
        EXPECT_EQ(read.header.epoch, wanted[i].header.epoch);
        EXPECT_EQ(read.header.schema, wanted[i].header.schema);
    }
    EXPECT_EQ(opened.log->end_offset(), 85);
    const auto index = SegmentIndex::decode(load("index-v1.bin"));
    ASSERT_TRUE(index.has_value()) << index.error().to_text();
    ASSERT_EQ(index->batch_ids.size(), 2u);
    EXPECT_EQ(index->batch_ids[1].first, 45);
    EXPECT_EQ(index->batch_ids[1].last, 84);
}

// What the compressor writes may differ from one release of it to the next, so that packed files are read
// back only.
TEST(LogGolden, PackedFilesAreReadBack) {
    if (std::getenv("DL_REGENERATE_GOLDEN") != nullptr) {
        SimFileSystem files;
        auto opened = open_log(files, kDirectory, 1u << 20, 0, 42);
        for (const auto& batch : golden_batches()) {
            ASSERT_OK(append_and_sync(*opened.log, batch));
            ASSERT_OK(opened.log->roll());
        }
        ASSERT_OK(opened.log->pack(42, 85));
        std::ofstream(kGoldenDirectory + "/packed-v1.bin", std::ios::binary)
            << *files.read_all(segment_name(42));
    }
    SimFileSystem files;
    ASSERT_OK(files.create_directories(kDirectory));
    const auto packed = load("packed-v1.bin");
    files.overwrite(segment_name(42), packed);
    files.overwrite(segment_name(85), "");
    auto opened = open_log(files, kDirectory, 1u << 20, 42);
    ASSERT_FALSE(opened.error) << opened.error->to_text();
    const auto wanted = golden_batches();
    ASSERT_EQ(opened.replayed.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        EXPECT_EQ(opened.replayed[i].body.view(), wanted[i].body.view());
        EXPECT_EQ(opened.replayed[i].header.batch_id, wanted[i].header.batch_id);
    }
    const auto info = opened.log->segments().front();
    EXPECT_TRUE(info.packed);
    EXPECT_EQ(info.bytes, packed.size());
    EXPECT_EQ(info.plain_bytes, load("segment-v1.bin").size());
    // A version of tomorrow is refused by name.
    auto newer = packed;
    newer[4] = 2;
    files.overwrite(segment_name(42), newer);
    const auto refused = open_log(files, kDirectory, 1u << 20, 42);
    ASSERT_TRUE(refused.error);
    EXPECT_NE(refused.error->message.find("format version 2"), std::string::npos) << refused.error->message;
}

}  // namespace
}  // namespace dl::slave
