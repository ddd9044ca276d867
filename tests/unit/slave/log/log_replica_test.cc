// What a copy needs of its log: batches of another one's, the history of epochs, cuts, and segments held
// back.
#include <algorithm>
#include <limits>
#include <random>

#include "tests/unit/slave/log/log_fixture.h"

namespace dl::slave {
namespace {

using namespace test;

constexpr std::uint64_t kSegmentBytes = 2000;
constexpr LeaderEpoch kNewestEpoch{std::numeric_limits<std::uint32_t>::max()};

StoredBatch batch_of(LeaderEpoch epoch, std::string body, std::uint32_t count = 1, Hash128 id = {}) {
    auto batch = make_batch(std::move(body), count, 1000, id);
    batch.header.epoch = epoch;
    return batch;
}

std::vector<StoredBatch> everything(const PartitionLog& log) {
    std::vector<StoredBatch> all;
    for (Offset next = log.first_offset(); next < log.end_offset();) {
        auto read = log.read(next, log.end_offset(), 4000);
        EXPECT_FALSE(read.has_error()) << read.error().to_text();
        if (read.has_error() || read->empty()) break;
        for (auto& batch : *read)
            all.push_back(std::move(batch));
        next = all.back().header.end_offset();
    }
    return all;
}

// But for how far the log was synced by then, which each says for itself.
std::string bytes_of(const std::vector<StoredBatch>& batches) {
    std::string bytes;
    for (auto batch : batches) {
        batch.header.synced_end = 0;
        bytes += stored_bytes(batch);
    }
    return bytes;
}

std::vector<std::pair<std::uint32_t, Offset>> epochs_of(const SharedLog& log) {
    std::vector<std::pair<std::uint32_t, Offset>> epochs;
    for (const auto& start : log.epoch_history())
        epochs.emplace_back(start.epoch.value, start.first_offset);
    return epochs;
}

// A leader's log: groups of a few batches, epochs 1 to 4, several segments.
std::vector<StoredBatch> leaders_batches() {
    SimFileSystem files;
    auto opened = open_log(files, kDirectory, 1500);
    std::uint32_t number = 0;
    for (const std::uint32_t epoch : {1, 1, 1, 2, 2, 4, 4, 4}) {
        std::vector<StoredBatch> group;
        for (int i = 0; i < 3; ++i, ++number)
            group.push_back(batch_of(LeaderEpoch{epoch}, body_of(100 + number * 17), 1 + number % 3,
                                     number % 4 == 0 ? Hash128{9, number + 1} : Hash128{}));
        EXPECT_FALSE(append_and_sync(*opened.log, group).has_error());
    }
    return everything(*opened.log);
}

class GivenBatches : public ::testing::Test {
  protected:
    std::vector<StoredBatch> batches_ = leaders_batches();
    SimFileSystem files_;
    OpenLog opened_ = open_log(files_, kDirectory, kSegmentBytes);

