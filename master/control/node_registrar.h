// Learns which slave is at an address and tells a new one who it is: every slave has a node id of the catalog
// in its data directory, so it is the same slave wherever it comes back. Coroutines run on the caller's
// executor; thread-safe.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/worker_pool.h"
#include "common/base/error.h"
#include "common/rpc/rpc_client.h"
#include "master/catalog/catalog.h"
#include "master/control/held_tables.h"
#include "master/routing/slave_directory.h"

namespace dl::master {

class NodeRegistrar {
  public:
    // `work` runs what blocks on the catalog. `take_over`: slaves of other clusters become ours, with what
    // they hold.
    NodeRegistrar(Catalog& catalog, const SlaveDirectory& slaves, WorkerPool& work, bool take_over = false)
        : catalog_(catalog), slaves_(slaves), work_(work), take_over_(take_over) {}

    struct Registered {
        Node node;
        std::string version;  // of the slave's program
        bool fresh = false;   // this master had not registered it yet, or it was started anew meanwhile
    };
    // Asks the slave at `address` who it is, and makes a new one one of the cluster. UNAVAILABLE when it does
    // not answer, when it is of another cluster or holds tables of another catalog, and when it is the copy
    // of a node that answers elsewhere.
    boost::asio::awaitable<Result<Registered>> greet(std::string address, rpc::Deadline deadline);
    // greet() for all slaves that this master does not hear of, until all have answered or the time is over;
    // from `one_is_enough` on, until one is there. Errors are for who needs the slave.
    boost::asio::awaitable<void> greet_unknown(rpc::Deadline deadline, rpc::Deadline one_is_enough);
    // Somebody of the cluster answered last at this address.
    bool is_present(const std::string& address) const;
    // The tables on the slave at `address`.
    boost::asio::awaitable<Result<std::vector<HeldTable>>> inventory(std::string address,
                                                                     rpc::Deadline deadline);
    // The slave at `address` cannot be used: it does not answer any more, or is not ours.
    void lost(const std::string& address, std::string why);
    // Of slave.nodes, by address: those that cannot be used, and why.
    std::map<std::string, std::string> unusable() const;

  private:
    // `answered`: there is a slave, ours or not.
    boost::asio::awaitable<Result<Registered>> greet(std::string address, rpc::Deadline deadline,
                                                     bool& answered);
    Result<void> refuse_copies(const std::string& address, NodeId node) const;
    boost::asio::awaitable<Result<std::map<TableId, std::uint64_t>>> adopted(std::string address,
                                                                             rpc::Deadline deadline);

    Catalog& catalog_;
    const SlaveDirectory& slaves_;
    WorkerPool& work_;
    const bool take_over_;
    mutable std::mutex mutex_;
    std::map<std::string, Node, std::less<>> present_;  // by address: who answered there last
    std::map<std::string, std::string> unusable_;       // by address: why
};

}  // namespace dl::master
