// A master and some slaves as real processes on free loopback ports, with their data below one temporary
// directory that is removed at the end. Used from one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/daemon_process.h"
#include "tests/support/raw_client.h"

namespace dl::test {

struct ClusterOptions {
    int slaves = 1;
    Properties master_properties;  // beside addresses and paths
    Properties slave_properties;
    Environment master_environment;
    Environment slave_environment;
    std::string slave_data_directory;  // instead of one in the temporary directory (first slave only)
};

class TestCluster {
  public:
    explicit TestCluster(ClusterOptions options = {});  // starts nothing
    ~TestCluster();
    TestCluster(const TestCluster&) = delete;
    TestCluster& operator=(const TestCluster&) = delete;

    // Starts what is not running; returns when the master answers and every slave accepts. Throws with the
    // logs' ends.
    void start();
    // Until the master answers max_offset of the table: all its partitions are served.
    void wait_serving(const std::string& table, std::chrono::milliseconds timeout = std::chrono::seconds(30));

    DaemonProcess& master() { return *master_; }
    DaemonProcess& slave(std::size_t index = 0) { return *slaves_[index]; }
    std::size_t slave_count() const { return slaves_.size(); }
    std::uint16_t port() const { return master_->port(); }
    RawClient connect(std::chrono::milliseconds timeout = RawClient::kDefaultTimeout) const {
        return RawClient(master_->port(), timeout);
    }

    const std::string& directory() const { return directory_; }
    std::string slave_data(std::size_t index = 0) const { return slave_data_[index]; }
    std::string master_data() const { return directory_ + "/master-data"; }
    void print_logs(std::ostream& out, std::size_t lines_each = 60) const;
    void keep_directory() { keep_ = true; }

  private:
    void wait_ready();

    std::string directory_;
    std::vector<std::string> slave_data_;
    std::unique_ptr<DaemonProcess> master_;
    std::vector<std::unique_ptr<DaemonProcess>> slaves_;
    bool keep_ = false;
};

void sleep_briefly();

// Until `condition()` is true or the time is over; whether it became true. A TransportError in it counts as
// false.
template <class Condition>
bool wait_until(std::chrono::milliseconds timeout, Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        try {
            if (condition()) return true;
        } catch (const TransportError&) {  // not yet
        }
        if (std::chrono::steady_clock::now() >= deadline) return false;
        sleep_briefly();
    }
}

}  // namespace dl::test
