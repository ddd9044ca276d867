// Small flushed files become fewer larger ones by themselves; nothing of what they hold is lost by that.
#include <chrono>
#include <fstream>
#include <thread>

#include "slave/snapshot/manifest.h"
#include "tests/support/eventually.h"
#include "tests/unit/slave/partition/faulty_file_system.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave {
namespace {

using dl::test::eventually;

using namespace test;
using std::chrono::milliseconds;

constexpr std::uint32_t kJoinFiles = 4;
constexpr int kFlushes = 41;
constexpr std::size_t kFlushRows = 20;

class JoinTest : public PartitionFixture {
  protected:
    void SetUp() override {
        files_ = &disk_;
        options_.compaction.automatic = false;
        options_.compaction.join_files = kJoinFiles;
        PartitionFixture::SetUp();
    }
    // One flush after the other, each over keys of before, some of them deleted; `model` is what lives.
    void write_flushes(int count, std::map<std::int64_t, std::string>* model,
                       std::map<Offset, std::map<std::int64_t, std::string>>* cuts = nullptr) {
        for (int i = 0; i < count; ++i) {
            std::vector<Row> rows;
            for (std::size_t n = 0; n < kFlushRows; ++n) {
                const std::int64_t key = (i * 7 + static_cast<std::int64_t>(n) * 3) % 50;
                Row row{key, "v" + std::to_string(i) + std::string(200, 'x'), n % 5 == 4};
                (*model).erase(key);
                if (!row.is_delete) (*model)[key] = row.value;
                rows.push_back(std::move(row));
            }
            append(rows);
            if (cuts != nullptr) (*cuts)[partition_->end_offset()] = *model;
        }
        ASSERT_TRUE(partition_->flush().has_value());
    }
    std::size_t named_files() { return ManifestStore(*files_, directory_).load()->files.size(); }
    FaultyFileSystem disk_;
};

TEST_F(JoinTest, FewFilesStayHoweverOftenIsFlushed) {
    std::map<std::int64_t, std::string> model;
    std::map<Offset, std::map<std::int64_t, std::string>> cuts;
    write_flushes(kFlushes, &model, &cuts);
    ASSERT_GE(partition_->stats().flushes, 20u);
    ASSERT_TRUE(eventually([&] { return partition_->stats().files < 2 * kJoinFiles; }))
        << partition_->stats().files << " files";
    EXPECT_GE(partition_->stats().joins, 1u);
    EXPECT_EQ(partition_->stats().compactions, 0u);
    EXPECT_EQ(live(), model);
    EXPECT_EQ(records().size(), kFlushes * kFlushRows);  // the history too
    for (const auto& [cut, then] : cuts) {
        const auto view = partition_->pin_at(cut);
        ASSERT_TRUE(view.has_value()) << view.error().to_text();
        EXPECT_EQ(live(**view), then) << "as of " << cut;
    }
    const auto check = partition_->check({});
    ASSERT_TRUE(check.has_value()) << check.error().to_text();
    EXPECT_EQ(check->problems, std::vector<std::string>{});
    reopen();
    EXPECT_EQ(live(), model);
    EXPECT_LT(named_files(), 2 * kJoinFiles);
    // What it has marked dead, and what compaction makes of it.
    write_flushes(3, &model);
    EXPECT_EQ(live(), model);
    const auto compacted = partition_->compress({});
    ASSERT_TRUE(compacted.has_value()) << compacted.error().to_text();
    EXPECT_EQ(live(), model);
    EXPECT_EQ(partition_->stats().file_rows, model.size());
}

// Files from before and from after a column was added: the values of those that lack it are its DEFAULT.
TEST_F(JoinTest, FilesThatLackAColumnGetItsDefault) {
    std::map<std::int64_t, std::string> model;
    write_flushes(2, &model);
    table_.schema.id = SchemaId{2};
    table_.schema.fields.push_back({FieldId{3}, "age", DataType{TypeKind::int32}, false, "7"});
    table_.next_field_id = FieldId{4};
    partition_->update_table(table_);
    for (std::int64_t key = 1000; key < 1006; ++key) {
        ColumnBatchBuilder builder(
            {{FieldId{1}, DataType{TypeKind::int64}}, {FieldId{3}, DataType{TypeKind::int32}}});
        for (int i = 0; i < 400; ++i) {
            builder.append_fixed<std::int64_t>(0, key);
            builder.append_fixed<std::int32_t>(1, 41);
            builder.finish_row(false);
        }
        AppendRequest request;
        request.body = SharedBytes::from_string(builder.encode());
        request.batch = *ColumnBatch::decode(request.body, 400);
        request.body_crc = crc32c(0, request.body.data(), request.body.size());
        request.schema = SchemaId{2};
        std::promise<Result<AppendAck>> promise;
        partition_->append(request, [&](Result<AppendAck> ack) { promise.set_value(std::move(ack)); });
        ASSERT_TRUE(promise.get_future().get().has_value());
    }
    ASSERT_TRUE(partition_->flush().has_value());
    ASSERT_TRUE(eventually([&] { return partition_->stats().joins > 0; }));
    reopen();
    std::uint64_t defaults = 0, given = 0;
    const auto view = partition_->pin();
    for (const auto& file : view->files()) {
        const auto read = read_parquet_rows(*database_, file.path, 0, 1u << 30, {table_.schema.fields[2]});
        ASSERT_TRUE(read.has_value()) << read.error().to_text();
        for (std::uint32_t r = 0; r < read->batch.rows(); ++r)
            ++(read->batch.find(FieldId{3})->fixed<std::int32_t>(r) == 7 ? defaults : given);
    }
    EXPECT_EQ(defaults, 2 * kFlushRows);
    EXPECT_GE(given, 5 * 400u);
    const auto check = partition_->check({});
    ASSERT_TRUE(check.has_value()) << check.error().to_text();
    EXPECT_EQ(check->problems, std::vector<std::string>{});
}

TEST_F(JoinTest, ADamagedInputIsMadeAnewFromTheLogFirst) {
    close();
    options_.compaction.join_files = 0;
    open();
    std::map<std::int64_t, std::string> model;
    write_flushes(12, &model);
    close();
    const auto files = ManifestStore(*files_, directory_).load()->files;
    ASSERT_GE(files.size(), kJoinFiles);
    options_.compaction.join_files = kJoinFiles;
    // After the start has read it.
    const auto damaged = directory_ + "/snapshots/" + files[1].parquet_name();
    disk_.set_fault([&, done = false](FaultyFileSystem::Call call, const std::string& path) mutable {
        if (!done && call == FaultyFileSystem::Call::create && path.ends_with(".parquet")) {
            done = true;
            std::fstream file(damaged, std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(300);
            const char before = static_cast<char>(file.peek());
            file.seekp(300);
            file.put(static_cast<char>(before ^ 1));
        }
        return std::optional<ErrorCode>();
    });
    open();
    ASSERT_TRUE(eventually([&] { return partition_->stats().files < kJoinFiles; }));
    disk_.set_fault(nullptr);
    EXPECT_EQ(live(), model);
    const auto check = partition_->check({});
    ASSERT_TRUE(check.has_value()) << check.error().to_text();
    EXPECT_EQ(check->problems, std::vector<std::string>{});
}

TEST_F(JoinTest, AFullDiskLeavesEverythingAsItWasAndWhoWantsACompactionGetsOne) {
    disk_.set_fault([](FaultyFileSystem::Call call, const std::string& path) -> std::optional<ErrorCode> {
        static std::atomic<int> creates{0};
        if (call == FaultyFileSystem::Call::create && path.ends_with(".parquet") && ++creates % 3 == 0)
            return ErrorCode::disk_full;
        return std::nullopt;
    });
    std::map<std::int64_t, std::string> model;
    for (int i = 0; i < 30; ++i) {
        std::vector<Row> rows;
        for (std::int64_t key = i; key < i + 20; ++key) {
            rows.push_back({key, "v" + std::to_string(i) + std::string(200, 'x'), false});
            model[key] = rows.back().value;
        }
        append(rows);
        (void)partition_->flush();  // which fails now and then
    }
    disk_.set_fault(nullptr);
    const auto compacted = partition_->compress({});  // behind a join, should one be under way
    ASSERT_TRUE(compacted.has_value()) << compacted.error().to_text();
    EXPECT_EQ(partition_->stats().file_rows, model.size());
    EXPECT_EQ(live(), model);
    close();
    const auto names = posix_file_system().list(directory_ + "/snapshots");
    EXPECT_LE(names->size(), named_files() * 3 + 1);  // the batch ids beside them
}

}  // namespace
}  // namespace dl::slave
