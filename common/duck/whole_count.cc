#include "common/duck/whole_count.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "common/base/ascii.h"
#include "common/base/check.h"

namespace dl {
namespace {

using Json = nlohmann::json;

// The tree leaves out what is as usual: whatever else a node says makes it another statement.
bool has_only(const Json& node, std::initializer_list<std::string_view> known) {
    return std::all_of(node.items().begin(), node.items().end(), [&](const auto& item) {
        return std::find(known.begin(), known.end(), item.key()) != known.end();
    });
}

bool is_text(const Json& node, const char* key, std::string_view wanted) {
    const auto found = node.find(key);
    return found != node.end() && found->is_string() && found->get_ref<const std::string&>() == wanted;
}

// Not there, or without anything in it.
bool is_empty(const Json& node, const char* key) {
    const auto found = node.find(key);
    if (found == node.end()) return true;
    if (!found->is_structured()) return false;
    return std::all_of(found->begin(), found->end(),
                       [](const Json& part) { return part.is_structured() && part.empty(); });
}

bool is_count(const Json& expression) {
    if (!is_text(expression, "class", "FUNCTION") ||
        !has_only(expression, {"class", "type", "alias", "query_location", "function_name", "children",
                               "order_bys", "is_operator"}) ||
        !is_empty(expression, "children"))
        return false;
    const auto order = expression.find("order_bys");
    if (order != expression.end() && !has_only(*order, {"type"})) return false;
    const auto name = expression.find("function_name");
    return name != expression.end() && name->is_string() &&
           ascii_lowercase(name->get<std::string>()) == "count_star";
}

const Json& node_of(const Json& tree) {
    return tree.at("statements").at(0).at("node");
}

}  // namespace

bool counts_whole_table(const SelectAst& ast) {
    if (!ast.tree().is_object() || !ast.tree().contains("statements")) return false;
    const auto& node = node_of(ast.tree());
    if (!is_text(node, "type", "SELECT_NODE") ||
        !has_only(node,
                  {"type", "cte_map", "modifiers", "select_list", "from_table", "aggregate_handling"}) ||
        !is_empty(node, "cte_map") || !is_empty(node, "modifiers") ||
        !is_text(node, "aggregate_handling", "STANDARD_HANDLING") || !node.contains("from_table"))
        return false;
    const auto& from = node.at("from_table");
    if (!is_text(from, "type", "BASE_TABLE") ||
        !has_only(from, {"type", "table_name", "alias", "query_location"}))
        return false;
    const auto& items = node.at("select_list");
    return std::any_of(items.begin(), items.end(), is_count) &&
           std::all_of(items.begin(), items.end(),
                       [](const Json& item) { return is_count(item) || is_text(item, "class", "CONSTANT"); });
}

Result<std::string> with_count(const SelectAst& ast, std::uint64_t rows, DuckDatabase& database) {
    DL_CHECK(counts_whole_table(ast), "only what counts a whole table is answered so");
    SelectAst counted;
    counted.tree() = ast.tree();
    auto& node = counted.tree().at("statements").at(0).at("node");
    node["from_table"] = {{"type", "EMPTY"}};
    for (auto& item : node.at("select_list")) {
        if (!is_count(item)) continue;
        const auto alias = item.value("alias", std::string());
        item = {{"class", "CAST"},
                {"type", "OPERATOR_CAST"},
                {"alias", alias.empty() ? "count_star()" : alias},
                {"child",
                 {{"class", "CONSTANT"},
                  {"type", "VALUE_CONSTANT"},
                  {"value", {{"type", {{"id", "BIGINT"}}}, {"is_null", false}, {"value", rows}}}}},
                {"cast_type", {{"id", "BIGINT"}}}};
    }
    return counted.to_sql(database);
}

}  // namespace dl
