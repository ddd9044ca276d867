// Key indexes and delete vectors that are gone or damaged come back as they were.
#include <fstream>
#include <random>
#include <thread>

#include "slave/snapshot/derived_files.h"
#include "slave/snapshot/snapshot_loader.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave::test {
namespace {

class RebuildTest : public PartitionFixture {
  protected:
    // A compacted file, flushed ones behind it and a tail; keys replaced, deleted and written again across
    // all of them.
    void write_history() {
        std::mt19937 random(5);
        const auto some_batches = [&](int count) {
            for (int i = 0; i < count; ++i) {
                std::vector<Row> rows(30);
                for (auto& row : rows) {
                    row = {static_cast<std::int64_t>(random() % 200), "v" + std::to_string(random()),
                           random() % 5 == 0};
                    if (row.is_delete)
                        model_.erase(row.key);
                    else
                        model_[row.key] = row.value;
                }
                append(rows);
            }
        };
        some_batches(40);
        ASSERT_TRUE(partition_->compress(nullptr).has_value());
        some_batches(30);
        ASSERT_TRUE(partition_->flush().has_value());
        some_batches(1);
        ASSERT_EQ(live(), model_);
    }
    std::map<std::string, std::string> derived_files() {
        std::map<std::string, std::string> files;
        for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/snapshots"))
            if (entry.path().extension() != ".parquet" &&
                entry.path().string().find("batch-ids") == std::string::npos)
                files[entry.path().string()] = *posix_file_system().read_all(entry.path().string());
        return files;
    }
    void expect_as_before(const std::string& what) {
        SCOPED_TRACE(what);
        auto opened = try_open();
        ASSERT_TRUE(opened.has_value()) << opened.error().to_text();
        partition_ = *opened;
        EXPECT_EQ(live(), model_);
    }
    static void write(const std::string& path, const std::string& content) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    }

    std::map<std::int64_t, std::string> model_;
};

TEST_F(RebuildTest, EachFileThatIsMissingCutOrFlippedComesBack) {
    write_history();
    close();
    const auto files = derived_files();
    ASSERT_GE(files.size(), 4u);
    for (const auto& [path, bytes] : files) {
        const auto check = [&](const std::string& what) {
            expect_as_before(path + " " + what);
            close();
            if (path.ends_with(".kix")) {
                EXPECT_EQ(*posix_file_system().read_all(path), bytes) << "an index is what it was: " << what;
            }
            EXPECT_FALSE(*posix_file_system().exists(path + ".new"));
            write(path, bytes);
        };
        std::filesystem::remove(path);
        check("missing");
        for (const std::size_t size : {std::size_t{0}, std::size_t{40}, bytes.size() - 1}) {
            write(path, bytes.substr(0, size));
            check("cut to " + std::to_string(size));
        }
        for (std::size_t at = 0; at < bytes.size(); at += bytes.size() / 9 + 1) {
            auto damaged = bytes;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
            write(path, damaged);
            check("flipped at " + std::to_string(at));
        }
    }
}

TEST_F(RebuildTest, AllOfThemAtOnceAndWritingAndCompactionGoOn) {
    write_history();
    close();
    for (const auto& [path, bytes] : derived_files())
        std::filesystem::remove(path);
    expect_as_before("all missing");
    for (int key = 0; key < 200; key += 3) {
        append({{key, "again", key % 2 == 0}});
        if (key % 2 == 0)
            model_.erase(key);
        else
            model_[key] = "again";
    }
    EXPECT_EQ(live(), model_);
    ASSERT_TRUE(partition_->flush().has_value());
    const auto compressed = partition_->compress(nullptr);
    ASSERT_TRUE(compressed.has_value()) << compressed.error().to_text();
    EXPECT_EQ(live(), model_);
    close();
    expect_as_before("opened again");
}

TEST_F(RebuildTest, InPartsTheIndexIsTheSame) {
    write_history();
    close();
    const auto files = derived_files();
    const auto manifest = ManifestStore(posix_file_system(), directory_).load();
    ASSERT_TRUE(manifest.has_value());
    const DerivedFrom from{&posix_file_system(), database_.get(), directory_ + "/snapshots", &table_};
    for (const auto& info : manifest->files) {
        const auto index = rebuild_key_index(from, info, 17);
        ASSERT_TRUE(index.has_value()) << index.error().to_text();
        const auto path = directory_ + "/snapshots/" + info.index_name();
        EXPECT_EQ(*posix_file_system().read_all(path), files.at(path));
    }
}

TEST_F(RebuildTest, AMissingParquetFileIsAnErrorThatNamesIt) {
    write_history();
    close();
    const auto manifest = ManifestStore(posix_file_system(), directory_).load();
    const auto name = manifest->files.back().parquet_name();
    std::filesystem::remove(directory_ + "/snapshots/" + name);
    std::filesystem::remove(directory_ + "/snapshots/" + manifest->files.back().index_name());
    const auto opened = try_open();
    ASSERT_TRUE(opened.has_error());
    EXPECT_NE(opened.error().message.find(name), std::string::npos) << opened.error().to_text();
}

