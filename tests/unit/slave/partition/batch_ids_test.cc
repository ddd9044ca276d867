// Applied once: what a partition remembers of batches, over flushes, restarts, compactions and time.
#include <fstream>
#include <random>
#include <thread>

#include "common/base/byte_io.h"
#include "slave/log/segment_index.h"
#include "slave/partition/batch_id_spill.h"
#include "slave/partition/batch_id_window.h"
#include "slave/snapshot/manifest.h"
#include "tests/unit/slave/partition/faulty_file_system.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave::test {
namespace {

constexpr std::int64_t kMinuteUs = 60'000'000;

class BatchIds : public PartitionFixture {
  protected:
    std::vector<Row> one(std::int64_t key, const std::string& value = "v") { return {{key, value, false}}; }
    // Enough to close a segment, so that what is before it can be flushed.
    void fill(std::int64_t key = 1'000'000) { append(one(key, std::string(options_.segment_bytes, 'x'))); }
    void flush() {
        fill();
        fill(1'000'001);
        ASSERT_TRUE(partition_->flush().has_value());
        ASSERT_GT(partition_->stats().flushed_end, 0);
    }
    Error refusal(const std::vector<Row>& rows, Hash128 id, std::uint64_t sequence = 0) {
        const auto ack = append_later(rows, id, sequence).get();
        EXPECT_TRUE(ack.has_error());
        return ack.has_error() ? ack.error() : make_error(ErrorCode::internal, "it was taken");
    }
};

TEST_F(BatchIds, ManyOthersInBetweenMakeNoneForgotten) {
    options_.sync = false;
    options_.segment_bytes = 1 << 20;
    reopen();
    append(one(1, "old"), {1, 1});
    append(one(1, "new"), {1, 2});
    std::vector<std::future<Result<AppendAck>>> acks;
    for (std::uint64_t i = 0; i < 66'000; ++i)
        acks.push_back(append_later(one(2), {i + 1, 7}));
    for (auto& ack : acks)
        ASSERT_TRUE(ack.get().has_value());
    const auto end = partition_->end_offset();
    EXPECT_EQ(end, 66'002);
    auto again = append(one(1, "old"), {1, 1});
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(again.first, 0);
    EXPECT_EQ(partition_->end_offset(), end);
    EXPECT_EQ(live().at(1), "new");
    EXPECT_EQ(partition_->stats().batch_ids, 66'002u);
    ASSERT_TRUE(partition_->flush().has_value());
    reopen();
    again = append(one(1, "old"), {1, 1});
    EXPECT_TRUE(again.duplicate);
    EXPECT_TRUE(append(one(2), {33'000, 7}).duplicate);
    EXPECT_EQ(live().at(1), "new");
}

// An id that is used again by mistake: nothing is written, and nothing is said to have been.
TEST_F(BatchIds, ARepeatWithOtherRowsIsRefused) {
    const Hash128 producer{9, 9};
    append(one(1, "a"), {1, 1});
    append(one(2, "p"), producer, 5);
    const auto end = partition_->end_offset();
    const auto check = [&](const char* when) {
        for (const auto& other : {one(1, "b"), one(3, "a"), std::vector<Row>{}}) {
            const auto rows = other.empty() ? std::vector<Row>{{1, "a", true}} : other;
            const auto error = refusal(rows, {1, 1});
            EXPECT_EQ(error.code, ErrorCode::invalid_request) << when << ": " << error.to_text();
            EXPECT_NE(error.message.find("with this batch_id before"), std::string::npos) << error.message;
        }
        EXPECT_EQ(refusal(one(2, "q"), producer, 5).code, ErrorCode::invalid_request) << when;
        EXPECT_TRUE(append(one(1, "a"), {1, 1}).duplicate) << when;
        EXPECT_TRUE(append(one(2, "p"), producer, 5).duplicate) << when;
    };
    check("in memory");
    EXPECT_EQ(partition_->end_offset(), end);
    reopen();
    check("from the log");
    flush();
    check("from a file");
    reopen();
    check("from a file, after a restart");
    EXPECT_EQ(live().at(1), "a");
    EXPECT_EQ(live().at(2), "p");
}

TEST_F(BatchIds, ARepeatInTheSameGroupWithOtherRowsIsRefused) {
    auto first = append_later(one(1, std::string(100'000, 'f')));  // keeps the appender for a moment
    auto a = append_later(one(1, "a"), {1, 1});
    auto b = append_later(one(1, "b"), {1, 1});
    auto again = append_later(one(1, "a"), {1, 1});
    ASSERT_TRUE(first.get().has_value());
    ASSERT_TRUE(a.get().has_value());
    const auto refused = b.get();
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_request);
    const auto same = again.get();
    ASSERT_TRUE(same.has_value());
    EXPECT_TRUE(same->duplicate);
    EXPECT_EQ(live().at(1), "a");
}

TEST_F(BatchIds, AreRememberedForTheWindowAndForgottenAfterIt) {
    append(one(1, "a"), {1, 1});
    flush();
    uptime_us_ += 15 * kMinuteUs - 1'000'000;
    flush();
    partition_->tick();
    EXPECT_TRUE(append(one(1, "a"), {1, 1}).duplicate);
    uptime_us_ += 2'000'000;
    partition_->tick();
    EXPECT_EQ(partition_->stats().batch_ids, 0u);
    EXPECT_EQ(partition_->stats().batch_id_bytes_resident, 0u);
    flush();
    EXPECT_EQ(partition_->stats().batch_id_file_bytes, 0u);
    EXPECT_FALSE(append(one(1, "a"), {1, 1}).duplicate);
}

// Whatever the wall clock does, and however long the partition is closed.
TEST_F(BatchIds, NoClockThatJumpsShortensTheWindow) {
    append(one(1, "a"), {1, 1});
    now_us_ -= 3600 * kMinuteUs;
    append(one(2, "b"), {1, 2});
    flush();
    now_us_ += 9000 * kMinuteUs;
    uptime_us_ = 1;  // another process
    reopen();
    append(one(3, "c"), {1, 3});
    uptime_us_ += 14 * kMinuteUs;
    flush();
    now_us_ -= 20'000 * kMinuteUs;
    for (int i = 0; i < 2; ++i) {
        EXPECT_TRUE(append(one(1, "a"), {1, 1}).duplicate);
        EXPECT_TRUE(append(one(2, "b"), {1, 2}).duplicate);
        EXPECT_TRUE(append(one(3, "c"), {1, 3}).duplicate);
        uptime_us_ = -7'000'000;
        reopen();
    }
}

TEST_F(BatchIds, OutliveFlushRestartAndCompaction) {
    const Hash128 producer{9, 9};
    append(one(1, "a"), {1, 1});
    append(one(2, "p"), producer, 5);
    for (int i = 0; i < 6; ++i) {
        flush();
        append(one(10 + i), {2, static_cast<std::uint64_t>(i)});
        append(one(20 + i), producer, static_cast<std::uint64_t>(10 + i));
        if (i % 2 == 1) {
            ASSERT_TRUE(partition_->compress(nullptr).has_value());
        }
        if (i % 3 == 2) reopen();
        const auto end = partition_->end_offset();
        auto again = append(one(1, "a"), {1, 1});
        EXPECT_TRUE(again.duplicate);
        EXPECT_EQ(again.first, 0);
        again = append(one(2, "p"), producer, 5);
        EXPECT_TRUE(again.duplicate);
        EXPECT_EQ(again.first, 1);
        for (int j = 0; j <= i; ++j) {
            EXPECT_TRUE(append(one(10 + j), {2, static_cast<std::uint64_t>(j)}).duplicate);
            EXPECT_TRUE(append(one(20 + j), producer, static_cast<std::uint64_t>(10 + j)).duplicate);
        }
        EXPECT_EQ(partition_->end_offset(), end);
    }
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    EXPECT_FALSE(*files_->exists(directory_ + "/log/00000000000000000000.log")) << "it was to be removed";
    reopen();
    EXPECT_TRUE(append(one(1, "a"), {1, 1}).duplicate);
    EXPECT_TRUE(append(one(2, "p"), producer, 5).duplicate);
}

TEST_F(BatchIds, BatchesOfAProducerMayComeOutOfOrder) {
    const Hash128 producer{1, 1};
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t i = 1; i <= 32; ++i)
        numbers.push_back(i);
    std::shuffle(numbers.begin(), numbers.end(), std::mt19937(5));
    std::map<std::uint64_t, Offset> where;
    for (const auto number : numbers) {
        const auto ack = append(one(static_cast<std::int64_t>(number)), producer, number);
        EXPECT_FALSE(ack.duplicate);
        where[number] = ack.first;
    }
    for (const auto& [number, first] : where) {
        const auto ack = append(one(static_cast<std::int64_t>(number)), producer, number);
        EXPECT_TRUE(ack.duplicate);
        EXPECT_EQ(ack.first, first);
    }
    // Another producer, and a text id of the same hash, know nothing of it.
    EXPECT_FALSE(append(one(50), {1, 2}, 1).duplicate);
    EXPECT_EQ(partition_->end_offset(), 33);
}

TEST_F(BatchIds, WhatIsOlderThanTheNewestOfAProducerIsRefusedByName) {
    const Hash128 producer{1, 1};
    for (std::uint64_t number = 10; number < 10 + 2 * 40; number += 2)
        append(one(1, "new"), producer, number);
    // 24 to 88 are remembered, 26 is the 32nd newest.
    const auto check = [&] {
        const auto end = partition_->end_offset();
        for (const std::uint64_t number : {1, 10, 13, 24}) {
            const auto error = refusal(one(1, "old"), producer, number);
            EXPECT_EQ(error.code, ErrorCode::batch_id_expired);
            EXPECT_NE(error.message.find("number " + std::to_string(number)), std::string::npos)
                << error.message;
            EXPECT_NE(error.message.find("from number 26 on"), std::string::npos) << error.message;
        }
        EXPECT_TRUE(append(one(1, "new"), producer, 26).duplicate);
        EXPECT_EQ(partition_->end_offset(), end);
        EXPECT_EQ(live().at(1), "new");
    };
    check();
    flush();
    check();
    reopen();
    check();
    // A gap within what is remembered is a batch that has not come yet.
    EXPECT_FALSE(append(one(5), producer, 27).duplicate);
    EXPECT_EQ(refusal(one(1, "old"), producer, 26).code, ErrorCode::batch_id_expired)
        << "it made room for 27";
}

TEST_F(BatchIds, AProducerCostsOneEntryHoweverMuchItSends) {
    options_.segment_bytes = 1 << 20;
    reopen();
    for (std::uint64_t number = 1; number <= 500; ++number)
        append(one(1), {1, 1}, number);
    const auto memory = partition_->stats().batch_id_tail_bytes;
    flush();
    EXPECT_LE(partition_->stats().batch_ids, 33u);
    for (std::uint64_t number = 501; number <= 2000; ++number)
        append(one(1), {1, 1}, number);
    EXPECT_LT(partition_->stats().batch_id_tail_bytes, memory + 8192);
    flush();
    flush();
    EXPECT_LE(partition_->stats().batch_ids, 33u);
    EXPECT_LT(partition_->stats().batch_id_bytes_resident, 256u);
}

TEST_F(BatchIds, FilesOfProducersAreMerged) {
    for (std::uint64_t round = 0; round < 50; ++round) {
        for (std::uint64_t number = 1; number <= 32; ++number)
            append(one(1), {1, 1}, 32 * round + number);
        flush();
    }
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/snapshots"))
        files += entry.path().filename().string().starts_with("batch-ids.") ? 1 : 0;
    EXPECT_LE(files, 7u);
    EXPECT_TRUE(append(one(1), {1, 1}, 1600).duplicate);
    EXPECT_EQ(refusal(one(1), {1, 1}, 1500).code, ErrorCode::batch_id_expired);
}

TEST_F(BatchIds, TheFilterOfAFileIsForItsProducersNotForTheirBatches) {
    options_.segment_bytes = 1 << 20;
    reopen();
    for (std::uint64_t round = 0; round < 2; ++round) {
        for (std::uint64_t producer = 1; producer <= 400; ++producer)
            for (std::uint64_t number = 1; number <= 2; ++number)
                append(one(1), {producer << 50, 1}, 2 * round + number);
        flush();
    }
    // 1600 entries are 22 blocks, whose first ids take 176 bytes; a filter of 400 ids takes 540.
    EXPECT_EQ(partition_->stats().batch_ids, 1600u);
    EXPECT_EQ(partition_->stats().batch_id_bytes_resident, 716u);
}

TEST_F(BatchIds, MemoryBeyondItsLimitRefusesNewIdsAndForgetsNone) {
    batch_id_budget_ = std::make_unique<BatchIdBudget>(500);
    reopen();
    std::uint64_t taken = 0;
    for (; taken < 10'000; ++taken) {
        const auto ack = append_later(one(1), {1, taken}).get();
        if (ack.has_value()) continue;
        EXPECT_EQ(ack.error().code, ErrorCode::overloaded);
        EXPECT_NE(ack.error().message.find("slave.batch_id.memory.bytes"), std::string::npos);
        break;
    }
    EXPECT_GE(taken, 200u);
    EXPECT_LT(taken, 300u);
    EXPECT_EQ(refusal(one(1), {2, 2}, 1).code, ErrorCode::overloaded);
    const auto check = [&] {
        for (std::uint64_t i = 0; i < taken; ++i)
            EXPECT_TRUE(append(one(1), {1, i}).duplicate);
        EXPECT_FALSE(append(one(2)).duplicate) << "batches without an id go on";
    };
    check();
    flush();
    check();
    reopen();
    check();
    EXPECT_GT(batch_id_budget_->used(), 0u);
    uptime_us_ += 16 * kMinuteUs;
    partition_->tick();
    EXPECT_FALSE(append(one(1), {3, 3}).duplicate);
    close();
    EXPECT_EQ(batch_id_budget_->used(), 0u);
}

TEST_F(BatchIds, CountAsTailAndGoWithIt) {
    const auto before = partition_->stats();
    EXPECT_EQ(before.batch_id_tail_bytes, 0u);
    tail_budget_ = std::make_unique<TailBudget>(1u << 30);
    options_.segment_bytes = 1 << 20;
    reopen();
    for (std::uint64_t i = 0; i < 1000; ++i)
        append(one(1), {1, i});
    EXPECT_GE(partition_->stats().batch_id_tail_bytes, 40'000u);
    EXPECT_GE(tail_budget_->used(), partition_->stats().tail_bytes + partition_->stats().batch_id_tail_bytes);
    flush();
    EXPECT_EQ(partition_->stats().batch_ids, 1000u);
    EXPECT_LT(partition_->stats().batch_id_tail_bytes, 4096u);
    EXPECT_GE(partition_->stats().batch_id_file_bytes, 48'000u);
    EXPECT_LT(partition_->stats().batch_id_bytes_resident, 2000u);
}

TEST_F(BatchIds, OfADamagedBlockAreRefusedAndNoOthers) {
    append(one(1), {1, 1});
    append(one(2), {9, 9}, 3);
    flush();
    std::string path;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/snapshots"))
        if (entry.path().filename().string().starts_with("batch-ids.")) path = entry.path();
    ASSERT_FALSE(path.empty());
    std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(20).put('\x55');
    const auto end = partition_->end_offset();
    for (const auto& error :
         {refusal(one(1), {1, 1}), refusal(one(2), {9, 9}, 3), refusal(one(2), {9, 9}, 4)}) {
        EXPECT_EQ(error.code, ErrorCode::corrupt_data);
        EXPECT_NE(error.message.find(path), std::string::npos);
    }
    EXPECT_EQ(partition_->end_offset(), end);
    EXPECT_FALSE(append(one(3), {4, 4}).duplicate);
    // Flushes go on beside it, and its damage gets no right checksum.
    flush();
    EXPECT_EQ(refusal(one(1), {1, 1}).code, ErrorCode::corrupt_data);
    EXPECT_TRUE(append(one(3), {4, 4}).duplicate);
    reopen();
    EXPECT_EQ(refusal(one(1), {1, 1}).code, ErrorCode::corrupt_data);
    uptime_us_ += 16 * kMinuteUs;
    partition_->tick();
    EXPECT_FALSE(append(one(1), {1, 1}).duplicate);
}

TEST_F(BatchIds, ADamagedBlockKeepsNoPartitionFromOpening) {
    const Hash128 producer{9, 9};
    for (std::uint64_t number = 1; number <= 3; ++number)
        append(one(1), producer, number);
    flush();
    append(one(2, "unflushed"), producer, 4);
    const auto end = partition_->end_offset();
    close();
    for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/snapshots"))
        if (entry.path().filename().string().starts_with("batch-ids."))
            std::fstream(entry.path(), std::ios::in | std::ios::out | std::ios::binary).seekp(20).put('\x55');
    auto opened = try_open();
    ASSERT_TRUE(opened.has_value()) << opened.error().to_text();
    partition_ = *opened;
    EXPECT_EQ(partition_->end_offset(), end);
    EXPECT_EQ(live().at(2), "unflushed");
    EXPECT_TRUE(append(one(2, "unflushed"), producer, 4).duplicate);
    for (std::uint64_t number = 1; number <= 3; ++number)
        EXPECT_EQ(refusal(one(1), producer, number).code, ErrorCode::batch_id_expired);
    EXPECT_FALSE(append(one(3), producer, 5).duplicate);
    flush();
    reopen();
    EXPECT_TRUE(append(one(3), producer, 5).duplicate);
    EXPECT_EQ(refusal(one(1), producer, 3).code, ErrorCode::batch_id_expired);
}

// It waits behind the first, which gets into the log but cannot be applied.
TEST_F(BatchIds, ARepeatOfWhatNobodySeesIsNotAcknowledged) {
    FaultyFileSystem disk;
    files_ = &disk;
    reopen();
    append(one(1, "old"));
    flush();
    for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/snapshots")) {
        if (entry.path().extension() != ".kix" && entry.path().extension() != ".parquet") continue;
        std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
        const std::string other(std::filesystem::file_size(entry.path()), '\x55');
        file.write(other.data(), static_cast<std::streamsize>(other.size()));
    }
    const auto visible = partition_->end_offset();
    disk.hang(directory_ + "/log");
    auto first = append_later(one(1, "new"), {1, 1});
    while (disk.waiting_calls() == 0)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    auto repeat = append_later(one(1, "new"), {1, 1});
    disk.let_go();
    for (auto* ack : {&first, &repeat}) {
        const auto answer = ack->get();
        ASSERT_TRUE(answer.has_error());
        EXPECT_EQ(answer.error().code, ErrorCode::io_error) << answer.error().to_text();
    }
    EXPECT_EQ(partition_->end_offset(), visible);
    close();
    files_ = &posix_file_system();
}

// As release 0.1.0 left it: ids in the indexes of the log, and in a file of version 1.
TEST_F(BatchIds, OfAnOlderReleaseAreTakenOver) {
    append(one(1, "a"));
    flush();
    flush();
    close();
    std::string index;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/log"))
        if (entry.path().extension() == ".idx" && (index.empty() || entry.path() < index))
            index = entry.path();
    ASSERT_FALSE(index.empty());
    auto decoded = *SegmentIndex::decode(*files_->read_all(index));
    decoded.batch_ids = {{{1, 1}, 0, 0}};
    ASSERT_TRUE(files_->replace_atomically(index, decoded.encode()).has_value());
    ManifestStore store(*files_, directory_);
    auto text = encode_manifest(*store.load());
    const std::string now = "\"batch_ids\": [],\n", before = "\"batch_ids_edition\": 1,\n";
    ASSERT_NE(text.find(now), std::string::npos);
    text.replace(text.find(now), now.size(), before);
    const auto body = text.substr(text.find('\n') + 1);
    char line[32];
    std::snprintf(line, sizeof line, "DLMANIFEST 1 %08x\n", crc32c(0, body.data(), body.size()));
    ASSERT_TRUE(files_->replace_atomically(store.path(), line + body).has_value());
    std::string ids, old;
    append_le(ids, std::uint64_t{2});
    append_le(ids, std::uint64_t{2});
    append_le(ids, Offset{0});
    append_le(ids, Offset{0});
    append_le(old, std::uint32_t{0x49424c44});
    append_le(old, std::uint32_t{1});
    append_le(old, std::uint64_t{1});
    append_le(old, crc32c(0, ids.data(), ids.size()));
    append_le(old, crc32c(0, old.data(), old.size()));
    ASSERT_TRUE(files_->replace_atomically(directory_ + "/snapshots/batch-ids.1", old + ids).has_value());

    for (int i = 0; i < 2; ++i) {
        open();
        EXPECT_TRUE(append(one(1, "b"), {1, 1}).duplicate);
        EXPECT_TRUE(append(one(1, "b"), {2, 2}).duplicate);
        ASSERT_TRUE(partition_->compress(nullptr).has_value());
        EXPECT_FALSE(*files_->exists(directory_ + "/snapshots/batch-ids.1"));
        close();
    }
    EXPECT_FALSE(store.load()->batch_ids_in_log);
    open();
    EXPECT_EQ(live().at(1), "a");
}

// The window against a map, with flushes, restarts from the files and the log, and time that passes.
TEST_F(BatchIds, BehaveLikeAModel) {
    struct Applied {
        BatchIdEntry entry;
        std::int64_t at = 0;
    };
    struct Producer {
        std::map<std::uint64_t, Applied> newest;
        std::uint64_t forgotten = 0;
    };
    std::uint64_t expired = 0, known = 0, files_max = 0;
    for (unsigned seed = 1; seed <= 6; ++seed) {
        std::mt19937_64 random(seed);
        const auto up_to = [&](std::uint64_t most) { return random() % (most + 1); };
        std::int64_t uptime = 1000, real = 0;
        BatchIdBudget budget(0);
        const BatchIdWindow::Options options{.label = "partition",
                                             .window_us = 1000,
                                             .uptime_us = [&uptime] { return uptime; },
                                             .budget = &budget};
        BatchIdWindow window(options, {});
        std::map<Hash128, Applied> ids;
        std::map<Hash128, Producer> producers;
        std::vector<BatchIdEntry> log;  // what a restart replays
        Offset end = 0;
        std::uint64_t edition = 0;
        const auto directory = root_ + "/model" + std::to_string(seed);
        ASSERT_TRUE(files_->create_directories(directory).has_value());
        const auto apply = [&](const BatchName& name) {
            const auto count = static_cast<Offset>(1 + up_to(3));
            const BatchIdEntry entry{name.id, end, end + count - 1, name.sequence};
            window.add(entry);
            log.push_back(entry);
            end += count;
            if (name.sequence == 0) {
                ids[name.id] = {entry, real};
                return;
            }
            auto& producer = producers[name.id];
            if (name.sequence <= producer.forgotten) return;
            producer.newest[name.sequence] = {entry, real};
            if (producer.newest.size() <= limits::producer_batches_max) return;
            producer.forgotten = producer.newest.begin()->first;
            producer.newest.erase(producer.newest.begin());
        };
        for (int step = 0; step < 6000; ++step) {
            const auto what = up_to(99);
            if (what < 2) {  // a flush
                const auto sealed = window.sealed_below(end);
                BatchIdSpill spill{
                    files_, directory, ++edition, {}, sealed, window.files(), window.forget_before_us()};
                auto spilled = spill_batch_ids(spill);
                ASSERT_TRUE(spilled.has_value()) << spilled.error().to_text();
                window.spilled(end, std::move(spilled->kept));
                files_max = std::max<std::uint64_t>(files_max, window.files().size());
                log.clear();
                continue;
            }
            if (what == 2) {  // a restart
                std::vector<std::shared_ptr<const BatchIdFile>> files;
                for (const auto& file : window.files())
                    files.push_back(*BatchIdFile::open(*files_, file->path(), file->edition(), {}));
                uptime = static_cast<std::int64_t>(up_to(5000));
                window = BatchIdWindow(options, std::move(files));
                window.begin_segment(log.empty() ? end : log.front().first);
                for (const auto& entry : log)
                    window.add(entry);
                continue;
            }
            if (what == 3) {
                const auto passed = static_cast<std::int64_t>(up_to(300));
                uptime += passed;
                real += passed;
                window.drop_expired();
                continue;
            }
            if (what < 50) {
                const BatchName name{{up_to(1500), seed}, 0};
                const auto found = window.find(name);
                ASSERT_TRUE(found.has_value());
                const auto wanted = ids.find(name.id);
                if (wanted != ids.end() && wanted->second.at + 1000 >= real) {
                    ASSERT_TRUE(found->has_value()) << "seed " << seed << " step " << step;
                    ++known;
                }
                if (*found) {
                    ASSERT_NE(wanted, ids.end());
                    EXPECT_EQ((*found)->first, wanted->second.entry.first);
                    EXPECT_EQ((*found)->last, wanted->second.entry.last);
                } else {
                    apply(name);
                }
                continue;
            }
            const Hash128 id{up_to(12), seed + 100};
            auto& producer = producers[id];
            const auto newest = producer.newest.empty() ? 0 : producer.newest.rbegin()->first;
            const auto back = static_cast<std::int64_t>(up_to(3) == 0 ? up_to(80) : 2);
            const auto asked = static_cast<std::int64_t>(newest + up_to(6)) - back;
            const BatchName name{id, static_cast<std::uint64_t>(std::max<std::int64_t>(1, asked))};
            std::int64_t last = -1'000'000;
            for (const auto& [number, applied] : producer.newest)
                last = std::max(last, applied.at);
            if (last + 1000 < real && !producer.newest.empty()) continue;  // may be forgotten whole
            const auto found = window.find(name);
            const auto wanted = producer.newest.find(name.sequence);
            if (wanted != producer.newest.end()) {
                ASSERT_TRUE(found.has_value()) << found.error().to_text();
                ASSERT_TRUE(found->has_value()) << "seed " << seed << " step " << step;
                EXPECT_EQ((*found)->first, wanted->second.entry.first);
                ++known;
            } else if (name.sequence <= producer.forgotten) {
                ASSERT_TRUE(found.has_error());
                EXPECT_EQ(found.error().code, ErrorCode::batch_id_expired);
                ++expired;
            } else {
                ASSERT_TRUE(found.has_value());
                ASSERT_FALSE(found->has_value());
                apply(name);
            }
        }
        EXPECT_EQ(window.figures().index_bytes, budget.used());
    }
    // It reached what it is about.
    EXPECT_GT(known, 3000u);
    EXPECT_GT(expired, 300u);
    EXPECT_GT(files_max, 2u);
}

}  // namespace
}  // namespace dl::slave::test
