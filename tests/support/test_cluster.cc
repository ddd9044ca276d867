#include "tests/support/test_cluster.h"

#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace dl::test {
namespace {

std::string make_temporary_directory() {
    auto pattern = (std::filesystem::temp_directory_path() / "datalakedb-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot create " + pattern);
    return pattern;
}

std::string last_lines(const std::string& text, std::size_t lines) {
    std::size_t at = text.size();
    for (std::size_t found = 0; at > 0; --at)
        if (text[at - 1] == '\n' && found++ == lines) break;
    return text.substr(at);
}

}  // namespace

void sleep_briefly() {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

TestCluster::TestCluster(ClusterOptions options) : directory_(make_temporary_directory()) {
    std::string nodes;
    for (int i = 0; i < options.slaves; ++i) {
        const auto name = "slave" + std::to_string(i);
        const auto port = free_port();
        const bool given = i == 0 && !options.slave_data_directory.empty();
        slave_data_.push_back(given ? options.slave_data_directory : directory_ + "/" + name + "-data");
        std::filesystem::create_directories(slave_data_.back());
        Properties properties = options.slave_properties;
        properties["slave.node"] = "127.0.0.1:" + std::to_string(port);
        properties["slave.data"] = slave_data_.back();
        slaves_.push_back(std::make_unique<DaemonProcess>(name, program_path("slave"), directory_, port,
                                                          std::move(properties), options.slave_environment));
        nodes += (i == 0 ? "" : ",") + slaves_.back()->address();
    }
    const auto port = free_port();
    std::filesystem::create_directories(master_data());
    Properties properties = options.master_properties;
    properties["master.data.port"] = "127.0.0.1:" + std::to_string(port);
    properties["master.data.path"] = master_data();
    properties["slave.nodes"] = nodes;
    master_ = std::make_unique<DaemonProcess>("master", program_path("master"), directory_, port,
                                              std::move(properties), options.master_environment);
}

TestCluster::~TestCluster() {
    if (master_) master_->kill_hard();
    for (auto& slave : slaves_)
        slave->kill_hard();
    if (keep_ || std::getenv("DL_KEEP_TEST_DATA") != nullptr) return;
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

void TestCluster::start() {
    for (auto& slave : slaves_)
        if (!slave->alive()) slave->start();
    if (!master_->alive()) master_->start();
    wait_ready();
}

void TestCluster::wait_ready() {
    const bool ready = wait_until(std::chrono::seconds(60), [&] {
        for (auto& slave : slaves_)
            if (!slave->alive() || !port_accepts(slave->port())) return !slave->alive();
        if (!master_->alive()) return true;
        RawClient client(master_->port(), std::chrono::seconds(5));
        return !client.request_single_frame(R"({"sql":"show_table"})").empty();
    });
    bool all_alive = master_->alive();
    for (auto& slave : slaves_)
        all_alive = all_alive && slave->alive();
    if (ready && all_alive) return;
    std::stringstream logs;
    print_logs(logs, 25);
    throw std::runtime_error("the cluster did not become ready\n" + logs.str());
}

void TestCluster::wait_serving(const std::string& table, std::chrono::milliseconds timeout) {
    std::string last;
    const bool served = wait_until(timeout, [&] {
        auto client = connect(std::chrono::seconds(10));
        const auto reply = client.request(R"({"sql":"max_offset )" + table + "\"}");
        last = reply.text;
        return reply.ok();
    });
    if (served) return;
    std::stringstream logs;
    print_logs(logs, 25);
    throw std::runtime_error("table " + table + " is not served: " + last + "\n" + logs.str());
}

void TestCluster::print_logs(std::ostream& out, std::size_t lines_each) const {
    out << "--- master ---\n" << last_lines(master_->log_text(), lines_each);
    for (const auto& slave : slaves_)
        out << "--- " << slave->name() << " ---\n" << last_lines(slave->log_text(), lines_each);
}

}  // namespace dl::test
