// Which way a SELECT goes, from where the partitions of its tables lie. Pure.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/meta/table_meta.h"
#include "master/sql/fragment_runner.h"

namespace dl::master {

using QueryTables = std::map<std::string, std::shared_ptr<const TableMeta>>;  // by lower-case name

struct QueryPlan {
    enum class Way {
        local,  // no tables: the master's own DuckDB
        whole,  // one slave leads all partitions: it runs the statement as it is
        merge,  // rows of each table come from its slaves, the statement runs on the master over them
    };
    Way way = Way::local;
    std::vector<FragmentPin> pins;                            // one a slave
    std::map<std::string, std::vector<std::size_t>> pins_of;  // table name -> positions in pins

    // "whole statement on slave a:1", for EXPLAIN.
    std::string describe() const;
};

// `min_offsets` (partition -> next offset) is for a statement with exactly one table: INVALID_REQUEST
// otherwise, and PARTITION_NOT_FOUND for one the table has not. UNAVAILABLE names a partition without a
// leader.
Result<QueryPlan> plan_query(const QueryTables& tables, const std::map<std::uint32_t, Offset>& min_offsets);

}  // namespace dl::master
