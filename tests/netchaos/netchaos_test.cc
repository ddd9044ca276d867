// Tables with three copies on three slaves, each in its own network namespace, under load with everything
// read back and judged at the end, while one kind of trouble (or all of them) comes again and again.
// DL_NETCHAOS_SECONDS: how long a run is (default 60); DL_NETCHAOS_SEED.
#include <gmock/gmock.h>

#include <csignal>
#include <iostream>
#include <random>
#include <thread>

#include "tests/netchaos/net_cluster.h"
#include "tests/support/environment.h"
#include "tests/support/test_cluster.h"
#include "tests/support/workload.h"

namespace dl::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

struct Kind {
    const char* name;
    int run;  // of its kind
};

class Troubles {
  public:
    Troubles(NetCluster& cluster, std::uint64_t seed) : cluster_(cluster), random_(seed) {}

    // One of this kind, to its end.
    void happen(const std::string& kind) {
        const auto slave = random_() % cluster_.slave_count();
        const auto member = random_() % (cluster_.slave_count() + 1);
        const auto length = milliseconds(random_() % 6000);
        if (kind == "kills") {
            process(member).kill_hard();
            std::this_thread::sleep_for(length);
        } else if (kind == "holds") {
            process(member).send_signal(SIGSTOP);
            std::this_thread::sleep_for(length);
            process(member).send_signal(SIGCONT);
        } else if (kind == "cuts" || kind == "one_way_cuts") {
            const auto other =
                (member + 1 + random_() % cluster_.slave_count()) % (cluster_.slave_count() + 1);
            cluster_.cut(member, other);
            if (kind == "cuts") cluster_.cut(other, member);
            std::this_thread::sleep_for(length);
            cluster_.heal_network();
        } else if (kind == "slow_disks") {
            // Known at the start of the process: it is killed twice.
            cluster_.slave(slave).kill_hard();
            cluster_.slow_syncs(slave, 50 + static_cast<int>(random_() % 800));
            cluster_.start();
            std::this_thread::sleep_for(length + seconds(3));
            cluster_.slave(slave).kill_hard();
            cluster_.slow_syncs(slave, 0);
        } else if (kind == "full_disks") {
            cluster_.fill_disk(slave);
            std::this_thread::sleep_for(length);
            cluster_.free_disk(slave);
        } else if (kind == "clock_jumps") {
            cluster_.jump_clock(member, static_cast<int>(random_() % 20000) - 10000);
            std::this_thread::sleep_for(length / 4);
        }
        cluster_.start();
    }

  private:
    DaemonProcess& process(std::size_t member) {
        return member == cluster_.slave_count() ? cluster_.master() : cluster_.slave(member);
    }
    NetCluster& cluster_;
    std::mt19937_64 random_;
};

class NetChaos : public ::testing::TestWithParam<Kind> {};

TEST_P(NetChaos, NothingAcknowledgedIsLostOrSeenTwice) {
    const std::string kind = GetParam().name;
    const bool mixed = kind == "everything";
    const bool clocks = kind == "clock_jumps" || mixed;
    if (const auto missing = NetCluster::missing(); !missing.empty()) GTEST_SKIP() << missing;
#ifndef DL_FAILPOINTS
    if (kind == "slow_disks" || mixed) GTEST_SKIP() << "this build has no fault points (DL_FAILPOINTS)";
#endif
    const auto seed = from_environment("DL_NETCHAOS_SEED", std::random_device{}());
    std::cout << "DL_NETCHAOS_SEED=" << seed << "\n";
    std::mt19937_64 random(seed);
    NetCluster cluster({.small_disks = kind == "full_disks" || mixed,
                        .clocks = clocks,
                        .slave_properties = {{"slave.file.segment.bytes", "65536"},
                                             {"slave.compaction.bytes.min", "0"},
                                             {"slave.compaction.files.min", "2"},
                                             {"slave.stop.grace.ms", "500"}}});
    cluster.start();
    Workload load(cluster.port(), {.writers = 3,
                                   .partitions = 3,
                                   .copies = 3,
                                   .keys_per_writer = 200,
                                   .batch_ids = GetParam().run % 2 == 0,
                                   .seed = seed,
                                   .statement_timeout = seconds(30)});
    ASSERT_TRUE(wait_until(seconds(60), [&] {
        (void)cluster.status();
        try {
            load.create_table();
        } catch (const std::runtime_error&) {
            return false;
        }
        return true;
    }));
    load.start();
    const std::vector<std::string> kinds = {"kills",      "holds",      "cuts",       "one_way_cuts",
                                            "slow_disks", "full_disks", "clock_jumps"};
    Troubles troubles(cluster, seed);
    int times = 0;
    const auto end = Clock::now() + seconds(from_environment("DL_NETCHAOS_SECONDS", 60));
    while (Clock::now() < end) {
        std::this_thread::sleep_for(milliseconds(200 + random() % 1800));
        troubles.happen(mixed ? kinds[random() % kinds.size()] : kind);
        ++times;
    }
    const bool healed = wait_until(seconds(60), [&] { return cluster.is_well(); });
    const auto status = healed ? std::string() : cluster.status();
    load.stop();
    std::cout << times << " times, " << load.acknowledged_batches() << " batches acknowledged, "
              << load.unknown_batches() << " of unknown outcome, " << load.refused_batches() << " refused\n";
    EXPECT_TRUE(healed) << status;
    EXPECT_GT(load.acknowledged_batches(), 10u);
    EXPECT_EQ(load.verify(false, true), "");
    if (HasFailure()) cluster.print_logs();
}

std::vector<Kind> all_kinds() {
    std::vector<Kind> all;
    for (const auto* name :
         {"kills", "holds", "cuts", "one_way_cuts", "slow_disks", "full_disks", "clock_jumps", "everything"})
        for (int run = 1; run <= 3; ++run)
            all.push_back({name, run});
    return all;
}

INSTANTIATE_TEST_SUITE_P(Copies, NetChaos, ::testing::ValuesIn(all_kinds()), [](const auto& param_info) {
    return std::string(param_info.param.name) + "_" + std::to_string(param_info.param.run);
});

}  // namespace
}  // namespace dl::test
