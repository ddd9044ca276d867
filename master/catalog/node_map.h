// The slaves the catalog knows, by their ids. Immutable once shared.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/ids.h"

namespace dl::master {

struct Node {
    NodeId id;
    std::string address;      // "host:port" where it was seen last
    std::string incarnation;  // of its data directory; empty: it has not registered yet
    bool displaced = false;   // another node answers at that address now
    friend bool operator==(const Node&, const Node&) = default;
};

using NodeMap = std::map<NodeId, Node>;
using NodeMapPtr = std::shared_ptr<const NodeMap>;

// The node that is at this address; nullptr when there is none.
inline const Node* node_at(const NodeMap& nodes, std::string_view address) {
    for (const auto& [id, node] : nodes)
        if (node.address == address && !node.displaced) return &node;
    return nullptr;
}

}  // namespace dl::master
