// What statements ask of whoever keeps the copies of partitions. Thread-safe.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/rpc/rpc_client.h"
#include "master/control/replica_planner.h"

namespace dl::master {

struct NodeView {
    NodeId id;
    std::string address;
    enum class State : std::uint8_t { unknown, live, stopping, dead } state = State::unknown;
    std::optional<std::chrono::milliseconds> silent_for;  // since its last answer
    bool is_told_all = true;                              // it has its assignments
};

class CopyControl {
  public:
    virtual ~CopyControl() = default;
    virtual NodeStates states() const = 0;
    virtual std::vector<NodeView> nodes() const = 0;
    // Completes when the nodes of the table know its placements of now, or at `until`.
    virtual boost::asio::awaitable<void> announce(TableId table, rpc::Deadline until) = 0;
};

}  // namespace dl::master
