// Which way a SELECT goes, from where the partitions of its tables lie. Pure.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/meta/table_meta.h"
#include "master/sql/fragment_runner.h"

namespace dl::master {

using QueryTables = std::map<std::string, std::shared_ptr<const TableMeta>>;  // by lower-case name

// Looks a table up by lower-case name. TABLE_NOT_FOUND (naming near ones) for an unknown one.
using TableLookup = std::function<Result<std::shared_ptr<const TableMeta>>(const std::string& name)>;

// The name of the slave that leads a partition. UNAVAILABLE when none does.
using LeaderLookup = std::function<Result<std::string>(const TableMeta& table, PartitionId partition)>;

// The rows of a table that a statement needs, when it says which: those of some keys.
struct KeyLookup {
    std::vector<std::string> keys;        // text forms
    std::vector<PartitionId> partitions;  // where they are, ascending
};
using KeyLookups = std::map<std::string, KeyLookup>;  // by table name

// What a client asks of the cut. Both are by partition and for a statement with exactly one table.
struct CutOptions {
    std::map<std::uint32_t, Offset> min_offsets;           // next offset that must be visible
    std::optional<std::map<std::uint32_t, Offset>> as_of;  // next offset of the cut itself; every partition
};

struct QueryPlan {
    enum class Way {
        local,  // no tables: the master's own DuckDB
        whole,  // one slave leads all partitions: it runs the statement as it is
        merge,  // rows of each table come from its slaves, the statement runs on the master over them
    };
    Way way = Way::local;
    std::vector<FragmentPin> pins;                            // one a slave
    std::map<std::string, std::vector<std::size_t>> pins_of;  // table name -> positions in pins
    KeyLookups lookups;

    // "whole statement on slave a:1", "key index: 1 key, partition 3 on slave a:1", for EXPLAIN.
    std::string describe() const;
};

// Of a table with a lookup only the partitions of its keys are asked, and those that min_offsets names.
// INVALID_REQUEST when the cut options do not fit the statement, PARTITION_NOT_FOUND for one the table has
// not; what `leader_of` says of a partition it has no leader for.
Result<QueryPlan> plan_query(const QueryTables& tables, const LeaderLookup& leader_of, const CutOptions& cut,
                             KeyLookups lookups = {});

}  // namespace dl::master
