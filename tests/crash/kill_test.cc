// kill -9 at random moments under load, for as long as DL_CRASH_SECONDS says (default 10), from
// DL_CRASH_SEED.
#include <gmock/gmock.h>

#include <random>
#include <thread>

#include "tests/support/cluster_fixture.h"
#include "tests/support/environment.h"
#include "tests/support/workload.h"

namespace dl::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Victim {
    const char* name;
    bool slave, master, compress, batch_ids;
};

class RandomKillTest : public ClusterTest, public ::testing::WithParamInterface<Victim> {};

TEST_P(RandomKillTest, NothingAcknowledgedIsLost) {
    const auto& victim = GetParam();
    const auto seed = from_environment("DL_CRASH_SEED", std::random_device{}());
    std::cout << "DL_CRASH_SEED=" << seed << "\n";
    std::mt19937_64 random(seed);
    // Files are merged and log files packed all the time, which takes no record of the history.
    start({.slave_properties = {{"slave.file.segment.bytes", "65536"},
                                {"slave.compaction.bytes.min", "0"},
                                {"slave.compaction.files.min", "2"}}});
    Workload load(cluster().port(), {.writers = 3,
                                     .partitions = 3,
                                     .keys_per_writer = 200,
                                     .batch_ids = victim.batch_ids,
                                     .seed = seed,
                                     .statement_timeout = seconds(5)});
    load.create_table();
    load.start();
    const auto end = std::chrono::steady_clock::now() + seconds(from_environment("DL_CRASH_SECONDS", 10));
    int kills = 0;
    while (std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(milliseconds(50 + random() % 500));
        if (victim.compress && random() % 2 == 0) {
            auto client = cluster().connect(seconds(10));
            client.send_frame(R"({"compress_table":"w"})");  // and die in the middle of it
            std::this_thread::sleep_for(milliseconds(random() % 120));
        }
        if (victim.slave) cluster().slave().kill_hard();
        if (victim.master) cluster().master().kill_hard();
        ++kills;
        cluster().start();
        cluster().wait_serving("w");
    }
    load.stop();
    std::cout << kills << " kills, " << load.acknowledged_batches() << " batches acknowledged, "
              << load.unknown_batches() << " of unknown outcome, " << load.refused_batches() << " refused\n";
    EXPECT_GT(load.acknowledged_batches(), 10u);
    EXPECT_EQ(load.verify(victim.compress, victim.master), "");
}

INSTANTIATE_TEST_SUITE_P(Kill, RandomKillTest,
                         ::testing::Values(Victim{"slave", true, false, false, false},
                                           Victim{"slave_compress", true, false, true, false},
                                           Victim{"slave_batch_ids", true, false, false, true},
                                           Victim{"master", false, true, false, false},
                                           Victim{"both", true, true, true, true}),
                         [](const auto& param_info) { return std::string(param_info.param.name); });

}  // namespace
}  // namespace dl::test
