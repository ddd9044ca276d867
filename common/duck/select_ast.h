// A parsed user SELECT. DuckDB's own parser (json_serialize_sql) does the parsing; this wraps its JSON tree:
// the gate walks it, planners read and rewrite it, to_sql() turns it back into text for DuckDB.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/duck/duck_database.h"
#include "common/duck/short_lists.h"

namespace dl {

class SelectAst {
  public:
    // SYNTAX_ERROR with DuckDB's message and position; NOT_SUPPORTED for anything but exactly one SELECT,
    // with an optional EXPLAIN in front; LIMIT_EXCEEDED for text that would take the parser too long
    // (nesting, see sql_limits.h).
    static Result<SelectAst> parse(DuckDatabase& database, std::string_view sql);
    // The same for who asks for no values: the tree has the first values of long lists only (short_lists.h),
    // and text that is made of it is to be brought through in_full() before it runs.
    static Result<SelectAst> parse_short(DuckDatabase& database, std::string_view sql);
    Result<std::string> to_sql(DuckDatabase& database) const;
    // The SELECT as it was written, without EXPLAIN and final `;`.
    const std::string& text() const { return text_; }
    // The text of the tree: that as it was written, but for long lists.
    const std::string& short_text() const { return lists_ ? lists_->text : text_; }
    std::string in_full(std::string sql) const { return lists_ ? lists_->in_full(std::move(sql)) : sql; }
    bool explain() const { return explain_; }
    nlohmann::json& tree() { return tree_; }
    const nlohmann::json& tree() const { return tree_; }

  private:
    nlohmann::json tree_;
    std::string text_;
    std::optional<ShortLists> lists_;  // parse_short() has cut some
    bool explain_ = false;
};

// What a statement that passed the gate uses.
struct GateReport {
    std::set<std::string> tables;      // lower-case names of base tables, CTE names left out
    std::size_t table_references = 0;  // how often base tables are named in FROM
    bool explain = false;
};

// Walks the whole tree with allow-lists of node kinds, types, functions (query_functions.h) and table
// functions (range, generate_series, unnest, json_each): what is not known is refused (NOT_SUPPORTED names it
// and says why), and so are parameters, unless their values come later. `table_exists` answers for lower-case
// names; TABLE_NOT_FOUND names the table.
Result<GateReport> check_select(const SelectAst& ast,
                                const std::function<bool(const std::string&)>& table_exists,
                                bool parameters_allowed = false);

}  // namespace dl
