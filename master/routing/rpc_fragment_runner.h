// FragmentRunner over the RPCs pin, query and unpin. Blocking callers (query pool) wait for coroutines on the
// net pool. Thread-safe.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "master/routing/route_table.h"
#include "master/sql/fragment_runner.h"

namespace dl::master {

class RpcFragmentRunner final : public FragmentRunner {
  public:
    // `pick` gives the event loop for the next call; the loops outlive this object and its streams.
    RpcFragmentRunner(const RouteTable& routes, std::function<boost::asio::any_io_executor()> pick)
        : routes_(routes), slaves_(routes.slaves()), pick_(std::move(pick)) {}

    Result<std::string> leader_of(const TableMeta& table, PartitionId partition) const override {
        return routes_.of(table).leader_address(partition);
    }
    Result<std::vector<PinnedFragment>> pin(const std::vector<FragmentPin>& pins,
                                            std::chrono::milliseconds lease,
                                            const FragmentCall& call) override;
    Result<std::unique_ptr<FragmentStream>> query(const PinnedFragment& pinned,
                                                  const FragmentStatement& statement,
                                                  const FragmentCall& call) override;
    Result<PinnedStream> pin_and_query(const FragmentPin& pin, const std::string& sql,
                                       const std::map<std::string, TableId>& names,
                                       const FragmentCall& call) override;
    void unpin(const std::vector<PinnedFragment>& pinned) override;

  private:
    struct OpenQuery {
        rpc::Cut cut;
        std::unique_ptr<FragmentStream> stream;
    };
    Result<OpenQuery> open_query(const std::string& node, std::string json, std::vector<SharedBytes> attached,
                                 const FragmentCall& call);
    Result<void> send_schemas(const FragmentPin& pin, const FragmentCall& call);

    const RouteTable& routes_;
    const SlaveDirectory& slaves_;
    std::function<boost::asio::any_io_executor()> pick_;
};

}  // namespace dl::master
