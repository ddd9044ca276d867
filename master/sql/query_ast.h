// Small words for the JSON tree of a SELECT (common/duck/select_ast.h): reading its nodes and making new
// ones.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/duck/duck_database.h"
#include "common/duck/select_ast.h"

namespace dl::master {

using Json = nlohmann::json;

// "" when there is no such text.
std::string text_of(const Json& object, const char* key);
// Null when there is no such member.
const Json* member(const Json& object, const char* key);
// "COLUMN_REF", "FUNCTION", ...; "" for what is no expression.
std::string class_of(const Json& expression);
bool is_select_node(const Json& node);
// Values that were sent compare without the collation the expression gives them.
bool has_collation(const Json& expression);
// A whole number written into the statement, not NULL.
std::optional<std::int64_t> integer_constant(const Json& expression);
// True when `found` is true for a node of the tree, expressions and others.
bool any_node(const Json& tree, const std::function<bool(const Json&)>& found);

// Appends the terms of a chain of ANDs.
void split_conjuncts(const Json& expression, std::vector<Json>& conjuncts);
Json conjunction(std::vector<Json> conjuncts);  // of at least one
Json column_ref(std::vector<std::string> names);
Json call(const char* function, std::vector<Json> arguments);
Json cast_to(const char* type_id, Json child);
Json coalesce(Json first, Json second);
Json integer(std::int64_t value);
// SELECT * FROM `table`, to be filled in.
Json select_from(const std::string& table);

// A copy that compares equal for expressions that mean the same: without names and places in the text.
Json stripped(const Json& expression);

// A whole statement of one SELECT_NODE.
Json statement_of(Json node);
// The statement of a tree as parsed from its text. QUERY_ERROR when the text would not be parsed back to the
// same tree.
Result<SelectAst> faithful_select(DuckDatabase& database, const Json& tree);
// Its text. QUERY_ERROR when the text would not be parsed back to the same tree.
Result<std::string> faithful_sql(DuckDatabase& database, const Json& tree);

}  // namespace dl::master
