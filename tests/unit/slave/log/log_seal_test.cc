// The seal proves how far a log had reached; what is missing then is never taken for a torn end.
#include "slave/log/log_seal.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "slave/log/log_salvage.h"
#include "tests/unit/slave/log/log_fixture.h"

namespace dl::slave {
namespace {

using namespace test;

const LogIdentity kIdentity{kDirectory, kTable, kPartition};

// Ten batches of two records, two in a file, all acknowledged; then a clean stop.
void write_sealed_log(SimFileSystem& files, std::size_t body = 300, std::uint64_t segment_bytes = 1024) {
    auto opened = open_log(files, kDirectory, segment_bytes);
    for (int i = 0; i < 10; ++i)
        ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(body), 2)));
    ASSERT_OK(opened.log->seal(PartitionLog::Seal::closing));
    opened.log->stop_writing();
}

std::string refused(SimFileSystem& files, Offset replay_from = 0) {
    const auto opened = open_log(files, kDirectory, 1024, replay_from, replay_from);
    if (!opened.error) return "it opened at offset " + std::to_string(opened.log->end_offset());
    EXPECT_EQ(opened.error->code, ErrorCode::corrupt_data) << opened.error->to_text();
    return "";
}

std::vector<LostRange> lost(SimFileSystem& files, Offset from = 0) {
    const auto found = salvage_log(files, kIdentity, LogOptions{}, from, {});
    EXPECT_TRUE(found.has_value());
    return found.has_value() ? found->lost : std::vector<LostRange>{};
}

TEST(LogSeal, TellsOfEverythingMissingBehindACleanStop) {
    SimFileSystem files;
    write_sealed_log(files);
    ASSERT_EQ(open_log(files, kDirectory, 1024).log->end_offset(), 20);
    const auto last = segment_name(16);
    const auto whole = *files.read_all(last);

    files.overwrite(last, "");
    EXPECT_EQ(refused(files), "");
    EXPECT_EQ(lost(files), (std::vector<LostRange>{{16, 20, true}}));
    files.overwrite(last, whole.substr(0, whole.size() / 2));
    EXPECT_EQ(refused(files), "");
    EXPECT_EQ(lost(files), (std::vector<LostRange>{{18, 20, true}}));
    auto flipped = whole;
    flipped[whole.size() - 20] ^= 1;
    files.overwrite(last, flipped);
    EXPECT_EQ(refused(files), "");
    EXPECT_EQ(*files.read_all(last), flipped) << "nothing is cut";
    ASSERT_OK(files.remove(last));
    EXPECT_EQ(refused(files), "");
    EXPECT_EQ(lost(files), (std::vector<LostRange>{{16, 20, true}})) << "the log was closed at 20";

    for (const auto& name : *files.list(kDirectory))
        ASSERT_OK(files.remove(kDirectory + "/" + name));
    EXPECT_EQ(refused(files), "");
    EXPECT_EQ(lost(files), (std::vector<LostRange>{{0, 20, true}}));
    EXPECT_EQ(refused(files, 20), "") << "also when other files have all of it";
}

TEST(LogSeal, WhatWasAppendedBehindAClosedSealIsNotCountedAsLittle) {
    SimFileSystem files;
    write_sealed_log(files);
    {
        auto opened = open_log(files, kDirectory, 1024);
        EXPECT_TRUE((*read_seal(files, kIdentity))->closed) << "an open alone writes nothing";
        for (int i = 0; i < 3; ++i)
            ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(300), 2)));
        EXPECT_FALSE((*read_seal(files, kIdentity))->closed);
    }  // killed: the seal says 20, the log goes on to 26
    ASSERT_EQ(open_log(files, kDirectory, 1024).log->end_offset(), 26)
        << "a seal that is behind accuses nobody";
    const auto names = *files.list(kDirectory);
    ASSERT_OK(files.remove(segment_name(*segment_firsts(names).rbegin())));
    EXPECT_EQ(refused(files), "");
    EXPECT_FALSE(lost(files).back().end_is_known);
    for (const auto& name : *files.list(kDirectory))
        ASSERT_OK(files.remove(kDirectory + "/" + name));
    EXPECT_EQ(refused(files), "");
    EXPECT_FALSE(lost(files).back().end_is_known);
}

