#include "master/routing/slave_directory.h"

namespace dl::master {

SlaveDirectory::SlaveDirectory(const std::vector<std::string>& nodes, const ClientFactory& connect) {
    for (const auto& node : nodes) {
        if (clients_.contains(node)) continue;
        nodes_.push_back(node);
        clients_.emplace(node, connect(node));
    }
}

Result<std::shared_ptr<rpc::RpcClient>> SlaveDirectory::client(const std::string& node) const {
    const auto found = clients_.find(node);
    if (found == clients_.end())
        return make_error(ErrorCode::unavailable,
                          "slave " + node +
                              " holds a partition but is not in slave.nodes; add it there and restart "
                              "the master");
    return found->second;
}

}  // namespace dl::master
