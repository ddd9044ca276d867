// Closed segments as packed files: read as before, from any place, also while they are being packed; damage
// is never data.
#include <atomic>
#include <functional>
#include <random>
#include <thread>
#include <utility>

#include "slave/log/log_seal.h"
#include "tests/unit/slave/log/log_fixture.h"

namespace dl::slave {
namespace {

using namespace test;

constexpr int kSegments = 6;

// Segments of several blocks, of bodies that get smaller and of some that do not.
void fill(PartitionLog& log, std::uint64_t seed = 1, int batches = 40) {
    std::mt19937_64 random(seed);
    for (int segment = 0; segment < kSegments; ++segment) {
        for (int i = 0; i < batches; ++i) {
            auto body = body_of(random() % 20'000 + 1);
            if (segment % 3 == 1)
                for (auto& c : body)
                    c = static_cast<char>(random());
            const auto time = 1'000'000 + (segment * batches + i) * 1000;
            ASSERT_OK(
                append_and_sync(log, make_batch(body, static_cast<std::uint32_t>(random() % 5 + 1), time)));
        }
        ASSERT_OK(log.roll());
    }
    ASSERT_OK(append_and_sync(log, make_batch("the active one", 1, 9'000'000)));
}

std::vector<std::string> everything(const SharedLog& log) {
    std::vector<std::string> bodies;
    for (Offset at = log.first_offset(); at < log.end_offset();) {
        const auto read = log.read(at, log.end_offset(), 50'000);
        EXPECT_FALSE(read.has_error()) << read.error().to_text();
        if (read.has_error() || read->empty()) break;
        for (const auto& batch : *read) {
            EXPECT_EQ(batch.header.base_offset, at);
            at = batch.header.end_offset();
            bodies.emplace_back(batch.body.view());
        }
    }
    return bodies;
}

TEST(LogPack, PackedSegmentsAreReadFromAnyPlaceAsBefore) {
    SimFileSystem files;
    auto opened = open_log(files);
    ASSERT_NO_FATAL_FAILURE(fill(*opened.log));
    auto& log = *opened.log;
    const auto before = everything(log);
    const auto segments = log.segments();
    ASSERT_EQ(segments.size(), kSegments + 1u);
    std::uint64_t bytes_before = 0;
    for (const auto& segment : segments)
        bytes_before += segment.bytes;
    ASSERT_OK(log.pack(segments[0].first_offset, segments[2].end_offset));
    ASSERT_OK(log.pack(segments[3].first_offset, segments[3].end_offset));
    const auto check = [&](const PartitionLog& now) {
        const auto packed = now.segments();
        ASSERT_EQ(packed.size(), 5u);
        EXPECT_TRUE(packed[0].packed && packed[1].packed);
        EXPECT_FALSE(packed[2].packed);
        EXPECT_EQ(packed[0].end_offset, segments[2].end_offset);
        EXPECT_EQ(packed[0].plain_bytes,
                  segments[0].plain_bytes + segments[1].plain_bytes + segments[2].plain_bytes);
        EXPECT_LT(packed[1].bytes, packed[1].plain_bytes / 4);
        std::uint64_t bytes = 0;
        for (const auto& segment : packed)
            bytes += segment.bytes;
        EXPECT_LT(bytes, bytes_before * 3 / 4);
        EXPECT_EQ(everything(now), before);
        for (Offset at = 0; at < now.end_offset(); at += 7) {
            const auto read = now.read(at, now.end_offset(), 1);
            ASSERT_OK(read);
            ASSERT_LE(read->front().header.base_offset, at);
            ASSERT_GT(read->front().header.end_offset(), at);
            const auto& header = read->front().header;
            ASSERT_EQ(*now.offset_for_time(header.append_time_us), header.base_offset);
        }
        EXPECT_EQ(*now.offset_for_time(9'000'001), now.end_offset());
    };
    ASSERT_NO_FATAL_FAILURE(check(log));
    // They are packed once more, together with one that is not.
    opened.log.reset();
    auto again = open_log(files);
    ASSERT_FALSE(again.error) << again.error->to_text();
    ASSERT_NO_FATAL_FAILURE(check(*again.log));
    EXPECT_EQ(again.replayed.size(), before.size());
    ASSERT_OK(again.log->pack(segments[0].first_offset, segments[4].end_offset));
    EXPECT_EQ(again.log->segments().size(), 3u);
    EXPECT_EQ(everything(*again.log), before);
    const auto names = *files.list(kDirectory);
    EXPECT_EQ(names.size(), 5u) << "three log files and two indexes are left";
    // Neither the active one nor what is not there.
    EXPECT_EQ(again.log->pack(segments[5].first_offset, again.log->end_offset()).error().code,
              ErrorCode::not_found);
    EXPECT_EQ(again.log->pack(1, segments[4].end_offset).error().code, ErrorCode::not_found);
    ASSERT_OK(again.log->remove_before(segments[4].end_offset));
    EXPECT_EQ(again.log->first_offset(), segments[4].end_offset);
    EXPECT_EQ(files.list(kDirectory)->size(), 3u);
}

// Any bit of a packed file: an error, or (where nothing is stored) the same records.
TEST(LogPack, DamageIsNeverData) {
    SimFileSystem files;
    auto opened = open_log(files);
    ASSERT_NO_FATAL_FAILURE(fill(*opened.log, 3, 2));
    const auto segments = opened.log->segments();
    ASSERT_OK(opened.log->pack(0, segments[1].end_offset));
    const auto before = everything(*opened.log);
    opened.log.reset();
    const auto good = *files.read_all(segment_name(0));
    std::mt19937_64 random(7);
    int refused = 0;
    for (int i = 0; i < 300; ++i) {
        auto bad = good;
        // The ends more often than the middle.
        const auto at = i % 3 == 0 ? random() % bad.size()
                                   : (i % 3 == 1 ? random() % 8 : bad.size() - 1 - random() % 100);
        bad[at] = static_cast<char>(bad[at] ^ (1 << (random() % 8)));
        files.overwrite(segment_name(0), bad);
        auto damaged = open_log(files, kDirectory, 1u << 20, segments[2].first_offset);
        if (damaged.error) {
            EXPECT_EQ(damaged.error->code, ErrorCode::corrupt_data) << damaged.error->to_text();
            EXPECT_NE(damaged.error->message.find(segment_name(0)), std::string::npos);
            ++refused;
            continue;
        }
        const auto read = damaged.log->read(0, segments[1].end_offset, 1u << 30);
        ASSERT_TRUE(read.has_error()) << "byte " << at << " of " << bad.size();
        EXPECT_EQ(read.error().code, ErrorCode::corrupt_data);
        ++refused;
        // It is never made into another file either.
        EXPECT_EQ(damaged.log->pack(0, segments[2].end_offset).error().code, ErrorCode::corrupt_data);
        EXPECT_EQ(*files.read_all(segment_name(0)), bad);
    }
    EXPECT_EQ(refused, 300);
    for (std::size_t size = 0; size < good.size(); size += good.size() / 50 + 1) {
        files.overwrite(segment_name(0), good.substr(0, size));
        auto cut = open_log(files, kDirectory, 1u << 20, segments[2].first_offset);
        ASSERT_TRUE(cut.error) << size;
    }
    files.overwrite(segment_name(0), good);
    auto whole = open_log(files, kDirectory, 1u << 20, segments[2].first_offset);
    ASSERT_FALSE(whole.error) << whole.error->to_text();
    EXPECT_EQ(everything(*whole.log), before);
}

// However much may be read: what lies behind the last record asked for is not even looked at.
TEST(LogPack, AReadOfFewRecordsUnpacksWhatTheyNeed) {
    SimFileSystem files;
    auto opened = open_log(files);
    ASSERT_NO_FATAL_FAILURE(fill(*opened.log));
    const auto segments = opened.log->segments();
    const auto end = segments[2].end_offset;
    ASSERT_OK(opened.log->pack(0, end));
    opened.log.reset();
    auto bad = *files.read_all(segment_name(0));
    bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
    files.overwrite(segment_name(0), bad);
    auto damaged = open_log(files, kDirectory, 1u << 20, segments[3].first_offset);
    ASSERT_FALSE(damaged.error);
    ASSERT_OK(damaged.log->read(0, 1, 1u << 30));
    EXPECT_EQ(damaged.log->read(0, end, 1u << 30).error().code, ErrorCode::corrupt_data);
}

TEST(LogPack, ADamagedSegmentIsNotPacked) {
    SimFileSystem files;
    auto opened = open_log(files);
    ASSERT_NO_FATAL_FAILURE(fill(*opened.log, 3, 2));
    const auto segments = opened.log->segments();
    const auto name = segment_name(segments[1].first_offset);
    auto bad = *files.read_all(name);
    bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
    files.overwrite(name, bad);
    const auto packed = opened.log->pack(0, segments[2].end_offset);
    ASSERT_TRUE(packed.has_error());
    EXPECT_EQ(packed.error().code, ErrorCode::corrupt_data);
    EXPECT_EQ(opened.log->segments().size(), kSegments + 1u);
    EXPECT_EQ(*files.read_all(name), bad);
    for (const auto& there : *files.list(kDirectory))
        EXPECT_FALSE(there.ends_with(".tmp")) << there;
    ASSERT_OK(opened.log->pack(segments[2].first_offset, segments[3].end_offset));
}

TEST(LogPack, ReadersGoOnWhileSegmentsArePackedAndRemoved) {
    SimFileSystem files;
    auto opened = open_log(files);
    ASSERT_NO_FATAL_FAILURE(fill(*opened.log, 5, 10));
    auto& log = *opened.log;
    const auto before = everything(log);
    std::vector<Offset> firsts;
    for (const auto& segment : log.segments())
        firsts.push_back(segment.first_offset);
    const auto kept_from = firsts[5];
    std::atomic<bool> done{false};
    std::vector<std::thread> readers;
    for (int r = 0; r < 3; ++r)
        readers.emplace_back([&, r] {
            std::mt19937_64 random(static_cast<std::uint64_t>(r));
            while (!done) {
                const auto at = static_cast<Offset>(random() % static_cast<std::uint64_t>(log.end_offset()));
                const auto read = log.read(at, log.end_offset(), 30'000);
                if (read.has_error()) {
                    ASSERT_EQ(read.error().code, ErrorCode::not_found) << read.error().to_text();
                    ASSERT_LT(at, kept_from);
                    continue;
                }
                ASSERT_LE(read->front().header.base_offset, at);
                ASSERT_OK(log.offset_for_time(1'000'000 + static_cast<std::int64_t>(random() % 60'000)));
            }
        });
    for (std::size_t i = 0; i + 1 < firsts.size(); ++i)
        ASSERT_OK(log.pack(firsts[i], firsts[i + 1]));
    ASSERT_OK(log.pack(firsts[0], firsts[3]));
    ASSERT_OK(log.pack(firsts[3], firsts[5]));
    ASSERT_OK(log.remove_before(firsts[3]));
    ASSERT_OK(log.remove_before(kept_from));
    done = true;
    for (auto& reader : readers)
        reader.join();
    EXPECT_EQ(log.first_offset(), kept_from);
}

// Files, and what happens right after one of them was opened for reading, once.
class WatchedFiles final : public FileSystem {
  public:
    explicit WatchedFiles(FileSystem& files) : files_(files) {}
    std::function<void()> after_open;

    Result<std::shared_ptr<ReadableFile>> open_read(const std::string& path) override {
        auto opened = files_.open_read(path);
        if (const auto what = std::exchange(after_open, nullptr)) what();
        return opened;
    }
    Result<std::unique_ptr<WritableFile>> open_append(const std::string& path, bool create_new) override {
        return files_.open_append(path, create_new);
    }
    Result<std::string> read_all(const std::string& path) override { return files_.read_all(path); }
    Result<void> replace_atomically(const std::string& path, std::string_view content) override {
        return files_.replace_atomically(path, content);
    }
    Result<void> sync_file(const std::string& path) override { return files_.sync_file(path); }
    Result<void> sync_directory(const std::string& path) override { return files_.sync_directory(path); }
    Result<void> create_directories(const std::string& path) override {
        return files_.create_directories(path);
    }
    Result<std::vector<std::string>> list(const std::string& path) override { return files_.list(path); }
    Result<bool> exists(const std::string& path) override { return files_.exists(path); }
    Result<std::uint64_t> file_size(const std::string& path) override { return files_.file_size(path); }
    Result<void> rename(const std::string& from, const std::string& to) override {
        return files_.rename(from, to);
    }
    Result<void> remove(const std::string& path) override { return files_.remove(path); }
    Result<void> remove_tree(const std::string& path) override { return files_.remove_tree(path); }
    Result<std::uint64_t> free_bytes(const std::string& path) override { return files_.free_bytes(path); }
    Result<std::unique_ptr<FileLock>> lock(const std::string& path) override { return files_.lock(path); }

  private:
    FileSystem& files_;
};

// A reader has opened the packed file when its end is cut off: what it holds is not the segment's file any
// more, and has the records that are gone where the new ones are.
TEST(LogPack, AReaderOfThePackedFileKeepsNothingOverACut) {
    SimFileSystem disk;
    WatchedFiles files(disk);
    auto opened = open_log(files);
    ASSERT_NO_FATAL_FAILURE(fill(*opened.log, 9, 6));
    const auto before = everything(*opened.log);
    const auto segments = opened.log->segments();
    ASSERT_OK(opened.log->pack(0, segments[3].end_offset));
    files.after_open = [&] {
        ASSERT_OK(opened.log->truncate_from(segments[2].first_offset, LeaderEpoch{9}));
    };
    const auto read = opened.log->read(0, segments[0].end_offset, 50'000);
    ASSERT_OK(read);
    EXPECT_EQ(opened.log->end_offset(), segments[2].first_offset);
    ASSERT_OK(append_and_sync(*opened.log, make_batch("behind the cut")));
    const auto now = everything(*opened.log);
    ASSERT_EQ(now.size(), 2 * 6 + 1u);
    EXPECT_EQ(now.back(), "behind the cut");
    EXPECT_TRUE(std::equal(now.begin(), now.end() - 1, before.begin()));
}

// The end of a log may be cut within what is packed, and what lay behind may be gone.
TEST(LogPack, APackedSegmentCanTakeAppendsAgain) {
    SimFileSystem files;
    auto opened = open_log(files);
    ASSERT_NO_FATAL_FAILURE(fill(*opened.log, 9, 6));
    const auto before = everything(*opened.log);
    const auto segments = opened.log->segments();
    ASSERT_OK(opened.log->pack(0, segments[3].end_offset));
    const auto cut = opened.log->truncate_from(segments[2].first_offset, LeaderEpoch{9});
    ASSERT_OK(cut);
    EXPECT_EQ(*cut, segments[2].first_offset);
    ASSERT_OK(append_and_sync(*opened.log, make_batch("behind the cut")));
    auto now = everything(*opened.log);
    ASSERT_EQ(now.size(), 2 * 6 + 1u);
    EXPECT_EQ(now.back(), "behind the cut");
    EXPECT_TRUE(std::equal(now.begin(), now.end() - 1, before.begin()));
    ASSERT_OK(opened.log->roll());
    ASSERT_OK(opened.log->pack(0, opened.log->segments().front().end_offset));
    opened.log.reset();
    // What is gone is proven by the seal alone.
    ASSERT_OK(files.remove(segment_name(segments[2].first_offset + 1)));
    EXPECT_TRUE(open_log(files).error.has_value());
    ASSERT_OK(files.remove(seal_path(kDirectory)));
    auto again = open_log(files);
    ASSERT_FALSE(again.error) << again.error->to_text();
    ASSERT_OK(append_and_sync(*again.log, make_batch("and on")));
    now.push_back("and on");
    EXPECT_EQ(everything(*again.log), now);
}

}  // namespace
}  // namespace dl::slave
