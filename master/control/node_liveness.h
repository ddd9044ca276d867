// Which nodes answer, and until when each may think that it holds a lease. Pure: the clock is given. Not
// thread-safe. Times are of the controller's monotonic clock (INV-12).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "common/base/ids.h"
#include "master/control/replica_planner.h"

namespace dl::master {

struct LeaseTimes {
    std::chrono::milliseconds heartbeat{300};
    std::chrono::milliseconds lease{2000};
    // From the last answer of a node until its leaderships go elsewhere. Above `lease` by what clocks may
    // differ while it lasts.
    std::chrono::milliseconds failover{3000};
};

class NodeLiveness {
  public:
    using Time = std::chrono::steady_clock::time_point;

    // `started`: of this controller. An earlier one may have given leases just before, so no node that has
    // not answered yet is dead before times.failover have passed.
    NodeLiveness(LeaseTimes times, Time started) : times_(times), started_(started) {}

    // What the next heartbeat to a node is to name, from which on the node may prolong its lease: its process
    // and last reply, as HeartbeatRequest has them.
    struct Named {
        std::string process;
        std::uint64_t sequence = 0;
    };
    Named begin_heartbeat(NodeId node);

    enum class Answer : std::uint8_t {
        known,      // as before
        returned,   // the first, or after it was dead
        restarted,  // of another process than the last: whatever it led, it does not lead any more
    };
    Answer answered(NodeId node, const std::string& process, std::uint64_t sequence, bool stopping, Time now);
    // Nobody listens at its address: the process is gone, and its lease with it.
    void refused(NodeId node);

    bool is_live(NodeId node, Time now) const;
    bool is_dead(NodeId node, Time now) const;
    // The end of the lease of a node as the node may see it at the latest; nullopt: it has none.
    std::optional<Time> lease_end(NodeId node) const;
    // When it answered last.
    std::optional<Time> last_answer(NodeId node) const;

    // Of `nodes`, which are all there are.
    template <class Nodes>
    NodeStates states(const Nodes& nodes, Time now) const {
        NodeStates states;
        for (const auto node : nodes) {
            if (is_dead(node, now)) states.dead.insert(node);
            if (!is_live(node, now)) continue;
            states.live.insert(node);
            if (nodes_.at(node).stopping) states.stopping.insert(node);
        }
        return states;
    }
    // When the state of one of the nodes changes by itself, if nothing is heard; Time::max(): never.
    Time next_change(Time now) const;

    // As its last reply said; "": none yet.
    std::string process(NodeId node) const {
        const auto found = nodes_.find(node);
        return found == nodes_.end() ? "" : found->second.process;
    }

  private:
    struct Known {
        std::string process;
        std::uint64_t sequence = 0;
        std::optional<Time> answered;    // the last reply
        std::optional<Time> lease_from;  // arrival of the last reply that a heartbeat named
        bool refused = false;
        bool stopping = false;
    };
    LeaseTimes times_;
    Time started_;
    std::map<NodeId, Known> nodes_;
};

}  // namespace dl::master
