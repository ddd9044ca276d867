// Tables with three copies on three slaves while slaves and the master are killed, held and stopped at
// random, for as long as DL_CRASH_SECONDS says (default 10), from DL_CRASH_SEED.
#include <gmock/gmock.h>

#include <cctype>
#include <csignal>
#include <filesystem>
#include <random>
#include <thread>

#include "tests/support/cluster_fixture.h"
#include "tests/support/environment.h"
#include "tests/support/workload.h"

namespace dl::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Trouble {
    const char* name;
    bool kill, hold, stop, master, batch_ids;
};

class FailoverTest : public ClusterTest, public ::testing::WithParamInterface<Trouble> {};

TEST_P(FailoverTest, NothingAcknowledgedIsLostOrSeenTwice) {
    const auto& trouble = GetParam();
    const auto seed = from_environment("DL_CRASH_SEED", std::random_device{}());
    std::cout << "DL_CRASH_SEED=" << seed << "\n";
    std::mt19937_64 random(seed);
    start({.slaves = 3,
           .slave_properties = {{"slave.file.segment.bytes", "65536"},
                                {"slave.compaction.bytes.min", "0"},
                                {"slave.compaction.files.min", "2"},
                                {"slave.stop.grace.ms", "500"}}});
    Workload load(cluster().port(), {.writers = 3,
                                     .partitions = 3,
                                     .copies = 3,
                                     .keys_per_writer = 200,
                                     .batch_ids = trouble.batch_ids,
                                     .seed = seed,
                                     .statement_timeout = seconds(20)});
    load.create_table();
    load.start();
    const auto end = std::chrono::steady_clock::now() + seconds(from_environment("DL_CRASH_SECONDS", 10));
    int times = 0;
    while (std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(milliseconds(200 + random() % 1500));
        ++times;
        auto& slave = cluster().slave(random() % cluster().slave_count());
        const auto away = milliseconds(random() % 5000);
        if (trouble.hold) {
            slave.send_signal(SIGSTOP);
            std::this_thread::sleep_for(away);
            slave.send_signal(SIGCONT);
        }
        if (trouble.kill) slave.kill_hard();
        if (trouble.stop) slave.stop();
        if (trouble.master) cluster().master().kill_hard();
        if (trouble.kill || trouble.stop) std::this_thread::sleep_for(away);
        cluster().start();
    }
    load.stop();
    cluster().wait_serving("w");
    std::cout << times << " times, " << load.acknowledged_batches() << " batches acknowledged, "
              << load.unknown_batches() << " of unknown outcome, " << load.refused_batches() << " refused\n";
    EXPECT_GT(load.acknowledged_batches(), 10u);
    EXPECT_EQ(load.verify(false, trouble.master || trouble.hold), "");
}

// A slave that comes back without its disk, dies once more while it is filled, at the point named, and is
// then the only one there is to read from.
class RefillTest : public ClusterTest, public ::testing::WithParamInterface<const char*> {
  protected:
    bool all_well() {
        auto client = cluster().connect();
        const auto reply = client.request(R"({"sql":"cluster_status"})");
        return reply.ok() && !reply.frames.empty() && reply.frames[0].find("\"well\"") != std::string::npos;
    }
};

TEST_P(RefillTest, AnEmptySlaveIsFilledAgain) {
    start({.slaves = 3,
           .slave_properties = {{"slave.file.segment.bytes", "65536"}, {"slave.stop.grace.ms", "500"}}});
    Workload load(cluster().port(), {.writers = 2, .partitions = 3, .copies = 3, .keys_per_writer = 300});
    load.create_table();
    load.run_some(400);
    {
        auto client = cluster().connect();
        ASSERT_TRUE(client.request(R"({"compress_table":"w"})").ok());
    }
    load.run_some(40);
    auto& empty = cluster().slave(1);
    empty.kill_hard();
    std::filesystem::remove_all(cluster().slave_data(1));
    const std::string point = GetParam();
    if (!point.empty()) {
        empty.environment()["DL_FAILPOINT"] = point + ":kill:1";
        empty.start();
        ASSERT_TRUE(wait_until(seconds(60),
                               [&] {
                                   load.run_some(2);
                                   return !empty.alive();
                               }))
            << "it never came to " << point;
        empty.environment().erase("DL_FAILPOINT");
    }
    cluster().start();
    // The master has yet to hear that there is another slave now.
    if (point.empty()) {
        ASSERT_TRUE(wait_until(seconds(60), [&] { return !all_well(); }));
    }
    ASSERT_TRUE(wait_until(seconds(60), [&] { return all_well(); }));
    load.run_some(20);
    ASSERT_TRUE(wait_until(seconds(60), [&] { return all_well(); }));
    cluster().slave(0).stop();
    cluster().slave(2).stop();
    cluster().wait_serving("w");
    EXPECT_EQ(load.verify(true), "");
}

// All are stopped, an older backup of one slave's directory is put back, and that one is there first.
class FailoverAfterRestoreTest : public ClusterTest {};

TEST_F(FailoverAfterRestoreTest, TheSlaveThatIsBackFirstDoesNotLeadOverOneThatHoldsMore) {
    start({.slaves = 2, .slave_properties = {{"slave.stop.grace.ms", "500"}}});
    Workload load(cluster().port(), {.writers = 2, .partitions = 2, .copies = 2, .keys_per_writer = 300});
    load.create_table();
    load.run_some(50);
    const auto data = cluster().slave_data(0);
    const auto backup = data + ".backup";
    cluster().slave(0).stop();
    std::filesystem::copy(data, backup, std::filesystem::copy_options::recursive);
    cluster().start();
    cluster().wait_serving("w");
    const auto all_well = [&] {
        auto client = cluster().connect();
        const auto reply = client.request(R"({"sql":"cluster_status"})");
        return reply.ok() && !reply.frames.empty() && reply.frames[0].find("\"well\"") != std::string::npos;
    };
    ASSERT_TRUE(wait_until(seconds(30), all_well));
    load.run_some(50);
    ASSERT_TRUE(wait_until(seconds(30), all_well));
    cluster().master().kill_hard();
    cluster().slave(1).kill_hard();
    cluster().slave(0).kill_hard();
    std::filesystem::remove_all(data);
    std::filesystem::rename(backup, data);
    cluster().slave(0).start();
    cluster().master().start();
    std::this_thread::sleep_for(seconds(5));  // longer than master.failover.ms
    cluster().slave(1).start();
    cluster().wait_serving("w");
    ASSERT_TRUE(wait_until(seconds(30), all_well));
    EXPECT_EQ(load.verify(true), "");
}

INSTANTIATE_TEST_SUITE_P(Copies, RefillTest,
                         ::testing::Values("", "refill.between-renames", "refill.before-remove",
                                           "follow.between-append-and-sync", "follow.before-report"),
                         [](const auto& param_info) {
                             std::string name = param_info.param;
                             for (auto& c : name)
                                 if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
                             return name.empty() ? std::string("undisturbed") : name;
                         });

INSTANTIATE_TEST_SUITE_P(Copies, FailoverTest,
                         ::testing::Values(Trouble{"kills", true, false, false, false, false},
                                           Trouble{"kills_batch_ids", true, false, false, false, true},
                                           Trouble{"holds", false, true, false, false, true},
                                           Trouble{"stops", false, false, true, false, false},
                                           Trouble{"master_too", true, false, false, true, true}),
                         [](const auto& param_info) { return std::string(param_info.param.name); });

}  // namespace
}  // namespace dl::test
