// Start, restart, stop, double start, bad configuration.
#include <gmock/gmock.h>

#include <fstream>
#include <thread>

#include "tests/support/cluster_fixture.h"
#include "tests/support/workload.h"

namespace dl::test {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

class LifecycleTest : public ClusterTest {};

TEST_F(LifecycleTest, RestartOfEverythingKeepsEverything) {
    start({.slaves = 2, .slave_properties = {{"slave.file.segment.bytes", "65536"}}});
    Workload load(cluster().port(), {.writers = 2, .partitions = 4});
    load.create_table();
    for (int round = 0; round < 3; ++round) {
        load.start();
        std::this_thread::sleep_for(milliseconds(400));
        load.stop();
        EXPECT_EQ(cluster().master().stop().to_text(), "exit status 0");
        EXPECT_EQ(cluster().slave(0).stop().to_text(), "exit status 0");
        cluster().slave(1).kill_hard();
        cluster().start();
        cluster().wait_serving("w");
        ASSERT_EQ(load.verify(), "") << "round " << round;
    }
}

TEST_F(LifecycleTest, SigtermDrainsAndRefusesNothingItAcknowledged) {
    start();
    Workload load(cluster().port(), {.writers = 3});
    load.create_table();
    load.start();
    std::this_thread::sleep_for(milliseconds(300));
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(cluster().slave().stop().to_text(), "exit status 0");
    EXPECT_EQ(cluster().master().stop().to_text(), "exit status 0");
    EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(15));
    load.stop();
    cluster().start();
    cluster().wait_serving("w");
    EXPECT_EQ(load.verify(), "");
}

TEST_F(LifecycleTest, SigtermWithIdleAndWaitingClients) {
    start();
    auto idle = connect(), poller = connect();
    must(idle, sql("create table t(id int primary key)"));
    poller.send_frame(
        R"({"stream_read":{"table_name":"t","patition_mess":[],"read_count":1},"options":{"max_wait_ms":60000}})");
    std::this_thread::sleep_for(seconds(1));  // until it waits
    // Neither waits for the poller's minute, nor through the grace of ten seconds.
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(cluster().master().stop(seconds(20)).to_text(), "exit status 0");
    EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(9));
    EXPECT_THAT(poller.read_reply().text, HasSubstr("UNAVAILABLE: this master is stopping"));
    EXPECT_EQ(cluster().slave().stop(seconds(20)).to_text(), "exit status 0");
}

TEST_F(LifecycleTest, SigtermOfASlaveWithAWaitingReader) {
    start();
    auto poller = connect();
    must(poller, sql("create table t(id int primary key)"));
    poller.send_frame(
        R"({"stream_read":{"table_name":"t","patition_mess":[],"read_count":1},"options":{"max_wait_ms":60000}})");
    std::this_thread::sleep_for(seconds(1));  // until it waits
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(cluster().slave().stop(seconds(20)).to_text(), "exit status 0");
    EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(9));
    EXPECT_EQ(poller.read_reply().code(), "UNAVAILABLE");
}

TEST_F(LifecycleTest, SecondInstanceOnTheSameDataIsRefused) {
    start();
    auto second_slave = cluster().slave().properties();
    second_slave["slave.node"] = "127.0.0.1:" + std::to_string(free_port());
    DaemonProcess slave("second-slave", program_path("slave"), cluster().directory(), 0, second_slave, {});
    slave.start();
    const auto slave_end = slave.wait_end(seconds(20));
    ASSERT_TRUE(slave_end.has_value()) << "it runs beside the first";
    EXPECT_NE(slave_end->to_text(), "exit status 0");
    EXPECT_THAT(slave.log_text(), HasSubstr(cluster().slave_data()));

    auto second_master = cluster().master().properties();
    second_master["master.data.port"] = "127.0.0.1:" + std::to_string(free_port());
    DaemonProcess master("second-master", program_path("master"), cluster().directory(), 0, second_master,
                         {});
    master.start();
    const auto master_end = master.wait_end(seconds(20));
    ASSERT_TRUE(master_end.has_value());
    EXPECT_NE(master_end->to_text(), "exit status 0");
    auto client = connect();
    EXPECT_EQ(client.request_single_frame(sql("show_table")), "[]") << "the first ones go on";
}

TEST_F(LifecycleTest, PortInUseIsAClearError) {
    start();
    auto properties = cluster().master().properties();
    properties["master.data.path"] = cluster().directory() + "/elsewhere";
    std::filesystem::create_directories(properties["master.data.path"]);
    DaemonProcess master("other-master", program_path("master"), cluster().directory(), 0, properties, {});
    master.start();
    const auto end = master.wait_end(seconds(20));
    ASSERT_TRUE(end.has_value());
    EXPECT_NE(end->to_text(), "exit status 0");
    EXPECT_THAT(master.log_text(), HasSubstr(std::to_string(cluster().port())));
}

