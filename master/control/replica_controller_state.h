// What the parts of ReplicaController share: heartbeats (replica_heartbeats.cc), elections
// (replica_elections.cc), decisions (replica_deciding.cc), assignments (replica_telling.cc). Of nobody else.
#pragma once

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/random_id.h"
#include "master/control/replica_controller.h"
#include "master/control/replica_decisions.h"
#include "master/control/wakeup.h"

namespace dl::master {

inline constexpr std::string_view kCopiesComponent = "master.copies";  // of the log
inline constexpr std::chrono::milliseconds kTellAllFirst{1000};

boost::asio::awaitable<void> pause_for(std::chrono::milliseconds length);

struct ReplicaController::State {
    using Time = std::chrono::steady_clock::time_point;
    // A partition whose leader is being found.
    struct Electing {
        Time began, asked_at;
        std::vector<NodeId> asked;
        Election known;

        bool is_to_say(NodeId node) const {
            return std::find(asked.begin(), asked.end(), node) != asked.end() &&
                   !known.reports.contains(node);
        }
    };

    // One slave as it is configured.
    struct Slave {
        explicit Slave(std::string at) : address(std::move(at)) {}
        const std::string address;
        Wakeup to_tell, to_ask;
        // Under State::mutex.
        bool telling = false;
        Time tell_all_at{};  // not again before
        std::chrono::milliseconds tell_all_pause = kTellAllFirst;
        Time drop_again_at{};  // not before, since one failed
        std::string last_error;
    };

    State(Catalog& catalog_, const SlaveDirectory& slaves_, WorkerPool& work_, ReplicaOptions options_)
        : catalog(catalog_),
          directory(slaves_),
          work(work_),
          options(options_),
          liveness(options_.times, std::chrono::steady_clock::now()) {
        for (const auto& address : slaves_.nodes())
            slaves.push_back(std::make_unique<Slave>(address));
    }

    Catalog& catalog;
    const SlaveDirectory& directory;
    WorkerPool& work;
    const ReplicaOptions options;
    const std::string controller = random_hex(static_cast<int>(rpc::kProcessIdBytes));
    std::vector<std::unique_ptr<Slave>> slaves;
    Wakeup to_decide;

    mutable std::mutex mutex;
    std::condition_variable ended;
    std::size_t running = 0;
    bool stopping = false;
    NodeLiveness liveness;
    ReplicaIndex index;
    NodeStates decided_with;
    bool look_at_all = true;
    std::set<NodeId> restarted;
    std::map<NodeId, std::vector<rpc::ReplicaProposal>> proposals;
    std::map<NodeId, Time> live_since;
    Time next_hand_back{};
    bool hand_backs_wait = false;
    std::map<ReplicaKey, Time> refusals;
    std::map<ReplicaKey, Electing> elections;
    std::map<NodeId, Time> unconfirmed;  // since then: DecisionInput::unconfirmed

    // Decisions that wait for time to pass.
    bool has_pending() const { return !elections.empty() || !unconfirmed.empty(); }
    bool is_stopping() const {
        std::lock_guard lock(mutex);
        return stopping;
    }
    std::vector<NodeId> all_nodes() const {
        std::vector<NodeId> all;
        for (const auto& [node, known] : *index.nodes())
            all.push_back(node);
        return all;
    }
    NodeId node_of(const std::string& address) const {
        const auto nodes = catalog.tables().nodes();
        const auto* node = node_at(*nodes, address);
        return node == nullptr ? NodeId{} : node->id;
    }

    // From the catalog into the index; whoever is to be told something is woken.
    void follow_catalog() {
        if (!index.refresh(catalog.tables())) return;
        look_at_all = true;
        for (const auto& slave : slaves)
            if (!index.is_told_all(node_of(slave->address))) slave->to_tell.set();
    }

    boost::asio::awaitable<void> ask(Slave& slave);
    void take_answer(Slave& slave, NodeId node, const rpc::HeartbeatReply& reply, std::uint64_t activity);
    boost::asio::awaitable<void> watch(Slave& slave);
    boost::asio::awaitable<Result<void>> tell_part(Slave& slave, NodeId node,
                                                   const ReplicaIndex::Telling& telling,
                                                   std::shared_ptr<State> self);
    boost::asio::awaitable<void> rise_above(Slave& slave, std::vector<rpc::KnownAssignment> newer,
                                            std::shared_ptr<State> self);
    boost::asio::awaitable<bool> drop_copies(Slave& slave, NodeId node, std::shared_ptr<State> self);
    boost::asio::awaitable<void> tell(Slave& slave, std::shared_ptr<State> self);
    std::vector<rpc::ReplicaRef> to_be_asked(NodeId node) const;
    void take_reports(NodeId node, const rpc::HeartbeatReply& reply);
    void hold_elections(Decisions& decided, bool all, Time now);
    std::optional<DecisionInput> collect();
    Result<void> decide_now();
    void log_changes(const std::vector<Decision>& made, Time began) const;
    boost::asio::awaitable<void> decide_again_and_again(std::shared_ptr<State> self);
};

}  // namespace dl::master
