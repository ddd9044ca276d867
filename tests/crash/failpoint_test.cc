// Every named crash point: the program dies there under load, comes back, and everything holds.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/cluster_fixture.h"
#include "tests/support/workload.h"

namespace dl::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct CrashPoint {
    const char* name;
    int pass;         // dies at this pass
    bool compresses;  // reached by compress_table
};

std::ostream& operator<<(std::ostream& out, const CrashPoint& point) {
    return out << point.name << ":" << point.pass;
}

std::string test_name(const ::testing::TestParamInfo<CrashPoint>& info) {
    std::string name;
    for (const char c : std::string_view(info.param.name))
        name.push_back(std::isalnum(static_cast<unsigned char>(c)) ? c : '_');
    return name + "_" + std::to_string(info.param.pass);
}

// Small segments, so that rolls, flushes and compactions happen within a second.
ClusterOptions small_segments() {
    return {.slave_properties = {{"slave.file.segment.bytes", "65536"}, {"slave.compaction.auto", "off"}}};
}

class FailpointTest : public ClusterTest {
  protected:
    void SetUp() override {
#ifndef DL_FAILPOINTS
        GTEST_SKIP() << "this build has no crash points (DL_FAILPOINTS)";
#endif
    }
    // The program that holds the point is dead by it; the other one lives.
    bool wait_for_death(milliseconds timeout) {
        return wait_until(timeout, [&] { return !cluster().master().alive() || !cluster().slave().alive(); });
    }
    void restart_without_points() {
        for (auto* program : {&cluster().master(), &cluster().slave()})
            program->environment().erase("DL_FAILPOINT");
        cluster().start();
    }
    void arm(const std::string& points) {
        for (auto* program : {&cluster().master(), &cluster().slave()}) {
            program->stop();
            program->environment()["DL_FAILPOINT"] = points;
        }
        cluster().start();
    }
    // Dies at one point after the other, under load, and has lost nothing.
    void dies_at_each(const ClusterOptions& options, const std::vector<const char*>& points,
                      seconds timeout) {
        start(options);
        Workload load(
            cluster().port(),
            {.partitions = 2, .keys_per_writer = 150, .value_bytes = 120, .statement_timeout = seconds(5)});
        load.create_table();
        for (const char* point : points) {
            arm(point);
            cluster().wait_serving("w");
            load.start();
            const bool died = wait_for_death(timeout);
            load.stop();
            ASSERT_TRUE(died) << point << " was never reached";
            restart_without_points();
            cluster().wait_serving("w");
            EXPECT_EQ(load.verify(), "") << point;
        }
        auto client = connect();
        for (const auto& frame : must(client, sql("check table w")).frames)
            EXPECT_NE(frame.find("\"problems\":[]"), std::string::npos) << frame;
    }
};

class CrashPointTest : public FailpointTest, public ::testing::WithParamInterface<CrashPoint> {};

TEST_P(CrashPointTest, DiesThereAndLosesNothing) {
    const auto& point = GetParam();
    start(small_segments());
    Workload load(
        cluster().port(),
        {.partitions = 2, .keys_per_writer = 150, .value_bytes = 120, .statement_timeout = seconds(5)});
    load.create_table();
    load.run_some(40);
    ASSERT_EQ(load.verify(), "") << "before the crash";

    arm(std::string(point.name) + ":kill:" + std::to_string(point.pass));
    cluster().wait_serving("w");
    load.start();
    std::atomic<bool> done{false};
    std::thread compressor([&] {
        while (point.compresses && !done) {
            try {
                auto client = cluster().connect(seconds(10));
                client.request(R"({"compress_table":"w"})");
            } catch (const TransportError&) {
            }
            std::this_thread::sleep_for(milliseconds(100));
        }
    });
    const bool died = wait_for_death(seconds(25));
    done = true;
    compressor.join();
    if (!died) load.stop();
    ASSERT_TRUE(died) << point.name << " was never reached: this test would prove nothing";
    const bool master_died = !cluster().master().alive();

    restart_without_points();
    cluster().wait_serving("w");
    std::this_thread::sleep_for(milliseconds(300));  // the writers go on by themselves
    load.stop();
    EXPECT_EQ(load.verify(point.compresses, master_died), "") << "after the crash";

    // A second, clean restart changes nothing.
    cluster().slave().stop();
    cluster().start();
    cluster().wait_serving("w");
    load.run_some(5);
    EXPECT_EQ(load.verify(point.compresses, master_died), "") << "after another restart";
}

