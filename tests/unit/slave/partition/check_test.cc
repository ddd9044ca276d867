// check: silent on sound data however it is spread, loud on each kind of damage, and what it repairs is
// sound.
#include <fstream>
#include <random>
#include <thread>

#include "common/base/crc32c.h"
#include "slave/partition/record_census.h"
#include "slave/snapshot/derived_files.h"
#include "slave/snapshot/snapshot_publisher.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave::test {
namespace {

using namespace std::string_literals;

class CheckTest : public PartitionFixture {
  protected:
    void some_batches(int count) {
        for (int i = 0; i < count; ++i) {
            std::vector<Row> rows(30);
            for (auto& row : rows) {
                row = {static_cast<std::int64_t>(random_() % 200), "v" + std::to_string(random_()),
                       random_() % 5 == 0};
                if (row.is_delete)
                    model_.erase(row.key);
                else
                    model_[row.key] = row.value;
            }
            append(rows);
        }
    }
    // Compacted and flushed files, a tail.
    void write_history() {
        some_batches(40);
        ASSERT_TRUE(partition_->compress(nullptr).has_value());
        some_batches(30);
        ASSERT_TRUE(partition_->flush().has_value());
        some_batches(1);
    }
    CheckReport check(bool repair = false) {
        CheckOptions options;
        options.repair = repair;
        auto report = partition_->check(options);
        EXPECT_TRUE(report.has_value()) << report.error().to_text();
        return report.has_value() ? *report : CheckReport{};
    }
    void expect_sound() {
        const auto report = check();
        EXPECT_TRUE(report.problems.empty()) << report.problems.front();
        EXPECT_EQ(report.live_rows, model_.size());
        EXPECT_EQ(live(), model_);
    }
    // Found, naming the file; put right by repair; sound then, also when opened again.
    void expect_found_and_repaired(const std::string& name) {
        SCOPED_TRACE(name);
        const auto report = check();
        ASSERT_FALSE(report.problems.empty());
        EXPECT_TRUE(std::any_of(report.problems.begin(), report.problems.end(), [&](const auto& text) {
            return text.find(name) != std::string::npos;
        })) << report.problems.front();
        const auto repaired = check(true);
        ASSERT_FALSE(repaired.problems.empty());
        for (const auto& text : repaired.problems)
            EXPECT_TRUE(text.starts_with("repaired: ")) << text;
        expect_sound();
        reopen();
        expect_sound();
    }
    Manifest manifest() { return *ManifestStore(posix_file_system(), directory_).load(); }
    std::string snapshot(const std::string& name) { return directory_ + "/snapshots/" + name; }
    static void write(const std::string& path, const std::string& content) {
        std::filesystem::remove(path);  // what is mapped stays as it is
        std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    }
    static void flip(const std::string& path, std::size_t at) {
        auto bytes = *posix_file_system().read_all(path);
        bytes[at] = static_cast<char>(bytes[at] ^ 4);
        write(path, bytes);
    }
    static std::vector<KeyIndex::Entry> entries_of(const KeyIndex& index) {
        std::vector<KeyIndex::Entry> entries;
        KeyIndex::Cursor cursor(index);
        for (KeyIndex::Entry entry; *cursor.next(&entry);)
            entries.push_back(entry);
        return entries;
    }
    // A vector with a good checksum that says the wrong thing.
    void write_wrong_vector(const ManifestFile& info, bool all_dead) {
        RowBits dead(info.rows);
        if (all_dead)
            for (std::uint64_t row = 0; row < info.rows; ++row)
                dead.set(row);
        write(snapshot(info.vector_name(info.vector_version)),
              DeleteVector::from_bits(dead)->encode(info.first_offset, info.end_offset));
    }