// What was freed goes back to the machine also when nothing more is allocated: a thread of the allocator sees
// to it.
TEST_F(LifecycleTest, MemoryIsGivenBackByAThreadOfItsOwn) {
#ifndef DL_JEMALLOC
    GTEST_SKIP() << "built without jemalloc";
#endif
    start();
    for (const auto pid : {cluster().master().pid(), cluster().slave().pid()}) {
        std::vector<std::string> names;
        for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task"))
            std::getline(std::ifstream(task.path() / "comm"), names.emplace_back());
        EXPECT_THAT(names, ::testing::Contains("jemalloc_bg_thd"));
    }
}

// The page and the files in config/ tell of every key there is.
TEST_F(LifecycleTest, EveryConfigurationKeyIsDocumented) {
    std::ifstream page_file(std::string(DL_SOURCE_DIR) + "/docs/operating/configuration.md");
    const std::string page{std::istreambuf_iterator<char>(page_file), {}};
    for (const std::string program : {"slave", "master"}) {
        const auto run = run_program(program_path(program) + " --print-config " + DL_SOURCE_DIR + "/config/" +
                                     program + "_config.properties");
        ASSERT_EQ(run.status, 0) << run.output;
        std::istringstream lines(run.output);
        std::size_t keys = 0;
        for (std::string line; std::getline(lines, line); ++keys)
            EXPECT_THAT(page, HasSubstr("| `" + line.substr(0, line.find(' ')) + "` |"));
        EXPECT_GT(keys, 15u);
    }
}

TEST_F(LifecycleTest, ConfigurationIsCheckedAndPrinted) {
    cluster_ = std::make_unique<TestCluster>();
    const auto file = cluster().directory() + "/some.properties";
    const auto write = [&](const std::string& text) { std::ofstream(file, std::ios::trunc) << text; };
    const auto slave = program_path("slave"), master = program_path("master");

    write("slave.node = 127.0.0.1:1234\nslave.data = " + cluster().directory() +
          "/d\nslave.file.segment.bytes = 8m\n");
    auto run = run_program(slave + " --check " + file);
    EXPECT_EQ(run.status, 0) << run.output;
    run = run_program("DATALAKE_SLAVE_NODE=127.0.0.1:4321 " + slave + " --print-config " + file);
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_THAT(run.output,
                ::testing::AllOf(HasSubstr("127.0.0.1:4321"), HasSubstr("slave.file.segment.bytes"),
                                 HasSubstr("environment")));

    write("slave.node = 127.0.0.1:1234\nslave.data = d\nslave.file.segment.byte = 8m\n");
    run = run_program(slave + " --check " + file);
    EXPECT_NE(run.status, 0);
    EXPECT_THAT(run.output, ::testing::AllOf(HasSubstr("slave.file.segment.byte"),
                                             HasSubstr("slave.file.segment.bytes")));

    write("master.data.port = 127.0.0.1:99999\nmaster.data.path = d\nslave.nodes = 127.0.0.1:1\n");
    run = run_program(master + " --check " + file);
    EXPECT_NE(run.status, 0);
    EXPECT_THAT(run.output, HasSubstr("99999"));

    write(
        "master.data.port = 127.0.0.1:9999\nmaster.data.path = d\nslave.nodes = [\"127.0.0.1:1\", "
        "\"127.0.0.1:2\"]\n");
    run = run_program(master + " --check " + file);
    EXPECT_EQ(run.status, 0) << run.output;

    run = run_program(master + " " + cluster().directory() + "/does-not-exist.properties");
    EXPECT_NE(run.status, 0);
    EXPECT_THAT(run.output, HasSubstr("does-not-exist.properties"));
}

TEST_F(LifecycleTest, MasterComesBackWithTablesCreatedBefore) {
    start();
    auto client = connect();
    for (int i = 0; i < 5; ++i)
        must(client, sql("create table t" + std::to_string(i) + "(id int primary key)"));
    must(client, sql("drop t3"));
    cluster().master().kill_hard();
    cluster().start();
    client = connect();
    EXPECT_EQ(json::parse(client.request_single_frame(sql("show_table"))).size(), 4u);
    cluster().wait_serving("t4");
    must(client, sql("insert into t4 values (1)"));
}

}  // namespace
}  // namespace dl::test