INSTANTIATE_TEST_SUITE_P(
    Append, CrashPointTest,
    ::testing::Values(
        CrashPoint{"append.after-frame-read", 20, false}, CrashPoint{"append.after-parse", 20, false},
        CrashPoint{"append.after-route", 20, false}, CrashPoint{"append.before-log-write", 20, false},
        CrashPoint{"append.mid-log-write", 20, false}, CrashPoint{"append.after-log-write", 20, false},
        CrashPoint{"append.before-fsync", 20, false}, CrashPoint{"append.after-fsync", 20, false},
        CrashPoint{"append.before-index-put", 20, false}, CrashPoint{"append.after-index-put", 20, false},
        CrashPoint{"append.before-ack", 20, false}, CrashPoint{"append.after-ack-send", 20, false}),
    test_name);
INSTANTIATE_TEST_SUITE_P(Roll, CrashPointTest,
                         ::testing::Values(CrashPoint{"roll.before-create", 2, false},
                                           CrashPoint{"roll.after-create", 2, false},
                                           CrashPoint{"roll.before-dir-fsync", 2, false},
                                           CrashPoint{"roll.after-seal", 2, false}),
                         test_name);
// With the first append behind a clean stop, of one partition and of the other.
INSTANTIATE_TEST_SUITE_P(Seal, CrashPointTest,
                         ::testing::Values(CrashPoint{"seal.before-write", 1, false},
                                           CrashPoint{"seal.before-write", 2, false},
                                           CrashPoint{"seal.after-write", 1, false},
                                           CrashPoint{"seal.after-write", 2, false}),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Flush, CrashPointTest,
                         ::testing::Values(CrashPoint{"flush.before-write", 2, false},
                                           CrashPoint{"flush.mid", 2, false},
                                           CrashPoint{"flush.before-footer", 2, false},
                                           CrashPoint{"flush.before-publish", 2, false},
                                           CrashPoint{"flush.after-batch-ids", 2, false},
                                           CrashPoint{"flush.before-manifest-rename", 2, false},
                                           CrashPoint{"flush.after-rename-before-dir-fsync", 2, false},
                                           CrashPoint{"flush.before-manifest-append", 2, false},
                                           CrashPoint{"flush.mid-manifest-append", 2, false},
                                           CrashPoint{"flush.after-append-before-manifest-fsync", 2, false},
                                           CrashPoint{"flush.after-publish", 2, false}),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Compaction, CrashPointTest,
                         ::testing::Values(CrashPoint{"compaction.before-write-new", 2, true},
                                           CrashPoint{"compaction.mid", 2, true},
                                           CrashPoint{"compaction.before-fsync-new", 2, true},
                                           CrashPoint{"compaction.before-manifest-append", 2, true},
                                           CrashPoint{"compaction.mid-manifest-append", 2, true},
                                           CrashPoint{"compaction.after-append-before-manifest-fsync", 2,
                                                      true},
                                           CrashPoint{"compaction.before-delete-old", 2, true},
                                           CrashPoint{"compaction.after-delete-old", 2, true}),
                         test_name);

// A crash in the middle of a write, then another one inside the recovery that cuts the torn tail.
TEST_F(FailpointTest, SecondCrashInsideRecovery) {
    start(small_segments());
    Workload load(cluster().port(), {.partitions = 2, .statement_timeout = seconds(5)});
    load.create_table();
    load.run_some(20);
    arm("append.mid-log-write:kill:5");
    cluster().wait_serving("w");
    load.start();
    ASSERT_TRUE(wait_for_death(seconds(25))) << "append.mid-log-write was never reached";
    load.stop();
    for (int again = 0; again < 2; ++again) {
        cluster().slave().environment()["DL_FAILPOINT"] = "recovery.after-cut:kill:1";
        cluster().slave().start();
        const auto end = cluster().slave().wait_end(seconds(20));
        if (again == 0) {
            ASSERT_TRUE(end.has_value()) << "recovery.after-cut was never reached";
            ASSERT_EQ(end->to_text(), "signal 9");
        }
        if (!end) break;  // the first cut was durable: nothing to cut any more
    }
    cluster().slave().kill_hard();
    restart_without_points();
    cluster().wait_serving("w");
    load.run_some(10);
    EXPECT_EQ(load.verify(), "");
}

