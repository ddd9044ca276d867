// The rows of an insert, in whatever form they came.
#pragma once

#include <memory>
#include <string>

#include "master/catalog/catalog_cache.h"
#include "master/routing/partitioned_batch.h"

namespace dl::master {

class RowSource {
  public:
    virtual ~RowSource() = default;
    // Name of the table, as written. May unpack what it needs for that.
    virtual Result<std::string> table() = 0;
    // All rows, checked whole, typed and split by partition; by PartitionedBatchBuilder, which has the one
    // set of rules for values. Once, behind table(); from any thread.
    virtual Result<PartitionedBatch> read(const CatalogTable& table) = 0;
};

// Rows that are ready to be sent.
struct TypedRows {
    TablePtr table;
    std::shared_ptr<const PartitionedBatch> batch;
};

}  // namespace dl::master