    // Refused with this code, and nothing has changed.
    void expect_refused(ErrorCode code, const std::vector<StoredBatch>& batches) {
        const auto changes = files_.changes();
        const auto end = opened_.log->end_offset();
        const auto result = opened_.log->append_given(batches);
        ASSERT_TRUE(result.has_error());
        EXPECT_EQ(result.error().code, code) << result.error().to_text();
        EXPECT_EQ(files_.changes(), changes);
        EXPECT_EQ(opened_.log->end_offset(), end);
        EXPECT_FALSE(opened_.log->failed());
    }
};

TEST_F(GivenBatches, AreTheSameBytesInEveryCopy) {
    ASSERT_OK(opened_.log->append_given(std::span(batches_).first(7)));
    ASSERT_OK(opened_.log->append_given(std::span(batches_).subspan(7)));
    ASSERT_OK(opened_.log->sync());
    EXPECT_EQ(bytes_of(everything(*opened_.log)), bytes_of(batches_));
    EXPECT_GT(batches_[6].header.synced_end, 0) << "known at the leader";
    EXPECT_EQ(everything(*opened_.log)[1].header.synced_end, 0) << "nothing was synced here by then";
    files_.crash(1);
    auto after = open_log(files_, kDirectory, kSegmentBytes);
    ASSERT_FALSE(after.error) << after.error->to_text();
    EXPECT_EQ(bytes_of(after.replayed), bytes_of(batches_));
    EXPECT_EQ(std::count_if(after.replayed.begin(), after.replayed.end(),
                            [](const auto& batch) { return batch.header.has_batch_id(); }),
              6);
    EXPECT_GT(after.log->segments().size(), 2u);
}

TEST_F(GivenBatches, AreRefusedWholeWhenAnythingIsWrong) {
    ASSERT_OK(opened_.log->append_given(std::span(batches_).first(4)));
    const std::vector<StoredBatch> good(batches_.begin() + 4, batches_.begin() + 8);
    auto bad = good;
    bad[2].header.base_offset += 1;
    expect_refused(ErrorCode::invalid_request, bad);
    expect_refused(ErrorCode::invalid_request, {good.begin() + 1, good.end()});            // a gap
    expect_refused(ErrorCode::invalid_request, {batches_.begin(), batches_.begin() + 4});  // again
    bad = good;
    bad[3].header.table = TableId{8};
    expect_refused(ErrorCode::invalid_request, bad);
    bad = good;
    bad[3].header.partition = PartitionId{4};
    expect_refused(ErrorCode::invalid_request, bad);
    bad = good;
    bad[1].header.epoch = LeaderEpoch{9};  // the next one falls back
    expect_refused(ErrorCode::stale_epoch, bad);
    bad = good;
    bad[0].header.epoch = LeaderEpoch{0};
    expect_refused(ErrorCode::stale_epoch, bad);
    bad = good;
    bad[3].header.body_crc ^= 1;
    expect_refused(ErrorCode::corrupt_data, bad);
    bad = good;
    bad[3].body = SharedBytes::from_string("short");
    expect_refused(ErrorCode::corrupt_data, bad);
    bad = good;
    bad[3].header.synced_end = bad[3].header.base_offset + 1;
    expect_refused(ErrorCode::corrupt_data, bad);
    ASSERT_OK(opened_.log->append_given(good));
}

// A batch that knows a synced end makes recovery take a hole before it for damage, so it must be true here.
TEST_F(GivenBatches, TornByAPowerCutAreCutOffAndNotTakenForDamage) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        SCOPED_TRACE(seed);
        SimFileSystem files;
        auto opened = open_log(files, kDirectory, kSegmentBytes);
        std::mt19937_64 random(seed);
        Offset synced = 0;
        std::span<const StoredBatch> left(batches_);
        files.power_off_after(random() % 40);
        while (!left.empty()) {
            const auto take = std::min<std::size_t>(left.size(), random() % 6 + 1);
            if (opened.log->append_given(left.first(take)).has_error()) break;
            left = left.subspan(take);
            if (random() % 2 == 0) {
                if (opened.log->sync().has_error()) break;
                synced = opened.log->end_offset();
            }
        }
        opened.log.reset();
        files.crash(seed);
        auto after = open_log(files, kDirectory, kSegmentBytes);
        ASSERT_FALSE(after.error) << after.error->to_text();
        ASSERT_GE(after.log->end_offset(), synced);
        ASSERT_TRUE(bytes_of(batches_).starts_with(bytes_of(after.replayed)));
    }
}