// Its writing may fail in each of its steps, and may have come as far as its name.
TEST(LogSeal, NothingIsAppendedWhileASealSaysThatTheLogIsClosed) {
    std::uint64_t steps_of_seal = 0;
    for (std::uint64_t step = 1; step <= 8; ++step)
        for (std::uint64_t seed = 0; seed < 4; ++seed) {
            SimFileSystem files;
            write_sealed_log(files);
            auto opened = open_log(files, kDirectory, 1u << 20);
            files.fail(SimCall::any_change, step, SimFault::io_error);
            const auto done = append_and_sync(*opened.log, make_batch(body_of(300), 2));
            if (done.has_value() || opened.log->failed()) continue;
            steps_of_seal = step;
            EXPECT_EQ(opened.log->end_offset(), 20) << "step " << step;
            ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(300), 2)));
            files.crash(seed);
            EXPECT_FALSE((*read_seal(files, kIdentity))->closed) << "step " << step;
            EXPECT_EQ(open_log(files, kDirectory, 1024).log->end_offset(), 22);
        }
    EXPECT_EQ(steps_of_seal, 5u) << "draft made, written and synced, its name changed, the directory synced";
}

// Whatever is done to a log, a power cut at any moment makes nobody believe that something is missing.
TEST(LogSeal, APowerCutAtAnyMomentIsNoLoss) {
    const auto live = [](SimFileSystem& files, Offset* acknowledged, Offset* removed) -> Result<void> {
        for (int life = 0; life < 3; ++life) {
            auto opened = open_log(files, kDirectory, 700, *removed, *removed, *removed);
            if (opened.error) return *opened.error;
            auto& log = *opened.log;
            *acknowledged = log.end_offset();
            for (int i = 0; i < 4; ++i) {
                DL_TRY(append_and_sync(log, make_batch(body_of(200), 2)));
                *acknowledged = log.end_offset();
                if (i == 1 && log.seal(PartitionLog::Seal::goes_on).has_error()) break;
            }
            if (life == 1) {
                const auto kept = log.end_offset() - 3;
                *acknowledged = kept - 1;  // a batch goes whole
                DL_TRY(log.truncate_from(kept, LeaderEpoch{1}));
            }
            // What the manifest says first.
            if (life == 2) {
                *removed = 4;
                DL_TRY(log.remove_before(4));
            }
            DL_TRY(log.seal(PartitionLog::Seal::closing));
            log.stop_writing();
        }
        return {};
    };
    std::uint64_t changes = 0;
    {
        SimFileSystem files;
        Offset acknowledged = 0, removed = 0;
        ASSERT_OK(live(files, &acknowledged, &removed));
        changes = files.changes();
    }
    ASSERT_GT(changes, 60u);
    for (std::uint64_t at = 1; at < changes; ++at)
        for (std::uint64_t seed = 0; seed < 6; ++seed) {
            SimFileSystem files;
            Offset acknowledged = 0, removed = 0;
            ASSERT_FALSE(files.create_directories("/data").has_error());
            ASSERT_FALSE(files.sync_directory("/").has_error());
            files.power_off_after(at);
            const auto died = live(files, &acknowledged, &removed);
            files.crash(seed);
            const auto opened = open_log(files, kDirectory, 700, removed, removed, removed);
            ASSERT_FALSE(opened.error)
                << "change " << at << ", seed " << seed << ": " << opened.error->to_text();
            ASSERT_GE(opened.log->end_offset(), acknowledged) << "change " << at << ", seed " << seed;
            ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(100), 1)));
        }
}

