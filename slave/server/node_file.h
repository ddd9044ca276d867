// node.json: whose data a data directory holds (docs/formats/slave-data.md). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"

namespace dl::slave {

struct NodeFile {
    std::string incarnation;  // random, new with every empty set of data directories
    NodeId node;              // given by the catalog; none: not registered yet
    std::string cluster_id;   // of that catalog; empty: not registered yet
    // Random, of this directory alone, and those of all directories of the slave, ascending; empty: written
    // by an older release.
    std::string directory;
    std::vector<std::string> directories;
    friend bool operator==(const NodeFile&, const NodeFile&) = default;
};

// Format 3, with its checksum; format 2 when `directory` is empty.
std::string encode_node_file(const NodeFile& node);
// Formats 1 to 3. CORRUPT_DATA names `file`.
Result<NodeFile> decode_node_file(std::string_view text, const std::string& file);

}  // namespace dl::slave
