#include "master/sql/query_ast.h"

#include <functional>

#include "common/base/ascii.h"

namespace dl::master {

namespace {

// `(VALUES ...) AS valueslist` is how the engine writes a VALUES that it has named so itself, and reads as
// one more SELECT * around it: the VALUES inside, or null.
const Json* values_inside(const Json& table) {
    const auto is = [](const Json& object, const char* key, std::string_view value) {
        const auto found = object.find(key);
        return found != object.end() && found->is_string() && found->get<std::string_view>() == value;
    };
    if (!is(table, "type", "SUBQUERY") || !is(table, "alias", "valueslist") || table.size() != 3)
        return nullptr;
    const auto subquery = table.find("subquery");
    if (subquery == table.end() || subquery->size() != 1 || !subquery->contains("node")) return nullptr;
    const auto& node = (*subquery)["node"];
    static const Json kAll = Json::parse(R"([{"class":"STAR","exclude_list":[],"type":"STAR"}])");
    // aggregate_handling, cte_map, from_table, select_list, type
    if (node.size() != 5 || !is(node, "type", "SELECT_NODE") || !node.contains("select_list") ||
        node["select_list"] != kAll || !node.contains("from_table") || !node.contains("cte_map") ||
        !node["cte_map"].empty())
        return nullptr;
    const auto& from = node["from_table"];
    return is(from, "type", "EXPRESSION_LIST") && is(from, "alias", "valueslist") ? &from : nullptr;
}

// How the same tree looks whether it was parsed or made here.
Json without_places(const Json& tree) {
    if (tree.is_array()) {
        auto copy = Json::array();
        for (const auto& element : tree)
            copy.push_back(without_places(element));
        return copy;
    }
    if (!tree.is_object()) return tree;
    auto copy = Json::object();
    for (const auto& [key, value] : tree.items()) {
        // Whether a function is written as an operator, a join as a comma, and an empty name, mean nothing.
        if (key == "query_location" || key == "is_operator" || key == "is_implicit") continue;
        copy[key] = without_places(value);
    }
    if (const auto* values = values_inside(copy)) return Json(*values);
    return copy;
}

}  // namespace

const Json* member(const Json& object, const char* key) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(key);
    return found != object.end() ? &*found : nullptr;
}

std::string text_of(const Json& object, const char* key) {
    const auto* found = member(object, key);
    return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

std::string class_of(const Json& expression) {
    return text_of(expression, "class");
}

bool is_select_node(const Json& node) {
    return text_of(node, "type") == "SELECT_NODE" && class_of(node).empty();
}

std::optional<std::int64_t> integer_constant(const Json& expression) {
    if (class_of(expression) != "CONSTANT") return std::nullopt;
    const auto* value = member(expression, "value");
    const auto* number = value == nullptr ? nullptr : member(*value, "value");
    if (number == nullptr || !number->is_number_integer()) return std::nullopt;
    const auto type = text_of(*member(*value, "type"), "id");
    if (type != "INTEGER" && type != "BIGINT") return std::nullopt;
    return number->get<std::int64_t>();
}

bool any_node(const Json& tree, const std::function<bool(const Json&)>& found) {
    if (tree.is_object() && found(tree)) return true;
    if (!tree.is_structured()) return false;
    for (const auto& child : tree) {
        if (child.is_structured() && any_node(child, found)) return true;
    }
    return false;
}

bool has_collation(const Json& expression) {
    return any_node(expression, [](const Json& part) { return class_of(part) == "COLLATE"; });
}

void split_conjuncts(const Json& expression, std::vector<Json>& conjuncts) {
    const auto* children = member(expression, "children");
    if (text_of(expression, "type") != "CONJUNCTION_AND" || children == nullptr) {
        conjuncts.push_back(expression);
        return;
    }
    for (const auto& child : *children)
        split_conjuncts(child, conjuncts);
}

Json conjunction(std::vector<Json> conjuncts) {
    if (conjuncts.size() == 1) return std::move(conjuncts.front());
    return {{"class", "CONJUNCTION"}, {"type", "CONJUNCTION_AND"}, {"children", std::move(conjuncts)}};
}

Json column_ref(std::vector<std::string> names) {
    return {{"class", "COLUMN_REF"}, {"type", "COLUMN_REF"}, {"column_names", std::move(names)}};
}

Json call(const char* function, std::vector<Json> arguments) {
    return {{"class", "FUNCTION"},
            {"type", "FUNCTION"},
            {"function_name", function},
            {"children", std::move(arguments)},
            {"order_bys", {{"type", "ORDER_MODIFIER"}}}};
}

Json cast_to(const char* type_id, Json child) {
    return {{"class", "CAST"},
            {"type", "OPERATOR_CAST"},
            {"child", std::move(child)},
            {"cast_type", {{"id", type_id}}}};
}

Json coalesce(Json first, Json second) {
    return {{"class", "OPERATOR"},
            {"type", "OPERATOR_COALESCE"},
            {"children", Json::array({std::move(first), std::move(second)})}};
}

Json integer(std::int64_t value) {
    const bool small = value >= INT32_MIN && value <= INT32_MAX;
    return {
        {"class", "CONSTANT"},
        {"type", "VALUE_CONSTANT"},
        {"value", {{"type", {{"id", small ? "INTEGER" : "BIGINT"}}}, {"is_null", false}, {"value", value}}}};
}

Json select_from(const std::string& table) {
    return {{"type", "SELECT_NODE"},
            {"cte_map", Json::object()},
            {"select_list",
             Json::array({{{"class", "STAR"}, {"type", "STAR"}, {"exclude_list", Json::array()}}})},
            {"from_table", {{"type", "BASE_TABLE"}, {"table_name", table}}},
            {"aggregate_handling", "STANDARD_HANDLING"}};
}

Json stripped(const Json& expression) {
    if (expression.is_array()) {
        auto copy = Json::array();
        for (const auto& element : expression)
            copy.push_back(stripped(element));
        return copy;
    }
    if (!expression.is_object()) return expression;
    auto copy = Json::object();
    for (const auto& [key, value] : expression.items()) {
        if (key == "alias" || key == "query_location") continue;
        if (key == "function_name" && value.is_string()) {
            copy[key] = ascii_lowercase(value.get<std::string>());
        } else {
            copy[key] = stripped(value);
        }
    }
    return copy;
}

Json statement_of(Json node) {
    return {{"error", false}, {"statements", Json::array({{{"node", std::move(node)}}})}};
}

Result<SelectAst> faithful_select(DuckDatabase& database, const Json& tree) {
    SelectAst ast;
    ast.tree() = tree;
    DL_TRY_ASSIGN(const auto sql, ast.to_sql(database));
    DL_TRY_ASSIGN(auto parsed, SelectAst::parse(database, sql));
    if (without_places(parsed.tree()) != without_places(tree)) {
        return make_error(ErrorCode::query_error, "the statement has no text that means the same");
    }
    return parsed;
}

Result<std::string> faithful_sql(DuckDatabase& database, const Json& tree) {
    DL_TRY_ASSIGN(const auto parsed, faithful_select(database, tree));
    return (parsed.explain() ? "EXPLAIN " : "") + parsed.text();
}

}  // namespace dl::master
