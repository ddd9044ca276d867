// Goes through the SELECT nodes of one statement and puts fragments in the place of what the slaves can do.
// One thread; lives for one attempt at a plan.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "master/sql/fragment.h"
#include "master/sql/join_broadcast.h"
#include "master/sql/planning_session.h"
#include "master/sql/sql_functions.h"

namespace dl::master {

inline constexpr const char* kFragmentPrefix = "dl_fragment_";

struct RewriteOptions {
    bool whole_nodes = true;          // aggregates, DISTINCT and LIMIT, not only filters
    const TableRows* rows = nullptr;  // null: no table goes along with fragments of another one
};

class TreeRewriter {
  public:
    // All outlive the rewriter. `views` counts the views of all attempts of one session.
    TreeRewriter(PlanningSession& session, const SqlFunctions& functions, const QueryTables& tables,
                 RewriteOptions options, std::size_t& views)
        : session_(session), functions_(functions), tables_(tables), options_(options), views_(views) {}

    // Of the statement, whose node is given to walk() as it was written.
    void set_result_names(std::vector<std::string> names) { names_ = std::move(names); }
    // `ctes`: the folded names of WITH entries that hide tables.
    void walk(Json& node, const std::set<std::string>& ctes);

    std::vector<Fragment> fragments;

  private:
    using Broadcasts = std::map<const Json*, std::shared_ptr<const Broadcast>>;  // by node of FROM

    void rewrite(Json& node, const std::set<std::string>& ctes);
    bool reduce(Json& node, const RowSource& source);
    bool aggregate(Json& node, const RowSource& source, const TableLeaf& leaf, const Broadcasts& along);
    bool first_joined_rows(Json& node, const RowSource& source, const TableLeaf& leaf,
                           const Broadcasts& along);
    bool join_by_parts(Json& node, const TableScope& scope, const BroadcastChoice& choice,
                       const TableFilters& filters);
    std::optional<Fragment> rows_with_partners(const Json& node, const TableScope& scope,
                                               const TableLeaf& leaf,
                                               const std::vector<const TableLeaf*>& small,
                                               const TableFilters& filters);
    void read_fragments(Json& from, std::map<const Json*, Fragment>& ready);

    std::shared_ptr<const TableMeta> table(const TableLeaf& leaf) const {
        return tables_.at(leaf.table->name);
    }
    std::string next_view() { return kFragmentPrefix + std::to_string(++views_); }
    bool add(Fragment fragment);
    std::optional<Fragment> rows_fragment(const Json& node, const TableLeaf& leaf, const Broadcasts& along);
    std::optional<Fragment> result_fragment(const Json& node, const TableLeaf& leaf, const std::string& view,
                                            const Broadcasts& along, const std::vector<bool>& sums);
    std::optional<Broadcasts> broadcasts(const Json& node, const std::vector<const TableLeaf*>& leaves,
                                         const TableFilters& filters);
    std::shared_ptr<const Broadcast> broadcast(const Json& node, const TableLeaf& leaf,
                                               const TableFilters& filters);
    std::optional<std::vector<std::string>> result_names(const Json& node);

    PlanningSession& session_;
    const SqlFunctions& functions_;
    const QueryTables& tables_;
    const RewriteOptions options_;
    std::size_t& views_;
    std::vector<std::shared_ptr<const Broadcast>> sent_;  // of all nodes
    std::optional<std::vector<std::string>> names_;       // of the result of
    const Json* root_ = nullptr;                          // the node that walk() began with
};

}  // namespace dl::master
