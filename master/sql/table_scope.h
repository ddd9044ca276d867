// The tables one SELECT node names in FROM, and which of their columns an expression in it means.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "master/sql/query_ast.h"
#include "master/sql/query_planner.h"

namespace dl::master {

// One entry of FROM. Subqueries, CTEs, table functions and whatever gives its columns other names have
// columns that are not known here: `table` is null.
struct TableLeaf {
    const Json* node = nullptr;
    std::string alias;  // folded
    const TableMeta* table = nullptr;
};

class TableScope {
  public:
    struct Column {
        const TableLeaf* leaf;
        const Field* field;
    };

    // `from` outlives the scope. `ctes` are the folded names of WITH entries that hide tables.
    TableScope(const Json& from, const QueryTables& tables, const std::set<std::string>& ctes);

    // The only column a COLUMN_REF can mean; nullopt when it is none of a known table, or not certain.
    std::optional<Column> column(const Json& reference) const;
    // The type of a column that USING or NATURAL has merged; nullopt when the reference means none, a table
    // is not known, or the merged ones have different types.
    std::optional<DataType> merged_column(const Json& reference) const;
    // Is the reference a column of FROM, rather than a name of the select list?
    bool names_column(const Json& reference) const {
        return column(reference).has_value() || merged_column(reference).has_value();
    }
    // Are there columns that `*` shows once for several tables?
    bool merges_columns() const { return natural_ || !joined_names_.empty(); }
    const std::vector<TableLeaf>& leaves() const { return leaves_; }
    // The leaf of a BASE_TABLE node of FROM; null for others.
    const TableLeaf* leaf_of(const Json& node) const;
    // FROM is nothing but one table of ours.
    const TableLeaf* only_table() const;

  private:
    void add(const Json& from, const QueryTables& tables, const std::set<std::string>& ctes);

    std::vector<TableLeaf> leaves_;
    std::set<std::string> joined_names_;  // of USING: they mean no single table
    bool natural_ = false;
    bool joined_ = false;
};

}  // namespace dl::master
