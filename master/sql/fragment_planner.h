// Decides what the slaves do of a statement that the master finishes: per reference to a table a fragment
// with filters, partial aggregates, distinct rows or the first rows of an order, and the statement that runs
// here over their answers. The parts are in filter_pushdown.h, aggregate_pushdown.h, top_n_pushdown.h and,
// for joins with small tables, join_broadcast.h and joined_rows_pushdown.h; tree_rewriter.h puts them
// together. What DuckDB does not bind to the same result columns as the original is not used.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/async/query_cancel.h"
#include "common/duck/select_ast.h"
#include "master/sql/fragment.h"
#include "master/sql/join_broadcast.h"
#include "master/sql/query_planner.h"
#include "master/sql/sql_functions.h"

namespace dl::master {

struct FragmentPlan {
    std::string statement;  // over the views of the fragments
    std::vector<Fragment> fragments;
    // For EXPLAIN, in the order of `fragments`: what is sent, with the columns that the statement names.
    std::vector<std::string> texts;

    // The small tables that go along with them, each once: their rows are needed before the fragments start.
    std::vector<std::shared_ptr<const Broadcast>> broadcasts() const;
};

// Thread-safe. Blocking: query pool only.
class FragmentPlanner {
  public:
    explicit FragmentPlanner(std::shared_ptr<DuckDatabase> database) : database_(std::move(database)) {}

    // `ast` has passed the gate; `tables` are those it names. Cannot fail: at the worst the slaves send all
    // rows. `rows` tells how large the tables are; without it none is small enough to be sent around.
    FragmentPlan plan(const SelectAst& ast, const QueryTables& tables, const TableRows& rows,
                      const std::shared_ptr<QueryCancel>& cancel);

  private:
    std::shared_ptr<const SqlFunctions> functions();

    std::shared_ptr<DuckDatabase> database_;
    std::mutex mutex_;
    std::shared_ptr<const SqlFunctions> functions_;
};

}  // namespace dl::master
