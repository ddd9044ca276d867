// Learns which slave is at an address and tells a new one who it is: every slave has a node id of the catalog
// in its data directory, so it is the same slave wherever it comes back. Coroutines run on the caller's
// executor; thread-safe.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "common/async/worker_pool.h"
#include "common/base/error.h"
#include "common/rpc/rpc_client.h"
#include "master/catalog/catalog.h"
#include "master/routing/slave_directory.h"

namespace dl::master {

class NodeRegistrar {
  public:
    // `work` runs what blocks on the catalog.
    NodeRegistrar(Catalog& catalog, const SlaveDirectory& slaves, WorkerPool& work)
        : catalog_(catalog), slaves_(slaves), work_(work) {}

    struct Registered {
        Node node;
        std::string version;  // of the slave's program
        bool fresh = false;   // this master had not registered it yet, or it was started anew meanwhile
    };
    // Asks the slave at `address` who it is. UNAVAILABLE when it does not answer, or when it is the copy of a
    // node that answers elsewhere.
    boost::asio::awaitable<Result<Registered>> greet(std::string address, rpc::Deadline deadline);
    // greet() for all slaves that this master has not heard of yet, until all have answered or the time is
    // over; errors are for who needs the slave.
    boost::asio::awaitable<void> greet_unknown(rpc::Deadline deadline);
    // The slave at `address` does not answer any more.
    void lost(const std::string& address);

  private:
    Result<void> refuse_copies(const std::string& address, NodeId node) const;

    Catalog& catalog_;
    const SlaveDirectory& slaves_;
    WorkerPool& work_;
    mutable std::mutex mutex_;
    std::map<std::string, Node, std::less<>> present_;  // by address: who answered there last
};

}  // namespace dl::master
