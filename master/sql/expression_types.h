// Types of expressions over one FROM, asked for many at a time: each question is some ten statements of the
// engine, and a select list may have thousands of expressions.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "master/sql/planning_session.h"
#include "master/sql/query_ast.h"

namespace dl::master {

class ExpressionTypes {
  public:
    static constexpr std::size_t kAtOnce = 500;

    // `session` outlives it; `from` is that of a statement.
    ExpressionTypes(PlanningSession& session, Json from) : session_(session), from_(std::move(from)) {}

    // Finds those not known yet.
    void learn(const std::vector<Json>& expressions);
    // DuckDB's name; "" when it has none.
    std::string of(const Json& expression);
    // Questions so far.
    std::size_t asked() const { return asked_; }

  private:
    // "" for each when the engine does not take them together.
    std::vector<std::string> ask(const std::vector<Json>& expressions);
    void learn(const std::vector<std::string>& keys, const std::vector<Json>& expressions);

    PlanningSession& session_;
    const Json from_;
    std::map<std::string, std::string> types_;  // by text of the tree
    std::size_t asked_ = 0;
};

}  // namespace dl::master
