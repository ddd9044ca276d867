// Pings every slave in the background, registers it, logs when one goes away or comes back, and then lets it
// catch up. Statements do not wait for it: they find out themselves. One coroutine a slave, all on the
// executor given.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "master/control/table_manager.h"
#include "master/routing/slave_directory.h"

namespace dl::master {

struct HealthOptions {
    std::chrono::milliseconds interval{1000};
    std::chrono::milliseconds ping_timeout{2000};
    std::chrono::milliseconds cleanup_interval{5000};  // open drops are tried again
};

class HealthMonitor {
  public:
    HealthMonitor(const SlaveDirectory& slaves, NodeRegistrar& nodes, TableManager& tables,
                  HealthOptions options = {});
    ~HealthMonitor();
    HealthMonitor(const HealthMonitor&) = delete;
    HealthMonitor& operator=(const HealthMonitor&) = delete;

    void start(boost::asio::any_io_executor executor);
    // From any thread; blocks until no ping runs any more. Not from the executor's own thread. Idempotent.
    void stop();

  private:
    struct State;
    static boost::asio::awaitable<void> watch(std::shared_ptr<State> state, std::string address);
    std::shared_ptr<State> state_;
};

}  // namespace dl::master