TEST(LogEpochs, AreReadFromTheBatches) {
    const auto batches = leaders_batches();
    // Small segments: epochs begin within some and with others; large: several epochs in one.
    for (const std::uint64_t segment_bytes : {400u, 1500u, 1u << 20}) {
        SCOPED_TRACE(segment_bytes);
        SimFileSystem files;
        std::vector<std::pair<std::uint32_t, Offset>> written;
        Offset end = 0;
        {
            auto opened = open_log(files, kDirectory, segment_bytes);
            EXPECT_EQ(opened.log->newest_epoch(), LeaderEpoch{0});
            EXPECT_FALSE(opened.log->epoch_end(LeaderEpoch{9}));
            ASSERT_OK(opened.log->append_given(batches));
            ASSERT_OK(opened.log->sync());
            ASSERT_OK(opened.log->roll());
            written = epochs_of(*opened.log);
            end = opened.log->end_offset();
        }
        ASSERT_EQ(written.size(), 3u);
        EXPECT_EQ(written[0], std::make_pair(1u, Offset{0}));
        EXPECT_EQ(written[1].first, 2u);
        EXPECT_EQ(written[2].first, 4u);
        // Read by replaying everything, and through the indexes alone.
        for (const Offset replay_from : {Offset{0}, end}) {
            auto opened = open_log(files, kDirectory, segment_bytes, replay_from);
            ASSERT_FALSE(opened.error) << opened.error->to_text();
            EXPECT_EQ(epochs_of(*opened.log), written);
            EXPECT_EQ(opened.log->newest_epoch(), LeaderEpoch{4});
            EXPECT_FALSE(opened.log->epoch_end(LeaderEpoch{0}));
            EXPECT_EQ(opened.log->epoch_end(LeaderEpoch{1})->end_offset, written[1].second);
            // Epoch 3 wrote nothing here: the one before it answers.
            EXPECT_EQ(opened.log->epoch_end(LeaderEpoch{3})->epoch, LeaderEpoch{2});
            EXPECT_EQ(opened.log->epoch_end(LeaderEpoch{3})->end_offset, written[2].second);
            EXPECT_EQ(opened.log->epoch_end(LeaderEpoch{7})->end_offset, end);
        }
    }
}

TEST(LogEpochs, OnesThatFallAreDamage) {
    SimFileSystem files;
    {
        auto opened = open_log(files);
        ASSERT_OK(append_and_sync(*opened.log, batch_of(LeaderEpoch{3}, "one")));
        EXPECT_EQ(append_and_sync(*opened.log, batch_of(LeaderEpoch{2}, "two")).error().code,
                  ErrorCode::stale_epoch);
        EXPECT_FALSE(opened.log->failed());
    }
    auto bytes = *files.read_all(segment_name(0));
    auto second = batch_of(LeaderEpoch{2}, "two");
    second.header.base_offset = 1;
    files.overwrite(segment_name(0), bytes + stored_bytes(second));
    const auto opened = open_log(files);
    ASSERT_TRUE(opened.error);
    EXPECT_EQ(opened.error->code, ErrorCode::corrupt_data);
}

TEST(LogRetention, NothingGoesThatSomebodyHolds) {
    SimFileSystem files;
    auto opened = open_log(files, kDirectory, 300);
    for (int i = 0; i < 10; ++i)
        ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(250))));
    ASSERT_EQ(opened.log->segments().size(), 10u);
    auto early = opened.log->retain_from(3);
    auto late = opened.log->retain_from(6);
    ASSERT_OK(early);
    ASSERT_OK(late);
    EXPECT_EQ(opened.log->retention_floor(), 3);
    ASSERT_OK(opened.log->remove_before(8));
    EXPECT_EQ(opened.log->first_offset(), 3);
    EXPECT_EQ(opened.log->retain_from(2).error().code, ErrorCode::not_found);
    (*early)->advance(5);
    (*early)->advance(4);  // only forward
    ASSERT_OK(opened.log->remove_before(8));
    EXPECT_EQ(opened.log->first_offset(), 5);
    early->reset();
    late->reset();
    ASSERT_OK(opened.log->remove_before(8));
    EXPECT_EQ(opened.log->first_offset(), 8);
    EXPECT_EQ(epochs_of(*opened.log).front(), std::make_pair(1u, Offset{8}));
}

TEST(LogEpochs, GoOnAfterAllTheirBatchesWereRemoved) {
    SimFileSystem files;
    auto opened = open_log(files);
    ASSERT_OK(append_and_sync(*opened.log, batch_of(LeaderEpoch{1}, "one")));
    ASSERT_OK(append_and_sync(*opened.log, batch_of(LeaderEpoch{2}, "two")));
    ASSERT_OK(opened.log->roll());
    ASSERT_OK(opened.log->remove_before(2));
    EXPECT_EQ(opened.log->epoch_end(LeaderEpoch{2})->end_offset, 2);
    EXPECT_EQ(append_and_sync(*opened.log, batch_of(LeaderEpoch{1}, "late")).error().code,
              ErrorCode::stale_epoch);
    ASSERT_OK(append_and_sync(*opened.log, batch_of(LeaderEpoch{5}, "three")));
    EXPECT_EQ(epochs_of(*opened.log), (std::vector<std::pair<std::uint32_t, Offset>>{{5, 2}}));
    EXPECT_EQ(opened.log->epoch_end(LeaderEpoch{9})->end_offset, 3);
}