    std::mt19937 random_{5};
    std::map<std::int64_t, std::string> model_;
};

TEST_F(CheckTest, SoundDataHasNoProblemsWhereverItLies) {
    expect_sound();
    some_batches(3);
    expect_sound();
    write_history();
    expect_sound();
    const auto before = check();
    reopen();
    EXPECT_EQ(check().hash, before.hash);
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    const auto compacted = check();
    EXPECT_TRUE(compacted.problems.empty());
    EXPECT_EQ(compacted.hash, before.hash) << "the live rows are the same";
    EXPECT_LT(compacted.records, before.records);
    append({{1, "other", false}});
    EXPECT_NE(check().hash, before.hash);
}

TEST_F(CheckTest, WrongVectorsAreFoundAndRepaired) {
    write_history();
    for (const bool all_dead : {false, true}) {
        for (const bool newest : {false, true}) {
            // A repair writes all vectors anew.
            const auto info = newest ? manifest().files.back() : manifest().files.front();
            close();
            write_wrong_vector(info, all_dead);
            open();
            expect_found_and_repaired(info.stem());
        }
    }
}

TEST_F(CheckTest, WrongIndexesAreFoundAndRepaired) {
    write_history();
    const auto files = manifest().files;
    for (const auto& info : {files.front(), files.back()}) {
        const auto path = snapshot(info.index_name());
        const KeyIndexInfo identity{info.first_offset, info.end_offset, info.rows, table_.index_hash_seed};
        // Good checksums, but: an entry less; the row of another record; not a delete.
        for (int kind = 0; kind < 3; ++kind) {
            SCOPED_TRACE(kind);
            const auto index = KeyIndex::open(posix_file_system(), path, identity);
            ASSERT_TRUE(index.has_value());
            KeyIndexWriter writer(identity);
            auto entries = entries_of(**index);
            for (std::size_t i = 0; i < entries.size(); ++i) {
                auto& entry = entries[i];
                if (i == 3 && kind == 0) continue;
                if (i == 3 && kind == 1) entry.row = entry.row == 0 ? 1 : entry.row - 1;
                if (i == 3 && kind == 2) entry.is_delete = !entry.is_delete;
                writer.add(entry.hash, entry.row, entry.is_delete);
            }
            close();
            std::filesystem::remove(path);
            ASSERT_TRUE(writer.write(posix_file_system(), path).has_value());
            open();
            expect_found_and_repaired(info.index_name());
        }
    }
}

TEST_F(CheckTest, AnIndexThatNamesAnOlderRecordOfAKeyIsFound) {
    write_history();
    const auto info = manifest().files.back();
    ASSERT_FALSE(info.compacted);
    std::map<Hash128, std::uint32_t> oldest;
    ASSERT_TRUE(scan_parquet_keys(*database_, snapshot(info.parquet_name()), info, table_,
                                  [&](const KeyPiece& piece) -> Result<void> {
                                      for (std::size_t i = 0; i < piece.hashes.size(); ++i)
                                          if (!piece.deletes[i])
                                              oldest.emplace(piece.hashes[i],
                                                             static_cast<std::uint32_t>(piece.first_row + i));
                                      return {};
                                  })
                    .has_value());
    const auto path = snapshot(info.index_name());
    const KeyIndexInfo identity{info.first_offset, info.end_offset, info.rows, table_.index_hash_seed};
    const auto index = KeyIndex::open(posix_file_system(), path, identity);
    KeyIndexWriter writer(identity);
    bool changed = false;
    for (auto entry : entries_of(**index)) {
        const auto older = oldest.find(entry.hash);
        if (!changed && !entry.is_delete && older != oldest.end() && older->second != entry.row) {
            entry.row = older->second;
            changed = true;
        }
        writer.add(entry.hash, entry.row, entry.is_delete);
    }
    ASSERT_TRUE(changed);
    close();
    std::filesystem::remove(path);
    ASSERT_TRUE(writer.write(posix_file_system(), path).has_value());
    open();
    expect_found_and_repaired(info.index_name());
}

TEST_F(CheckTest, RepairKeepsWhatIsWrittenMeanwhile) {
    write_history();
    for (int i = 0; i < 4; ++i) {
        const auto info = manifest().files.front();
        close();
        write_wrong_vector(info, i % 2 == 0);
        open();
        std::atomic<bool> stop{false};
        std::thread writer([&] {
            while (!stop)
                some_batches(1);
        });
        check(true);
        stop = true;
        writer.join();
        expect_sound();
    }
}

// A row that is dead by mistake gets no mark when its key is written again: what is written after the
// vectors were derived, and before they are those of the partition, has to be marked by the repair. Here
// every step of check and repair is followed by writes to keys of their own.
TEST_F(CheckTest, RepairMarksWhatIsWrittenAfterItHasDerivedTheVectors) {
    constexpr std::int64_t kKeys = 400;
    std::vector<Row> rows;
    for (std::int64_t key = 0; key < kKeys; ++key) {
        rows.push_back({key, "old", false});
        model_[key] = "old";
    }
    append(rows);
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    const auto info = manifest().files.front();
    close();
    write_wrong_vector(info, true);
    open();
    std::int64_t next = 0;
    CheckOptions options;
    options.repair = true;
    options.stop = [&] {
        append({{next, "new", false}, {next + 1, "", true}});
        model_[next] = "new";
        model_.erase(next + 1);
        next += 2;
        return false;
    };
    const auto repaired = partition_->check(options);
    ASSERT_TRUE(repaired.has_value()) << repaired.error().to_text();
    ASSERT_LE(next, kKeys) << "every write was to a key of its own";
    ASSERT_FALSE(repaired->problems.empty());
    for (const auto& text : repaired->problems)
        EXPECT_TRUE(text.starts_with("repaired: ")) << text;
    expect_sound();
    reopen();
    expect_sound();
}

TEST_F(CheckTest, ARepairThatIsCancelledChangesNothing) {
    write_history();
    const auto info = manifest().files.front();
    close();
    write_wrong_vector(info, true);
    open();
    const auto before = live();
    ASSERT_NE(before, model_);
    // Steps of a check alone: the next one belongs to the repair.
    int steps = 0;
    CheckOptions options;
    options.stop = [&] {
        ++steps;
        return false;
    };
    ASSERT_TRUE(partition_->check(options).has_value());
    options.repair = true;
    options.stop = [&] { return steps-- <= 0; };
    EXPECT_EQ(partition_->check(options).error().code, ErrorCode::cancelled);
    EXPECT_EQ(live(), before);
    expect_found_and_repaired(info.stem());
}

TEST_F(CheckTest, DamageWhileItServesIsFoundAndDerivedFilesComeBack) {
    write_history();
    const auto file = manifest().files.front();
    flip(snapshot(file.index_name()), 300);
    expect_found_and_repaired(file.index_name());
    const auto now = manifest().files.front();
    std::filesystem::remove(snapshot(now.vector_name(now.vector_version)));
    expect_found_and_repaired(now.stem() + ".dv");
}

// A column file is named with the place, and written anew while the log has its records.
TEST_F(CheckTest, DamagedColumnFilesComeBackFromTheLog) {
    write_history();
    const auto before = live();
    const auto file = manifest().files.back();
    ASSERT_FALSE(file.compacted);
    const auto parquet = snapshot(file.parquet_name());
    flip(parquet, posix_file_system().file_size(parquet).value() / 3);
    const auto found = check(false);
    ASSERT_FALSE(found.problems.empty());
    for (const std::string& word : {file.parquet_name(), "column"s, "row group"s, "byte"s})
        EXPECT_NE(found.problems.front().find(word), std::string::npos) << found.problems.front();
    const auto repaired = check(true);
    ASSERT_FALSE(repaired.problems.empty());
    for (const auto& problem : repaired.problems)
        EXPECT_TRUE(problem.starts_with("repaired: ")) << problem;
    EXPECT_FALSE(*posix_file_system().exists(parquet));
    expect_sound();
    EXPECT_EQ(live(), before);
    close();
    open();
    EXPECT_EQ(live(), before);
    expect_sound();
}

// Where a text lies in a file, uncompressed or as a literal of Snappy.
void flip_text(const std::string& path, const std::string& text) {
    auto bytes = *posix_file_system().read_all(path);
    const auto at = bytes.find(text);
    ASSERT_NE(at, std::string::npos);
    bytes[at + 3] = static_cast<char>(bytes[at + 3] ^ 1);
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

TEST_F(CheckTest, CompactionReadsDamagedFilesAnewFromTheLog) {
    write_history();
    append({{1000, "kq7Zr1Wm9Xc3Vt5Bn8Jp2Lf6Hd4Gs0Ty"}});
    model_[1000] = "kq7Zr1Wm9Xc3Vt5Bn8Jp2Lf6Hd4Gs0Ty";
    some_batches(30);
    ASSERT_TRUE(partition_->flush().has_value());
    std::string parquet;
    for (const auto& file : manifest().files)
        if (posix_file_system().read_all(snapshot(file.parquet_name()))->find(model_[1000]) !=
            std::string::npos)
            parquet = snapshot(file.parquet_name());
    flip_text(parquet, model_[1000]);
    const auto compressed = partition_->compress(nullptr);
    ASSERT_TRUE(compressed.has_value()) << compressed.error().to_text();
    expect_sound();
    reopen();
    expect_sound();
}

TEST_F(CheckTest, CompactionNeverTakesOverDamage) {
    append({{1000, "kq7Zr1Wm9Xc3Vt5Bn8Jp2Lf6Hd4Gs0Ty"}});
    model_[1000] = "kq7Zr1Wm9Xc3Vt5Bn8Jp2Lf6Hd4Gs0Ty";
    write_history();
    const auto before = manifest();
    const auto file = before.files.front();
    ASSERT_TRUE(file.compacted);
    const auto good = *posix_file_system().read_all(snapshot(file.parquet_name()));
    flip_text(snapshot(file.parquet_name()), model_[1000]);
    for (int i = 0; i < 2; ++i) {
        const auto refused = partition_->compress(nullptr);
        ASSERT_TRUE(refused.has_error());
        EXPECT_EQ(refused.error().code, ErrorCode::corrupt_data);
        for (const std::string& word :
             {file.parquet_name(), "column f2 of row group 0"s, "the page at byte"s, "restore"s})
            EXPECT_NE(refused.error().message.find(word), std::string::npos) << refused.error().message;
    }
    EXPECT_EQ(manifest().log_start, before.log_start);
    write(snapshot(file.parquet_name()), good);
    expect_sound();
    const auto compressed = partition_->compress(nullptr);
    ASSERT_TRUE(compressed.has_value()) << compressed.error().to_text();
    expect_sound();
}

// With right checksums everywhere: the log says what the values were.
TEST_F(CheckTest, ValuesAreComparedWithTheLog) {
    write_history();
    append({{1000, "the value that somebody else wrote"}});
    model_[1000] = "the value that somebody else wrote";
    some_batches(30);
    ASSERT_TRUE(partition_->flush().has_value());
    close();
    auto changed = manifest();
    for (auto& file : changed.files) {
        const auto path = snapshot(file.parquet_name());
        if (posix_file_system().read_all(path)->find(model_[1000]) == std::string::npos) continue;
        flip_text(path, model_[1000]);
        const auto bytes = *posix_file_system().read_all(path);
        file.parquet_crc = crc32c(0, bytes.data(), bytes.size());
    }
    ++changed.edition;
    ASSERT_TRUE(ManifestStore(posix_file_system(), directory_).replace(changed, "test").has_value());
    open();
    const auto report = check();
    ASSERT_EQ(report.problems.size(), 1u);
    EXPECT_NE(report.problems.front().find("column f2 at offset"), std::string::npos)
        << report.problems.front();
}

TEST_F(CheckTest, DamagedCompactedFilesAndLogAreNamedAndNotRepaired) {
    write_history();
    const auto compacted = manifest().files.front();
    ASSERT_TRUE(compacted.compacted);
    const auto parquet = snapshot(compacted.parquet_name());
    const auto good = *posix_file_system().read_all(parquet);
    flip(parquet, good.size() / 3);
    for (const bool repair : {false, true}) {
        const auto report = check(repair);
        ASSERT_FALSE(report.problems.empty());
        EXPECT_NE(report.problems.front().find(compacted.parquet_name()), std::string::npos);
        EXPECT_FALSE(report.problems.front().starts_with("repaired"));
    }
    write(parquet, good);
    expect_sound();
    const auto file = manifest().files.back();
    // A closed log segment, which a start trusts by its index.
    char name[32];
    std::snprintf(name, sizeof name, "%020lld.log", static_cast<long long>(file.first_offset));
    const auto log = directory_ + "/log/" + name;
    auto bytes = *posix_file_system().read_all(log);
    bytes[200] = static_cast<char>(bytes[200] ^ 1);
    std::fstream(log, std::ios::in | std::ios::out | std::ios::binary).write(bytes.data(), 201);
    const auto report = check();
    ASSERT_FALSE(report.problems.empty());
    EXPECT_NE(report.problems.front().find(name), std::string::npos) << report.problems.front();
}

TEST_F(CheckTest, DeadlineAndCancelEndIt) {
    write_history();
    CheckOptions options;
    options.deadline = std::chrono::steady_clock::now();
    EXPECT_EQ(partition_->check(options).error().code, ErrorCode::timeout);
    options = {};
    options.stop = [] { return true; };
    EXPECT_EQ(partition_->check(options).error().code, ErrorCode::cancelled);
}

// What is only in the tail of the cut is flushed and compacted before the check reads on, its log gone.
TEST_F(CheckTest, TheLogOfItsTailMayGoMeanwhile) {
    write_history();
    some_batches(2);
    CheckOptions options;
    bool moved = false;
    options.stop = [&] {
        if (moved) return false;
        moved = true;
        some_batches(40);
        EXPECT_TRUE(partition_->compress(nullptr).has_value());
        return false;
    };
    const auto live_at_cut = model_.size();
    const auto report = partition_->check(options);
    ASSERT_TRUE(report.has_value() && moved);
    EXPECT_TRUE(report->problems.empty()) << report->problems.front();
    EXPECT_EQ(report->live_rows, live_at_cut);
}

TEST_F(CheckTest, WritesAndCompactionsGoOnMeanwhile) {
    write_history();
    std::atomic<bool> stop{false};
    std::thread writer([&] {
        while (!stop)
            some_batches(1);
    });
    std::thread compressor([&] {
        while (!stop)
            EXPECT_TRUE(partition_->compress(nullptr).has_value());
    });
    for (int i = 0; i < 15; ++i) {
        const auto report = check(i % 3 == 0);
        EXPECT_TRUE(report.problems.empty()) << report.problems.front();
    }
    stop = true;
    writer.join();
    compressor.join();
    expect_sound();
}

TEST(RecordCensusTest, PartsTogetherAreTheWholeAndMemoryIsBounded) {
    std::mt19937_64 random(3);
    std::map<std::uint64_t, std::pair<Offset, bool>> newest;
    struct Record {
        Hash128 key;
        Offset offset;
        bool is_delete;
    };
    std::vector<Record> records;
    std::vector<Hash128> keys(500);
    for (auto& key : keys)
        key = {random(), random()};
    for (Offset offset = 0; offset < 20'000; ++offset) {
        const auto k = random() % (offset % 2 == 0 ? 500 : 3);  // some keys are written all the time
        const bool is_delete = random() % 4 == 0;
        records.push_back({keys[k], offset, is_delete});
        newest[k] = {offset, is_delete};
    }
    RowSum expected;
    for (const auto& [k, record] : newest)
        if (!record.second) expected.add(keys[k], record.first);
    std::shuffle(records.begin(), records.end(), random);
    for (const std::uint64_t parts : {1, 2, 7}) {
        RowSum sum;
        for (std::uint64_t part = 0; part < parts; ++part) {
            RecordCensus census(part, parts, 64);
            for (const auto& record : records)
                census.add(record.key, record.offset, record.is_delete);
            sum.add(census.live());
        }
        EXPECT_EQ(sum, expected) << parts;
    }
    EXPECT_EQ(RecordCensus::parts_for(0), 1u);
    EXPECT_EQ(RecordCensus::parts_for(10, 4), 3u);
}

}  // namespace
}  // namespace dl::slave::test