class RotTest : public RebuildTest {
  protected:
    // Indexes of many pages, of which some are in use.
    void write_keys() {
        close();
        options_.segment_bytes = 64u << 10;
        open();
        for (int batch = 0; batch < 20; ++batch) {
            std::vector<Row> rows;
            for (int i = 0; i < 1000; ++i)
                rows.push_back({batch * 1000 + i, "old", false});
            append(rows);
        }
        ASSERT_TRUE(partition_->flush().has_value());
        append({{5, "older", false}, {19'000, "older", false}});
    }
    void upsert_all() {
        for (int batch = 0; batch < 20; ++batch) {
            std::vector<Row> rows;
            for (int i = 0; i < 1000; ++i) {
                rows.push_back({batch * 1000 + i, "new", false});
                model_[batch * 1000 + i] = "new";
            }
            append(rows);
        }
    }
    std::vector<std::string> files_ending_in(const std::string& ending) {
        std::vector<std::string> paths;
        for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/snapshots"))
            if (entry.path().string().ends_with(ending)) paths.push_back(entry.path().string());
        std::sort(paths.begin(), paths.end());
        return paths;
    }
    // In place: what is mapped changes.
    static void zero_page(const std::string& path, std::uint64_t page) {
        std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(static_cast<std::streamoff>(page * 4096)).write(std::string(4096, '\0').data(), 4096);
    }
    void expect_sound() {
        EXPECT_EQ(live(), model_);
        const auto report = partition_->check({});
        ASSERT_TRUE(report.has_value()) << report.error().to_text();
        EXPECT_TRUE(report->problems.empty()) << report->problems.front();
    }
};

TEST_F(RotTest, ZeroedPagesOfIndexesInUseDoubleNoKey) {
    write_keys();
    const auto indexes = files_ending_in(".kix");
    ASSERT_GE(indexes.size(), 3u);
    for (const auto& path : indexes)
        for (std::uint64_t page = 1; page < *posix_file_system().file_size(path) / 4096; page += 3)
            zero_page(path, page);
    upsert_all();
    expect_sound();
    reopen();
    expect_sound();
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    expect_sound();
}

// As one bad sector does, or a disk that is gone: reading the mapping ends in SIGBUS.
TEST_F(RotTest, IndexesThatCannotBeReadAnyMoreDoubleNoKeyAndEndNothing) {
    write_keys();
    for (const auto& path : files_ending_in(".kix"))
        std::filesystem::resize_file(path, 4096);
    upsert_all();
    expect_sound();
    reopen();
    expect_sound();
}

TEST_F(RotTest, LookupsAreScansUntilTheIndexIsRebuilt) {
    write_keys();
    model_ = live();
    for (const auto& path : files_ending_in(".kix"))
        std::filesystem::resize_file(path, 4096);
    const auto find = [&](std::int64_t key) {
        ColumnBatchBuilder builder({{FieldId{1}, DataType{TypeKind::int64}}});
        builder.append_fixed(0, key);
        builder.finish_row(false);
        const auto batch = ColumnBatch::decode(SharedBytes::from_string(builder.encode()), 1);
        return partition_->pin()->find_rows(*hash_keys(*batch, FieldId{1}, table_.index_hash_seed),
                                            table_.schema.fields);
    };
    const auto refused = find(7);
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, ErrorCode::not_supported) << refused.error().to_text();
    for (int i = 0; i < 500 && find(7).has_error(); ++i) {
        partition_->tick();
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_EQ(look_up(*partition_->pin(), {7, 5}),
              (std::map<std::int64_t, std::string>{{7, "old"}, {5, "older"}}));
    // Those that nobody has asked as well.
    for (int i = 0; i < 500 && !partition_->check({})->problems.empty(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    expect_sound();
}

TEST_F(RotTest, AColumnFileThatCannotBeReadAnyMoreIsAnErrorAndComesBack) {
    write_keys();
    model_ = live();
    EXPECT_EQ(look_up(*partition_->pin(), {7}).size(), 1u);
    const auto files = files_ending_in(".parquet");
    for (const auto& path : files)
        std::filesystem::resize_file(path, 100);
    ColumnBatchBuilder builder({{FieldId{1}, DataType{TypeKind::int64}}});
    builder.append_fixed(0, std::int64_t{7});
    builder.finish_row(false);
    const auto batch = ColumnBatch::decode(SharedBytes::from_string(builder.encode()), 1);
    const auto found = partition_->pin()->find_rows(*hash_keys(*batch, FieldId{1}, table_.index_hash_seed),
                                                    table_.schema.fields);
    ASSERT_TRUE(found.has_error());
    EXPECT_NE(found.error().message.find(".parquet"), std::string::npos) << found.error().message;
    ASSERT_TRUE(partition_->compress(nullptr).has_value()) << "the log has all of it";
    expect_sound();
}

}  // namespace
}  // namespace dl::slave::test