TEST(LogRetention, AnInterruptedRemovalLeavesNoDamage) {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        SCOPED_TRACE(seed);
        SimFileSystem files;
        {
            auto opened = open_log(files, kDirectory, 300);
            for (int i = 0; i < 10; ++i)
                ASSERT_OK(append_and_sync(*opened.log, make_batch(body_of(250))));
            files.power_off_after(seed % 15);
            (void)opened.log->remove_before(7);
        }
        files.crash(seed);
        auto after = open_log(files, kDirectory, 300, 7, 7, 7);
        ASSERT_FALSE(after.error) << after.error->to_text();
        EXPECT_EQ(after.log->first_offset(), 7);
        EXPECT_EQ(after.log->end_offset(), 10);
    }
}

class LogCut : public ::testing::Test {
  protected:
    // Where batches begin, and the end.
    std::vector<Offset> borders() const {
        std::vector<Offset> borders;
        for (const auto& batch : batches_)
            borders.push_back(batch.header.base_offset);
        borders.push_back(batches_.back().header.end_offset());
        return borders;
    }
    // The batches that end at or before `end`.
    std::vector<StoredBatch> below(Offset end) const {
        std::vector<StoredBatch> kept;
        for (const auto& batch : batches_)
            if (batch.header.end_offset() <= end) kept.push_back(batch);
        return kept;
    }
    std::vector<StoredBatch> batches_ = leaders_batches();
};

TEST_F(LogCut, LeavesWholeBatchesAndWritingGoesOnThere) {
    const auto end = batches_.back().header.end_offset();
    for (Offset cut = 0; cut <= end + 1; ++cut) {
        SCOPED_TRACE(cut);
        SimFileSystem files;
        auto opened = open_log(files, kDirectory, 1000);
        ASSERT_OK(opened.log->append_given(batches_));
        ASSERT_OK(opened.log->sync());
        const auto kept = below(cut);
        const auto expected_end = kept.empty() ? 0 : kept.back().header.end_offset();
        const auto at = opened.log->truncate_from(cut, kNewestEpoch);
        ASSERT_OK(at);
        ASSERT_EQ(*at, expected_end);
        ASSERT_EQ(opened.log->end_offset(), expected_end);
        ASSERT_EQ(bytes_of(everything(*opened.log)), bytes_of(kept));
        ASSERT_OK(append_and_sync(*opened.log, batch_of(LeaderEpoch{7}, "another leader's")));
        const auto epochs = epochs_of(*opened.log);
        ASSERT_EQ(epochs.back(), std::make_pair(7u, expected_end));
        opened.log.reset();
        files.crash(static_cast<std::uint64_t>(cut));
        auto after = open_log(files, kDirectory, 1000);
        ASSERT_FALSE(after.error) << after.error->to_text();
        ASSERT_EQ(after.replayed.size(), kept.size() + 1);
        ASSERT_EQ(after.replayed.back().body.view(), "another leader's");
        ASSERT_EQ(epochs_of(*after.log), epochs);
        // Times of what was cut are gone too.
        ASSERT_EQ(*after.log->offset_for_time(1001), after.log->end_offset());
    }
}

TEST_F(LogCut, TakesTheBatchesOfNewerEpochs) {
    for (const std::uint32_t epoch : {0u, 1u, 2u, 3u, 4u, 9u}) {
        SimFileSystem files;
        auto opened = open_log(files, kDirectory, 1000);
        ASSERT_OK(opened.log->append_given(batches_));
        ASSERT_OK(opened.log->sync());
        Offset expected = 0;
        for (const auto& batch : batches_)
            if (batch.header.epoch.value <= epoch) expected = batch.header.end_offset();
        const auto at = opened.log->truncate_from(batches_.back().header.end_offset(), LeaderEpoch{epoch});
        ASSERT_OK(at);
        EXPECT_EQ(*at, expected) << epoch;
        EXPECT_EQ(bytes_of(everything(*opened.log)), bytes_of(below(expected)));
    }
}