// The name of a seal whose writing failed may be there: a cut has to take it back too.
TEST(LogSeal, ACutTakesBackASealWhoseWritingFailed) {
    for (std::uint64_t step = 1; step <= 5; ++step)
        for (std::uint64_t seed = 0; seed < 4; ++seed) {
            SimFileSystem files;
            auto opened = open_log(files);
            ASSERT_OK(opened.log->seal(PartitionLog::Seal::goes_on));
            for (int i = 0; i < 10; ++i)
                ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(300), 2)));
            files.fail(SimCall::any_change, step, SimFault::io_error);
            EXPECT_TRUE(opened.log->seal(PartitionLog::Seal::goes_on).has_error()) << step;
            ASSERT_OK(opened.log->truncate_from(8, LeaderEpoch{1}));
            files.crash(seed);
            const auto again = open_log(files);
            ASSERT_FALSE(again.error) << step << ": " << again.error->to_text();
            EXPECT_EQ(again.log->end_offset(), 8);
        }
}

TEST(LogSeal, AnIndexBesideTheLastFileProvesANewerOne) {
    SimFileSystem files;
    {
        auto opened = open_log(files, kDirectory, 1024);
        ASSERT_OK(opened.log->seal(PartitionLog::Seal::goes_on));  // as it was made
        for (int i = 0; i < 10; ++i)
            ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(300), 2)));
    }  // killed
    ASSERT_EQ(open_log(files, kDirectory, 1024).log->end_offset(), 20);
    ASSERT_OK(files.remove(segment_name(16)));
    EXPECT_EQ(refused(files), "");
    const auto ranges = lost(files);
    ASSERT_EQ(ranges.size(), 1u);
    EXPECT_EQ(ranges[0].from, 16);
    EXPECT_FALSE(ranges[0].end_is_known);
}

TEST(LogSeal, TheFirstFilesAreMissedToo) {
    SimFileSystem files;
    write_sealed_log(files);
    ASSERT_OK(files.remove(segment_name(0)));
    const auto names = *files.list(kDirectory);
    const auto first = *segment_firsts(names).begin();
    // All below is in other files, of which some have the newest record of each key only.
    LogOptions options;
    options.segment_bytes = 1024;
    options.complete_from = first;
    const std::function<Result<void>(const StoredBatch&)> replay = [](const StoredBatch&) {
        return Result<void>();
    };
    auto opened =
        PartitionLog::open(files, kDirectory, kTable, kPartition, options, first, first, replay, nullptr);
    ASSERT_TRUE(opened.has_error());
    EXPECT_NE(opened.error().message.find("it had begun at offset 0"), std::string::npos)
        << opened.error().message;
    const auto found = salvage_log(files, kIdentity, options, first, {});
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->lost, (std::vector<LostRange>{{0, first, true}}));
    // Other files have every record: nothing is missing.
    options.complete_from = 0;
    opened =
        PartitionLog::open(files, kDirectory, kTable, kPartition, options, first, first, replay, nullptr);
    EXPECT_TRUE(opened.has_value());
}

TEST(LogSeal, SalvageGivesWhatIsIntactAroundTheDamage) {
    SimFileSystem files;
    write_sealed_log(files, 300, 1u << 20);
    auto bytes = *files.read_all(segment_name(0));
    const auto batch = bytes.size() / 10;
    bytes[3 * batch + 200] ^= 1;             // a body
    bytes.replace(6 * batch, 96, 96, '\0');  // a header
    files.overwrite(segment_name(0), bytes);
    std::vector<Offset> there;
    const auto found =
        salvage_log(files, kIdentity, LogOptions{}, 0, [&](const StoredBatch& stored) -> Result<void> {
            there.push_back(stored.header.base_offset);
            return {};
        });
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(there, (std::vector<Offset>{0, 2, 4, 8, 10, 14, 16, 18}));
    EXPECT_EQ(found->lost, (std::vector<LostRange>{{6, 8, true}, {12, 14, true}}));
    EXPECT_EQ(found->end, 20);
    EXPECT_EQ(describe(found->lost), "2 records, offsets 6 to 7 and 2 records, offsets 12 to 13");
}

