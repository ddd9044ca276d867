// What the data directories of a node hold, as it is found at the start, before any partition is opened.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/meta/placement.h"
#include "common/meta/table_meta.h"
#include "slave/server/data_directory.h"

namespace dl::slave {

// A partition and where it lies.
struct PlacedPartition {
    std::shared_ptr<const TableMeta> table;
    PartitionId id;
    LeaderEpoch epoch{1};
    std::size_t directory = 0;
    bool replicated = false;  // it has copies on other nodes

    // "partition 3 of table t"
    std::string name() const;
};
std::string name_of(const TableMeta& table, PartitionId id);

struct TableScan {
    struct Table {
        std::shared_ptr<const TableMeta> meta;
        StoredEpochs epochs;                  // as stored
        std::map<PartitionId, Error> failed;  // found and not to be opened
    };
    // A table of which a directory could not be read.
    struct LeftOut {
        std::string reason;  // for clients: without the path
        Error error;         // names the directory
    };
    std::map<TableId, Table> tables;
    std::vector<PlacedPartition> partitions;  // to be opened
    std::map<TableId, LeftOut> left_out;
    TableId highest;  // that anything here belongs to, served or not
};

// A table's newest description wins; older and missing copies of it are brought up to date. A table nobody
// describes is set aside. Errors only of the directories themselves. Blocking.
Result<TableScan> scan_tables(const std::vector<std::shared_ptr<DataDirectory>>& directories);

}  // namespace dl::slave