TEST_F(LogCut, IsRefusedBelowTheLogAndWhenItsEndCannotBeRead) {
    SimFileSystem files;
    auto opened = open_log(files, kDirectory, 1000);
    ASSERT_OK(opened.log->append_given(batches_));
    ASSERT_OK(opened.log->sync());
    const auto segments = opened.log->segments();
    ASSERT_OK(opened.log->remove_before(segments[1].first_offset));
    EXPECT_EQ(opened.log->truncate_from(segments[1].first_offset - 1, kNewestEpoch).error().code,
              ErrorCode::invalid_request);
    auto damaged = *files.read_all(segment_name(segments[2].first_offset));
    damaged[120] ^= 1;
    files.overwrite(segment_name(segments[2].first_offset), damaged);
    const auto end = opened.log->end_offset();
    EXPECT_EQ(opened.log->truncate_from(segments[2].end_offset - 1, kNewestEpoch).error().code,
              ErrorCode::corrupt_data);
    EXPECT_EQ(opened.log->end_offset(), end);
    EXPECT_FALSE(opened.log->failed());
}

// The power goes at every change on the way, in every way, and again while recovering.
TEST_F(LogCut, SurvivesAPowerCutAtEveryStep) {
    const auto borders = this->borders();
    for (std::size_t b = 0; b < borders.size(); b += 3) {
        for (std::uint64_t step = 0; step < 40; ++step) {
            SCOPED_TRACE("cut at " + std::to_string(borders[b]) + ", power off after " +
                         std::to_string(step));
            SimFileSystem files;
            bool done = false;
            {
                auto opened = open_log(files, kDirectory, 1000);
                ASSERT_OK(opened.log->append_given(batches_));
                ASSERT_OK(opened.log->sync());
                files.power_off_after(step);
                done = opened.log->truncate_from(borders[b], kNewestEpoch).has_value();
            }
            const std::uint64_t seed = b * 100 + step;
            files.crash(seed);
            files.power_off_after(seed % 5);
            (void)open_log(files, kDirectory, 1000);
            files.crash(seed + 1);
            auto after = open_log(files, kDirectory, 1000);
            ASSERT_FALSE(after.error) << after.error->to_text();
            const auto kept = bytes_of(below(borders[b]));
            const auto found = bytes_of(everything(*after.log));
            ASSERT_TRUE(bytes_of(batches_).starts_with(found));  // in order, without a gap
            ASSERT_TRUE(found.starts_with(kept));                // never less than was to stay
            if (done) {
                ASSERT_EQ(found, kept);
            }
            // It can be cut again.
            ASSERT_OK(after.log->truncate_from(borders[b], kNewestEpoch));
            ASSERT_EQ(bytes_of(everything(*after.log)), kept);
            if (done && step > 20) break;
        }
    }
}

TEST_F(LogCut, ThatFailsHalfWayEndsService) {
    for (const auto call : {SimCall::remove, SimCall::sync_directory, SimCall::truncate, SimCall::sync}) {
        SimFileSystem files;
        auto opened = open_log(files, kDirectory, 1000);
        ASSERT_OK(opened.log->append_given(batches_));
        ASSERT_OK(opened.log->sync());
        files.fail(call, 1, SimFault::io_error);
        const auto at = opened.log->truncate_from(batches_[4].header.base_offset, kNewestEpoch);
        ASSERT_TRUE(at.has_error());
        EXPECT_TRUE(opened.log->failed());
        EXPECT_EQ(append_and_sync(*opened.log, batch_of(LeaderEpoch{9}, "x")).error().code,
                  ErrorCode::io_error);
        opened.log.reset();
        auto after = open_log(files, kDirectory, 1000);
        ASSERT_FALSE(after.error) << after.error->to_text();
        EXPECT_TRUE(
            bytes_of(everything(*after.log)).starts_with(bytes_of(below(batches_[4].header.base_offset))));
    }
}

}  // namespace
}  // namespace dl::slave
