// Random histories against a model: after every step the live rows, and at the end every stored record, must
// agree.
#include <random>

#include "slave/snapshot/manifest.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave::test {
namespace {

struct Model {
    std::map<std::int64_t, std::string> live;
    std::map<Offset, Row> records;
    Offset end = 0;

    void apply(const std::vector<Row>& rows) {
        for (const auto& row : rows) {
            records[end++] = row;
            if (row.is_delete)
                live.erase(row.key);
            else
                live[row.key] = row.value;
        }
    }
    // Live rows when the log ended at `cut`.
    std::map<std::int64_t, std::string> live_at(Offset cut) const {
        std::map<std::int64_t, std::string> rows;
        for (const auto& [offset, row] : records) {
            if (offset >= cut) break;
            if (row.is_delete)
                rows.erase(row.key);
            else
                rows[row.key] = row.value;
        }
        return rows;
    }
    // compress_table: of the records that the log no longer has, those stay that were the newest of their key
    // below `compacted_end`, no deletes.
    void compact(Offset compacted_end, Offset log_start) {
        std::map<std::int64_t, Offset> newest;
        for (const auto& [offset, row] : records)
            if (offset < compacted_end) newest[row.key] = offset;
        for (auto it = records.begin(); it != records.end() && it->first < log_start;)
            it = newest[it->second.key] != it->first || it->second.is_delete ? records.erase(it)
                                                                             : std::next(it);
    }
};

class PartitionModelTest : public PartitionFixture, public ::testing::WithParamInterface<std::uint32_t> {
  protected:
    // Lookups of keys give what the scan gives.
    void check_keys(std::mt19937& random, const Model& model) {
        const auto view = partition_->pin();
        std::vector<std::int64_t> keys;
        for (int i = 0; i < 12; ++i)
            keys.push_back(static_cast<std::int64_t>(random() % 320));
        std::map<std::int64_t, std::string> expected;
        for (const auto key : keys)
            if (const auto found = model.live.find(key); found != model.live.end()) expected.insert(*found);
        EXPECT_EQ(look_up(*view, keys), expected);
    }
    // Every cut from the last compaction on shows the table of then; older ones are refused.
    void check_past(std::mt19937& random, const Model& model) {
        const auto oldest = ManifestStore(posix_file_system(), directory_).load()->compacted_end;
        for (int i = 0; i < 3; ++i) {
            const auto cut = static_cast<Offset>(random() % static_cast<std::uint32_t>(model.end + 2));
            const auto view = partition_->pin_at(cut);
            if (cut > model.end) {
                ASSERT_TRUE(view.has_error());
                EXPECT_EQ(view.error().code, ErrorCode::invalid_request);
            } else if (cut < oldest) {
                ASSERT_TRUE(view.has_error()) << "cut " << cut << " is below " << oldest;
                EXPECT_EQ(view.error().code, ErrorCode::not_found);
                EXPECT_NE(view.error().message.find("offset " + std::to_string(oldest) + " "),
                          std::string::npos)
                    << view.error().message;
            } else {
                ASSERT_TRUE(view.has_value()) << view.error().to_text();
                EXPECT_EQ((*view)->end_offset(), cut);
                EXPECT_EQ(live(**view), model.live_at(cut)) << "cut " << cut << " of " << model.end;
            }
        }
    }
};

TEST_P(PartitionModelTest, AgreesWithModel) {
    const std::uint32_t seed = GetParam();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Model model;
    int compactions = 0;
    for (int step = 0; step < 120; ++step) {
        const auto action = random() % 100;
        if (action < 80) {
            std::vector<std::vector<Row>> batches(1 + random() % 4);
            std::vector<std::future<Result<AppendAck>>> acks;
            for (auto& rows : batches) {
                rows.resize(1 + random() % (random() % 4 == 0 ? 60 : 6));
                for (auto& row : rows)
                    row = {static_cast<std::int64_t>(random() % 300), "v" + std::to_string(random()),
                           random() % 5 == 0};
                acks.push_back(append_later(rows));
            }
            for (std::size_t i = 0; i < batches.size(); ++i) {
                const auto ack = acks[i].get();
                ASSERT_TRUE(ack.has_value()) << ack.error().to_text();
                ASSERT_EQ(ack->first, model.end);
                model.apply(batches[i]);
                ASSERT_EQ(ack->last, model.end - 1);
            }
        } else if (action < 88) {
            ASSERT_TRUE(partition_->flush().has_value());
        } else if (action < 94) {
            reopen();
        } else {
            const auto done = partition_->compress(nullptr);
            ASSERT_TRUE(done.has_value()) << done.error().to_text();
            ASSERT_LE(partition_->stats().segments, 3u);
            ++compactions;
        }
        ASSERT_EQ(partition_->end_offset(), model.end);
        if (step % 5 == 0) {
            ASSERT_EQ(live(), model.live);
        }
        if (step % 3 == 0) {
            ASSERT_NO_FATAL_FAILURE(check_keys(random, model));
            ASSERT_NO_FATAL_FAILURE(check_past(random, model));
        }
    }
    ASSERT_TRUE(partition_->flush().has_value());
    EXPECT_EQ(live(), model.live);
    ASSERT_TRUE(partition_->compress(nullptr).has_value());
    reopen();
    EXPECT_EQ(live(), model.live);
    const auto stored = records(37);
    auto expected = model;
    const auto manifest = ManifestStore(posix_file_system(), directory_).load();
    expected.compact(manifest->compacted_end, manifest->log_start);
    ASSERT_EQ(stored.size(), expected.records.size());
    for (const auto& [offset, row] : stored) {
        ASSERT_TRUE(expected.records.contains(offset)) << "offset " << offset;
        EXPECT_EQ(row.key, model.records[offset].key);
        EXPECT_EQ(row.is_delete, model.records[offset].is_delete);
        if (!row.is_delete) {
            EXPECT_EQ(row.value, model.records[offset].value);
        }
    }
    std::map<std::int64_t, std::string> replayed;
    for (const auto& [offset, row] : stored) {
        if (row.is_delete)
            replayed.erase(row.key);
        else
            replayed[row.key] = row.value;
    }
    EXPECT_EQ(replayed, model.live);
    if (!stored.empty()) {
        EXPECT_EQ(partition_->first_offset(), stored.begin()->first);
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, PartitionModelTest, ::testing::Values(1u, 2u, 3u, 4u, 5u, 6u));

}  // namespace
}  // namespace dl::slave::test