TEST(LogSeal, ACutLowersTheSealFirst) {
    SimFileSystem files;
    write_sealed_log(files);
    auto opened = open_log(files, kDirectory, 1024);
    ASSERT_OK(opened.log->truncate_from(8, LeaderEpoch{1}));
    opened = open_log(files, kDirectory, 1024);
    ASSERT_FALSE(opened.error) << opened.error->to_text();
    EXPECT_EQ(opened.log->end_offset(), 8);
    EXPECT_EQ((*read_seal(files, kIdentity))->end_offset, 8);
}

TEST(LogSeal, ADamagedSealProvesNothingAndOneOfAnotherVersionIsRefused) {
    SimFileSystem files;
    write_sealed_log(files);
    const auto path = seal_path(kDirectory);
    const auto whole = *files.read_all(path);
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
        auto bytes = whole;
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
        files.overwrite(path, bytes);
        ASSERT_FALSE(read_seal(files, kIdentity)->has_value()) << "bit " << bit;
    }
    for (std::size_t size = 0; size < whole.size(); ++size) {
        files.overwrite(path, whole.substr(0, size));
        ASSERT_FALSE(read_seal(files, kIdentity)->has_value()) << size << " bytes";
    }
    EXPECT_EQ(open_log(files, kDirectory, 1024).log->end_offset(), 20);
    EXPECT_TRUE(decode_seal(whole, TableId{8}, kPartition).has_error());
    EXPECT_TRUE(decode_seal(whole, kTable, PartitionId{8}).has_error());
}

// Of a release without seals: what the index or a header shows to have been synced can be named as well.
TEST(LogSeal, WhatIsProvenWithoutASealIsCounted) {
    SimFileSystem files;
    {
        auto opened = open_log(files, kDirectory, 1u << 20);
        for (int i = 0; i < 5; ++i)
            ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(300), 2)));
    }
    ASSERT_OK(files.remove(seal_path(kDirectory)));
    auto bytes = *files.read_all(segment_name(0));
    const auto batch = bytes.size() / 5;
    // The last two are bad, but the header of the last one says that the one before had been synced.
    bytes[3 * batch + 200] ^= 1;
    bytes[4 * batch + 200] ^= 1;
    files.overwrite(segment_name(0), bytes);
    EXPECT_EQ(refused(files), "");
    EXPECT_EQ(lost(files), (std::vector<LostRange>{{6, 8, true}}));
}

// A client may put a batch into a value.
TEST(LogSeal, WhatLooksLikeABatchWithinADamagedOneMovesNoOffsetFarAway) {
    SimFileSystem files;
    auto inner = make_batch(body_of(100), 1);
    inner.header.base_offset = Offset{1} << 60;
    auto body = body_of(200);
    body.resize(200);  // on a multiple of eight
    body += stored_bytes(inner);
    {
        auto opened = open_log(files, kDirectory, 1u << 20);
        ASSERT_OK(append_and_sync(*opened.log, make_batch(body, 2)));
        ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(300), 2)));
        ASSERT_OK(opened.log->seal(PartitionLog::Seal::closing));
    }
    auto bytes = *files.read_all(segment_name(0));
    bytes[20] ^= 1;  // the header around it
    files.overwrite(segment_name(0), bytes);
    const auto found = salvage_log(files, kIdentity, LogOptions{}, 0, {});
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->lost, (std::vector<LostRange>{{0, 2, true}}));
    EXPECT_EQ(found->end, 4);
}

TEST(LogSeal, GoldenFile) {
    const auto path = std::string(DL_GOLDEN_DIR) + "/log/seal-v1.bin";
    const auto bytes = encode_seal({42, 4711, true}, kTable, kPartition);
    if (std::getenv("DL_REGENERATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << bytes;
    std::ostringstream golden;
    golden << std::ifstream(path, std::ios::binary).rdbuf();
    EXPECT_EQ(golden.str(), bytes);
    EXPECT_EQ(*decode_seal(golden.str(), kTable, kPartition), (LogSeal{42, 4711, true}));
    const LogSeal goes_on{42, 4711, false};
    EXPECT_EQ(*decode_seal(encode_seal(goes_on, kTable, kPartition), kTable, kPartition), goes_on);
}

}  // namespace
}  // namespace dl::slave
