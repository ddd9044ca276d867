// What a scrub finds of each kind of file, and what becomes of it.
#include <fstream>
#include <thread>

#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave {
namespace {

using namespace test;

class ScrubTest : public PartitionFixture {
  protected:
    void SetUp() override {
        options_.compaction.automatic = false;
        PartitionFixture::SetUp();
        for (int i = 0; i < 12; ++i) {
            std::vector<Row> rows;
            for (std::int64_t key = 0; key < 20; ++key) {
                rows.push_back({key * (i % 3 + 1), "v" + std::to_string(i) + std::string(200, 'x'), false});
                model_[rows.back().key] = rows.back().value;
            }
            append(rows);
        }
        EXPECT_TRUE(partition_->flush().has_value());
        reopen();  // with the delete vectors of now on the disk
        EXPECT_TRUE(partition_->flush().has_value());
    }
    std::vector<std::string> files_of(const std::string& folder, const std::string& part) {
        std::vector<std::string> found;
        for (const auto& name : *posix_file_system().list(directory_ + "/" + folder))
            if (name.find(part) != std::string::npos) found.push_back(directory_ + "/" + folder + "/" + name);
        return found;
    }
    static void flip(const std::string& path, std::streamoff at) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(at);
        const char before = static_cast<char>(file.get());
        file.seekp(at);
        file.put(static_cast<char>(before ^ 4));
    }
    std::vector<std::string> scrub() {
        auto report = partition_->scrub({});
        EXPECT_TRUE(report.has_value()) << report.error().to_text();
        return report.has_value() ? report->findings : std::vector<std::string>{"it failed"};
    }
    // Upkeep has put right what can be.
    void expect_mended() {
        for (int i = 0; i < 500 && !partition_->scrub({})->findings.empty(); ++i) {
            partition_->tick();
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        EXPECT_EQ(scrub(), std::vector<std::string>{});
        EXPECT_EQ(partition_->check({})->problems, std::vector<std::string>{});
        EXPECT_EQ(live(), model_);
    }
    static void expect_one(const std::vector<std::string>& findings, const std::string& part) {
        ASSERT_EQ(findings.size(), 1u);
        EXPECT_NE(findings[0].find(part), std::string::npos) << findings[0];
    }
    std::map<std::int64_t, std::string> model_;
};

TEST_F(ScrubTest, ReadsEverythingAndFindsNothing) {
    const auto report = partition_->scrub({});
    ASSERT_TRUE(report.has_value());
    EXPECT_EQ(report->findings, std::vector<std::string>{});
    const auto stats = partition_->stats();
    EXPECT_GE(report->bytes, stats.file_bytes + stats.index_bytes_mapped + stats.log_bytes / 2);
    EXPECT_EQ(stats.scrubbed_bytes, report->bytes);
}

TEST_F(ScrubTest, AColumnFileIsMadeAnewFromTheLog) {
    flip(files_of("snapshots", ".parquet")[1], 300);
    expect_one(scrub(), "the file was written anew from the log");
    EXPECT_EQ(partition_->stats().scrub_findings, 1u);
    expect_mended();
}

TEST_F(ScrubTest, AKeyIndexAndADeleteVectorAreDerivedAnew) {
    flip(files_of("snapshots", ".kix")[1], 200);
    expect_one(scrub(), ".kix");
    expect_mended();
    flip(files_of("snapshots", ".dv.")[0], 12);
    expect_one(scrub(), "delete vector");
    expect_mended();
    reopen();
    expect_mended();
}

TEST_F(ScrubTest, RememberedBatchesAreReadAsWell) {
    append({{1, "id", false}}, {1, 1});
    model_[1] = "id";
    append({{2, std::string(options_.segment_bytes, 'x'), false}});
    append({{2, std::string(options_.segment_bytes, 'y'), false}});
    model_[2] = std::string(options_.segment_bytes, 'y');
    ASSERT_TRUE(partition_->flush().has_value());
    EXPECT_EQ(scrub(), std::vector<std::string>{});
    const auto files = files_of("snapshots", "batch-ids.");
    ASSERT_EQ(files.size(), 1u);
    flip(files[0], 20);
    expect_one(scrub(), files[0]);
    EXPECT_EQ(live(), model_);
}

TEST_F(ScrubTest, TheLogIsNamedAndTheRestOfItRead) {
    const auto logs = files_of("log", ".log");
    ASSERT_GT(logs.size(), 4u);
    flip(logs[0], 300);
    flip(logs[2], 300);
    const auto findings = scrub();
    ASSERT_EQ(findings.size(), 2u);
    EXPECT_NE(findings[0].find(logs[0]), std::string::npos) << findings[0];
    EXPECT_NE(findings[1].find(logs[2]), std::string::npos) << findings[1];
}

TEST_F(ScrubTest, WhatNothingCanReplaceStaysAndIsNamed) {
    ASSERT_TRUE(partition_->compress({}).has_value());
    const auto files = files_of("snapshots", ".parquet");
    ASSERT_EQ(files.size(), 1u);
    flip(files[0], 300);
    expect_one(scrub(), "the log no longer holds its records");
    EXPECT_EQ(files_of("snapshots", ".parquet"), files);
}

TEST_F(ScrubTest, EndsWhenItIsTold) {
    int calls = 0;
    ScrubOptions options;
    options.spend = [&](std::uint64_t) -> Result<void> {
        if (++calls < 3) return {};
        return make_error(ErrorCode::cancelled, "enough");
    };
    const auto report = partition_->scrub(options);
    ASSERT_TRUE(report.has_error());
    EXPECT_EQ(report.error().code, ErrorCode::cancelled);
    EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace dl::slave