TEST_F(FailpointTest, DiesInACompactionNobodyAskedFor) {
    auto options = small_segments();
    options.slave_properties["slave.compaction.auto"] = "on";
    options.slave_properties["slave.compaction.bytes.min"] = "0";
    options.slave_properties["slave.compaction.files.min"] = "2";
    // The history has every record, whatever was merged.
    dies_at_each(options,
                 {"compaction.mid:kill:3", "compaction.mid-manifest-append:kill:3",
                  "compaction.before-delete-old:kill:3"},
                 seconds(25));
}

TEST_F(FailpointTest, DiesWhileItJoinsFiles) {
    auto options = small_segments();
    options.slave_properties["slave.compaction.join.files"] = "2";
    dies_at_each(options,
                 {"join.mid-manifest-append:kill:2", "join.after-append-before-manifest-fsync:kill:2",
                  "join.before-delete-old:kill:2"},
                 seconds(25));
}

TEST_F(FailpointTest, DiesWhileItPacksTheLog) {
    dies_at_each(small_segments(),
                 {"pack.mid:kill:2", "pack.before-rename:kill:1", "pack.after-rename-before-dir-fsync:kill:1",
                  "pack.after-dir-fsync:kill:1", "pack.mid-removal:kill:2"},
                 seconds(60));
}

// Key indexes and delete vectors are gone or damaged, and the slave that makes them again dies in the middle.
class RebuildPointTest : public FailpointTest, public ::testing::WithParamInterface<CrashPoint> {
  protected:
    // Empties every second derived file, removes the others; how many there were.
    int damage_derived_files() {
        int count = 0;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster().slave_data())) {
            const auto name = entry.path().filename().string();
            if (entry.path().extension() != ".kix" && name.find(".dv.") == std::string::npos) continue;
            if (++count % 2 == 0)
                std::filesystem::remove(entry.path());
            else
                std::ofstream(entry.path(), std::ios::trunc) << "";
        }
        return count;
    }
};

TEST_P(RebuildPointTest, DiesThereAndLosesNothing) {
    const auto& point = GetParam();
    start(small_segments());
    Workload load(
        cluster().port(),
        {.partitions = 1, .keys_per_writer = 150, .value_bytes = 120, .statement_timeout = seconds(5)});
    load.create_table();
    load.run_some(150);
    auto client = connect();
    must(client, R"({"compress_table":"w"})");
    load.run_some(150);
    cluster().slave().stop();
    ASSERT_GE(damage_derived_files(), 4);
    cluster().slave().environment()["DL_FAILPOINT"] =
        std::string(point.name) + ":kill:" + std::to_string(point.pass);
    cluster().slave().start();
    const auto end = cluster().slave().wait_end(seconds(20));
    ASSERT_TRUE(end.has_value()) << point.name << " was never reached: this test would prove nothing";
    ASSERT_EQ(end->to_text(), "signal 9");
    restart_without_points();
    cluster().wait_serving("w");
    EXPECT_EQ(load.verify(true), "") << "after the crash";
    load.run_some(20);
    EXPECT_EQ(load.verify(true), "") << "with more writes";
}

// The same, while it serves: `check table ... repair` puts them right and dies in the middle.
class RepairPointTest : public RebuildPointTest {};

