// What the master asks the slaves of one table for, and how the answers look as a table in its own session.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/meta/table_meta.h"

namespace dl::master {

struct FragmentColumn {
    std::string name;
    DataType type;      // as it comes over the wire
    std::string shown;  // DuckDB's name of the type it is to have here; "": the one above
};

struct Broadcast;

struct Fragment {
    std::shared_ptr<const TableMeta> table;
    std::string view;  // its name in the statement that the master runs
    std::vector<FragmentColumn> columns;
    // Rows of the table: what stands behind FROM, and the master picks columns. Empty: `whole`.
    std::string from;
    std::string whole;  // a SELECT that gives exactly `columns`
    // Small tables that its SQL joins with: they go along with it.
    std::vector<std::shared_ptr<const Broadcast>> broadcasts{};

    bool chooses_columns() const { return whole.empty(); }
    // What a slave is asked for: `SELECT "a", "b" FROM ...`; without columns one that only tells the rows.
    std::string sql(const std::vector<std::size_t>& positions) const;
    // SELECT over `source` that gives the columns their types.
    std::string view_body(const std::string& source) const;
};

// Rows of a small table, read first and sent to the slaves of a large one.
struct Broadcast {
    std::string view;                  // its name in the fragments
    Fragment rows;                     // chooses columns
    std::vector<std::size_t> columns;  // of `rows`: those that go along, at least one
    std::uint64_t table_rows = 0;      // live rows of the table at the cut: no more can come
};

// All rows of a table, under its own name.
Fragment whole_table(std::shared_ptr<const TableMeta> table);

}  // namespace dl::master
