// Key indexes and delete vectors that are gone or damaged come back as they were.
#include <fstream>
#include <random>

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

}  // namespace
}  // namespace dl::slave::test
