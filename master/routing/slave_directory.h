// The slaves of slave.nodes and one RpcClient for each. Fixed after construction, hence thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/rpc/rpc_client.h"

namespace dl::master {

class SlaveDirectory {
  public:
    using ClientFactory = std::function<std::shared_ptr<rpc::RpcClient>(const std::string& address)>;
    // `nodes` as configured: "host:port" each. Doubles are dropped.
    SlaveDirectory(const std::vector<std::string>& nodes, const ClientFactory& connect);

    const std::vector<std::string>& nodes() const { return nodes_; }
    // UNAVAILABLE when the node (that leads some partition) is not configured any more.
    Result<std::shared_ptr<rpc::RpcClient>> client(const std::string& node) const;

  private:
    std::vector<std::string> nodes_;
    std::map<std::string, std::shared_ptr<rpc::RpcClient>, std::less<>> clients_;
};

}  // namespace dl::master
