// What is accepted can be flushed, compacted, checked, repaired and read again, whatever memory is
// configured.
#include <fstream>
#include <random>

#include "common/base/limits.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave {
namespace {

using namespace test;

constexpr std::uint64_t kLeastMemory = 64u << 20;  // slave.compaction.memory.bytes, slave.file.memory.bytes
constexpr std::uint32_t kWideColumns = 4;  // with the longest values, about a frame of the default size

// A value that does not compress, another one for every seed.
std::string_view noise(std::size_t bytes, std::uint64_t seed) {
    constexpr std::size_t kSeeds = 4096;
    static const std::string all = [] {
        std::string text(limits::value_bytes_max + kSeeds, '\0');
        std::mt19937_64 random(1);
        for (std::size_t at = 0; at + 8 <= text.size(); at += 8) {
            const auto number = random() & 0x7f7f7f7f7f7f7f7full;  // ASCII
            std::memcpy(text.data() + at, &number, 8);
        }
        return text;
    }();
    return std::string_view(all).substr(seed % kSeeds, bytes);
}

class WideRows : public PartitionFixture {
  protected:
    void SetUp() override {
        for (std::uint32_t i = 1; i < kWideColumns; ++i)
            table_.schema.fields.push_back({FieldId{2 + i}, "more" + std::to_string(i),
                                            DataType{TypeKind::string}, false, std::nullopt});
        table_.next_field_id = FieldId{2 + kWideColumns};
        options_.compaction.automatic = false;
        PartitionFixture::SetUp();
        close();
        database_ = *file_duck_database(kLeastMemory);
        compaction_database_ = *file_duck_database(kLeastMemory);
        open();
    }
    Result<AppendAck> append_wide(std::int64_t key, std::size_t value_bytes) {
        std::vector<ColumnBatchBuilder::ColumnSpec> columns{{FieldId{1}, DataType{TypeKind::int64}}};
        for (std::uint32_t i = 0; i < kWideColumns; ++i)
            columns.push_back({FieldId{2 + i}, DataType{TypeKind::string}});
        ColumnBatchBuilder builder(std::move(columns));
        builder.append_fixed(0, key);
        for (std::uint32_t i = 0; i < kWideColumns; ++i)
            builder.append_bytes(1 + i, noise(value_bytes, static_cast<std::uint64_t>(key) * 100 + i));
        builder.finish_row(false);
        AppendRequest request;
        request.body = SharedBytes::from_string(builder.encode());
        request.batch = *ColumnBatch::decode(request.body, 1);
        request.body_crc = crc32c(0, request.body.data(), request.body.size());
        request.schema = SchemaId{1};
        std::promise<Result<AppendAck>> promise;
        partition_->append(std::move(request),
                           [&](Result<AppendAck> ack) { promise.set_value(std::move(ack)); });
        return promise.get_future().get();
    }
    // Every record from the column files and the log has the values it was written with.
    void expect_rows(const std::map<std::int64_t, std::size_t>& value_bytes) {
        std::map<std::int64_t, std::size_t> found;
        for (Offset from = 0;;) {
            auto slices = partition_->read(from, 1000, 1u << 20);
            ASSERT_TRUE(slices.has_value()) << slices.error().to_text();
            if (slices->empty()) break;
            for (const auto& slice : *slices) {
                for (auto r = slice.first_row; r < slice.end_row; ++r) {
                    const auto key = slice.batch.find(FieldId{1})->fixed<std::int64_t>(r);
                    const auto bytes = slice.batch.find(FieldId{2})->bytes(r).size();
                    found[key] = bytes;
                    for (std::uint32_t i = 0; i < kWideColumns && bytes > 0; ++i)
                        EXPECT_TRUE(slice.batch.find(FieldId{2 + i})->bytes(r) ==
                                    noise(bytes, static_cast<std::uint64_t>(key) * 100 + i));
                    from = slice.offset_of(r) + 1;
                }
            }
        }
        EXPECT_EQ(found, value_bytes);
    }
    void expect_sound() {
        const auto report = partition_->check({});
        ASSERT_TRUE(report.has_value()) << report.error().to_text();
        EXPECT_EQ(report->problems, std::vector<std::string>{});
    }
};

TEST_F(WideRows, TheWidestRowIsFlushedCompactedCheckedAndReadWithTheLeastMemory) {
    std::map<std::int64_t, std::size_t> rows{{1, 10}, {2, limits::value_bytes_max}, {3, 20}, {4, 10}};
    for (const auto& [key, bytes] : rows)
        ASSERT_TRUE(append_wide(key, bytes).has_value());
    ASSERT_TRUE(append_wide(1, 10).has_value());
    ASSERT_TRUE(partition_->flush().has_value());
    expect_sound();  // all values of flushed files against the log
    // Enough log files for the wide row to be in column files alone.
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(append_wide(5 + i, 5000).has_value());
        rows[5 + i] = 5000;
    }
    const auto compacted = partition_->compress({});
    ASSERT_TRUE(compacted.has_value()) << compacted.error().to_text();
    EXPECT_EQ(partition_->stats().file_rows, rows.size());
    ASSERT_GT(partition_->stats().log_bytes, 0u);
    ASSERT_LT(partition_->stats().log_bytes, limits::value_bytes_max);
    reopen();
    expect_rows(rows);
}

TEST_F(WideRows, ADamagedFileOfTheWidestRowIsMadeAnewFromTheLog) {
    ASSERT_TRUE(append_wide(1, limits::value_bytes_max).has_value());
    ASSERT_TRUE(append_wide(2, 10).has_value());
    ASSERT_TRUE(partition_->flush().has_value());
    const auto files = partition_->pin()->files();
    ASSERT_FALSE(files.empty());
    {
        std::fstream file(files[0].path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(1000);
        file.put('\x80');
    }
    const auto report = partition_->check({.repair = true});
    ASSERT_TRUE(report.has_value()) << report.error().to_text();
    EXPECT_FALSE(report->problems.empty());
    ASSERT_TRUE(partition_->compress({}).has_value());
    expect_rows({{1, limits::value_bytes_max}, {2, 10}});
}

TEST_F(WideRows, ManyLongValuesAreReadInPortionsThatFit) {
    std::map<std::int64_t, std::size_t> rows;
    for (std::int64_t key = 0; key < 24; ++key) {
        rows[key] = 1u << 20;
        ASSERT_TRUE(append_wide(key, rows[key]).has_value());
    }
    ASSERT_TRUE(partition_->compress({}).has_value());
    for (int i = 0; i < 4; ++i) {
        rows[100 + i] = 5000;
        ASSERT_TRUE(append_wide(100 + i, 5000).has_value());
    }
    const auto compacted = partition_->compress({});
    ASSERT_TRUE(compacted.has_value()) << compacted.error().to_text();
    ASSERT_LT(partition_->stats().log_bytes, 1u << 20);
    expect_rows(rows);
    expect_sound();
}

}  // namespace
}  // namespace dl::slave
