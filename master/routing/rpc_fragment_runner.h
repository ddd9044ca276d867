// FragmentRunner over the RPCs pin, query and unpin. Blocking callers (query pool) wait for coroutines on the
// net pool. Thread-safe.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "master/routing/partition_caller.h"
#include "master/sql/fragment_runner.h"

namespace dl::master {

class RpcFragmentRunner final : public FragmentRunner {
  public:
    // `pick` gives the event loop for the next call; the loops outlive this object and its streams.
    RpcFragmentRunner(const PartitionCaller& caller, std::function<boost::asio::any_io_executor()> pick)
        : caller_(caller), pick_(std::move(pick)) {}

    Result<std::string> leader_of(const TableMeta& table, PartitionId partition) const override {
        return caller_.routes().of(table).leader_address(partition);
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
    // `pin`: what the query is to pin for itself; nullptr: the request names the view `pinned`.
    Result<OpenQuery> open_query(const std::string& node, rpc::QueryRequest request, const FragmentPin* pin,
                                 const PinnedFragment* pinned, std::vector<SharedBytes> attached,
                                 const FragmentCall& call);

    const PartitionCaller& caller_;
    std::function<boost::asio::any_io_executor()> pick_;
};

}  // namespace dl::master
