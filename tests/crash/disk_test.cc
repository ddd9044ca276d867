// A disk that is full and a sync that fails: writes are refused with a clear error, reads go on, nothing is
// lost.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "tests/support/cluster_fixture.h"
#include "tests/support/workload.h"

namespace dl::test {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

class DiskTest : public ClusterTest {
  protected:
    void TearDown() override {
        ClusterTest::TearDown();
        cluster_.reset();
        if (!mounted_.empty()) {
            ::umount2(mounted_.c_str(), MNT_DETACH);
            ::rmdir(mounted_.c_str());
        }
    }
    // A tmpfs of that size, or "" when that is not permitted here.
    std::string mount_small_disk(const std::string& size) {
        auto pattern = (std::filesystem::temp_directory_path() / "datalakedb-disk-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) return "";
        if (::mount("tmpfs", pattern.c_str(), "tmpfs", 0, ("size=" + size).c_str()) != 0) {
            ::rmdir(pattern.c_str());
            return "";
        }
        mounted_ = pattern;
        return pattern;
    }
    std::string mounted_;
};

TEST_F(DiskTest, FullDiskRefusesWritesServesReadsAndResumes) {
    const auto disk = mount_small_disk("24m");
    if (disk.empty()) GTEST_SKIP() << "mounting a tmpfs is not permitted here";
    ClusterOptions options{
        .slave_properties = {{"slave.file.segment.bytes", "1m"}, {"slave.disk.free.bytes.min", "6m"}},
        .slave_data_directory = disk};
    start(options);
    auto client = connect();
    must(client, sql("create table t(id int primary key, v string)"));
    std::int64_t acknowledged = 0;
    std::string refusal;
    for (int batch = 0; batch < 200 && refusal.empty(); ++batch) {
        auto data = json::array();
        for (int i = 0; i < 100; ++i)
            data.push_back(
                {{"id", batch * 100 + i}, {"v", std::string(3000, static_cast<char>('a' + i % 26))}});
        const auto reply =
            client.request(json{{"batch_insert", {{"table_name", "t"}, {"data", data}}}}.dump());
        if (reply.ok())
            acknowledged += 100;
        else
            refusal = reply.text;
    }
    ASSERT_FALSE(refusal.empty()) << "60 MB were acknowledged on a disk of 24 MB";
    EXPECT_THAT(refusal, ::testing::HasSubstr("DISK_FULL"));
    EXPECT_GT(acknowledged, 0);
    EXPECT_EQ(value(client, "select count(*) from t"), acknowledged) << "reads go on";
    EXPECT_EQ(stream(client, "t", {{0, 0}}, 5).size(), 5u);
    EXPECT_TRUE(cluster().slave().alive());
    // Space comes back: service resumes by itself.
    ::mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=200m");
    EXPECT_TRUE(wait_until(
        seconds(20), [&] { return client.request(sql("insert into t values (1000000, 'after')")).ok(); }));
    EXPECT_EQ(value(client, "select count(*) from t"), acknowledged + 1);
    cluster().slave().kill_hard();
    cluster().start();
    cluster().wait_serving("t");
    EXPECT_EQ(value(client, "select count(*) from t"), acknowledged + 1);
}

// Another program fills the disk below the reserve: writing itself fails. Nothing acknowledged is lost.
TEST_F(DiskTest, DiskFilledByOthersLosesNothing) {
    const auto disk = mount_small_disk("24m");
    if (disk.empty()) GTEST_SKIP() << "mounting a tmpfs is not permitted here";
    ClusterOptions options{
        .slave_properties = {{"slave.file.segment.bytes", "65536"}, {"slave.disk.free.bytes.min", "1m"}},
        .slave_data_directory = disk};
    start(options);
    Workload load(cluster().port(), {.writers = 2, .partitions = 2, .statement_timeout = seconds(5)});
    load.create_table();
    load.start();
    std::this_thread::sleep_for(milliseconds(400));
    {
        std::ofstream hog(disk + "/hog", std::ios::binary);
        const std::string block(1 << 16, 'x');
        while (hog.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
        }
    }
    std::this_thread::sleep_for(milliseconds(400));
    std::filesystem::remove(disk + "/hog");
    std::this_thread::sleep_for(milliseconds(600));
    load.stop();
    cluster().slave().kill_hard();
    cluster().start();
    cluster().wait_serving("w");
    EXPECT_EQ(load.verify(), "");
}

// After one failed fsync the state of the disk is unknown: the partition leaves service, and is never retried
// as if good.
TEST_F(DiskTest, FailedSyncTakesThePartitionOutOfService) {
#ifndef DL_FAILPOINTS
    GTEST_SKIP() << "this build has no fault points (DL_FAILPOINTS)";
#endif
    start();
    Workload load(cluster().port(), {.writers = 1, .partitions = 1, .bad_batch_share = 0});
    load.create_table();
    load.run_some(10);
    cluster().slave().stop();
    cluster().slave().environment()["DL_FAILPOINT"] = "append.before-fsync:error:3";
    cluster().start();
    cluster().wait_serving("w");
    load.run_some(10);
    EXPECT_GE(load.unknown_batches() + load.refused_batches(), 1u);
    auto client = connect();
    const auto later = client.request(sql("insert into w (id, w) values (1, 999999999)"));
    EXPECT_FALSE(later.ok()) << "a write after a failed sync was acknowledged";
    EXPECT_TRUE(cluster().slave().alive());
    cluster().slave().kill_hard();
    cluster().slave().environment().clear();
    cluster().start();
    cluster().wait_serving("w");
    EXPECT_EQ(load.verify(), "");
}

}  // namespace
}  // namespace dl::test