TEST_P(RepairPointTest, DiesThereAndLosesNothing) {
    const auto& point = GetParam();
    start(small_segments());
    Workload load(
        cluster().port(),
        {.partitions = 1, .keys_per_writer = 150, .value_bytes = 120, .statement_timeout = seconds(5)});
    load.create_table();
    load.run_some(150);
    arm(std::string(point.name) + ":kill:" + std::to_string(point.pass));
    cluster().wait_serving("w");
    auto client = connect();
    must(client, R"({"compress_table":"w"})");
    load.run_some(100);
    ASSERT_GE(damage_derived_files(), 4);
    try {
        client.request(sql("check table w repair"));
    } catch (const TransportError&) {
    }
    ASSERT_TRUE(wait_for_death(seconds(20))) << point.name << " was never reached";
    restart_without_points();
    cluster().wait_serving("w");
    EXPECT_EQ(load.verify(true), "") << "after the crash";
    client = connect();
    for (const auto& frame : must(client, sql("check table w")).frames)
        EXPECT_NE(frame.find("\"problems\":[]"), std::string::npos) << frame;
}

INSTANTIATE_TEST_SUITE_P(Repair, RepairPointTest,
                         ::testing::Values(CrashPoint{"rebuild.before-rename", 1, false},
                                           CrashPoint{"repair.before-manifest-rename", 1, false},
                                           CrashPoint{"repair.after-rename-before-dir-fsync", 1, false}),
                         test_name);

INSTANTIATE_TEST_SUITE_P(Rebuild, RebuildPointTest,
                         ::testing::Values(CrashPoint{"rebuild.before-write", 2, false},
                                           CrashPoint{"rebuild.mid", 2, false},
                                           CrashPoint{"rebuild.before-rename", 1, false},
                                           CrashPoint{"rebuild.before-rename", 4, false},
                                           CrashPoint{"rebuild.after-rename-before-dir-fsync", 1, false},
                                           CrashPoint{"rebuild.after-rename-before-dir-fsync", 4, false}),
                         test_name);

class ControlPointTest : public FailpointTest, public ::testing::WithParamInterface<const char*> {};

// create, alter and drop are all or nothing whatever side of the commit the master dies on.
TEST_P(ControlPointTest, MasterDiesAroundACatalogCommit) {
    start();
    auto client = connect();
    must(client, sql("create table kept(id int primary key, a string)"));
    must(client, sql("insert into kept values (1, 'one')"));
    for (const char* statement :
         {"create table fresh(id int primary key)", "alter table kept add b long default 4", "drop kept"}) {
        arm(std::string(GetParam()) + ":kill:1");
        try {
            client = cluster().connect(seconds(10));
            client.request(sql(statement));
        } catch (const TransportError&) {
        }
        ASSERT_TRUE(wait_for_death(seconds(10))) << GetParam() << " was never reached by " << statement;
        restart_without_points();
        client = connect();
        const bool committed = std::string_view(GetParam()) == "control.after-catalog-commit";
        const auto tables = nlohmann::json::parse(client.request_single_frame(sql("show_table")))
                                .get<std::vector<std::string>>();
        const std::string_view what = statement;
        if (what.starts_with("create")) {
            EXPECT_EQ(std::count(tables.begin(), tables.end(), "fresh"), committed ? 1 : 0);
            if (!committed) must(client, sql(statement));
            cluster().wait_serving("fresh");
            must(client, sql("insert into fresh values (7)"));
            EXPECT_EQ(value(client, "select id from fresh"), 7);
        } else if (what.starts_with("alter")) {
            if (!committed) must(client, sql(statement));
            cluster().wait_serving("kept");
            EXPECT_EQ(value(client, "select b from kept"), 4);
            must(client, sql("insert into kept values (2, 'two', 22)"));
        } else {
            EXPECT_EQ(std::count(tables.begin(), tables.end(), "kept"), committed ? 0 : 1);
            if (!committed) must(client, sql(statement));
            must(client, sql("create table kept(id int primary key)"));
            EXPECT_EQ(value(client, "select count(*) from kept"), 0)
                << "nothing of the dropped table comes back";
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Control, ControlPointTest,
                         ::testing::Values("control.before-catalog-commit", "control.after-catalog-commit"),
                         [](const auto& param_info) {
                             return std::string_view(param_info.param).find("before") ==
                                            std::string_view::npos
                                        ? "after"
                                        : "before";
                         });

}  // namespace
}  // namespace dl::test
