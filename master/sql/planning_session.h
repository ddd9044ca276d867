// Asks DuckDB about statements before they run: names and types of their columns over tables without rows.
// One thread; lives for one plan.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/async/query_cancel.h"
#include "master/sql/fragment.h"
#include "master/sql/query_ast.h"
#include "master/sql/query_planner.h"

namespace dl::master {

struct DescribedColumn {
    std::string name;
    std::string type;  // DuckDB's name
    friend bool operator==(const DescribedColumn&, const DescribedColumn&) = default;
};

class PlanningSession {
  public:
    // With an empty view for each table.
    static Result<std::unique_ptr<PlanningSession>> open(DuckDatabase& database, const QueryTables& tables,
                                                         const std::shared_ptr<QueryCancel>& cancel);

    Result<PreparedSelect> prepare(const std::string& sql) { return session_->prepare(sql); }
    Result<std::vector<DescribedColumn>> describe(const std::string& sql);
    // SQL of a SELECT_NODE that names no other tables than these, as a slave accepts it; nullopt when it
    // would not.
    std::optional<std::string> fragment_sql(const Json& node, const std::set<std::string>& tables);
    // Columns of a fragment: both the types that slaves send and those they stand for. nullopt when a value
    // could change on the way. `sums` tells which columns are sums of 64-bit numbers at most.
    std::optional<std::vector<FragmentColumn>> fragment_columns(const std::string& sql,
                                                                const std::vector<bool>& sums);
    // Makes an empty view for the statement that runs over the fragment.
    Result<void> add(const Fragment& fragment);
    // And one for the fragments that the rows go along with.
    Result<void> add(const Broadcast& broadcast);
    DuckDatabase& database() { return database_; }

  private:
    PlanningSession(DuckDatabase& database, std::unique_ptr<DuckSession> session)
        : database_(database), session_(std::move(session)) {}
    std::optional<std::map<std::string, DataType>> sent_types(const std::vector<DescribedColumn>& columns);

    DuckDatabase& database_;
    std::unique_ptr<DuckSession> session_;
    QueryCancel::Registration on_cancel_;
};

}  // namespace dl::master
