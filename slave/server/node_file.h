// node.json: whose data a data directory holds (docs/formats/slave-data.md). Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/base/ids.h"

namespace dl::slave {

struct NodeFile {
    std::string incarnation;  // random, new with every empty set of data directories
    NodeId node;              // given by the catalog; none: not registered yet
    std::string cluster_id;   // of that catalog; empty: not registered yet
    friend bool operator==(const NodeFile&, const NodeFile&) = default;
};

// Format 2, with its checksum.
std::string encode_node_file(const NodeFile& node);
// Formats 1 and 2. CORRUPT_DATA names `file`.
Result<NodeFile> decode_node_file(std::string_view text, const std::string& file);

}  // namespace dl::slave
