#include "common/duck/few_rows.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "common/base/ascii.h"
#include "common/duck/duck_result.h"

namespace dl {
namespace {

using Json = nlohmann::json;

std::string_view text_of(const Json& node, const char* key) {
    const auto found = node.find(key);
    if (found == node.end() || !found->is_string()) return {};
    return found->get_ref<const std::string&>();
}

bool is_missing(const Json& node, const char* key) {
    const auto found = node.find(key);
    return found == node.end() || found->empty();
}

// Whether `wanted` holds for the name of a function of this statement, those of subqueries left out.
template <class Wanted>
bool any_function(const Json& tree, const Wanted& wanted) {
    if (tree.is_object()) {
        const auto kind = text_of(tree, "class");
        if (kind == "SUBQUERY" || kind == "LAMBDA") return false;
        if (kind == "FUNCTION" && wanted(ascii_lowercase(text_of(tree, "function_name")))) return true;
    } else if (!tree.is_array()) {
        return false;
    }
    return std::ranges::any_of(tree, [&](const Json& child) { return any_function(child, wanted); });
}

bool is_aggregate(std::string_view name) {
    static constexpr std::array<std::string_view, 6> kNames = {"count_star", "count", "sum",
                                                               "min",        "max",   "avg"};
    return std::ranges::find(kNames, name) != kNames.end();
}

}  // namespace

bool gives_one_row(const SelectAst& ast) {
    const auto& tree = ast.tree();
    if (ast.explain() || !tree.is_object() || !tree.contains("statements")) return false;
    const auto& node = tree.at("statements").at(0).at("node");
    if (text_of(node, "type") != "SELECT_NODE" || !node.contains("select_list") ||
        !is_missing(node, "group_expressions") || !is_missing(node, "group_sets") ||
        text_of(node, "aggregate_handling") != "STANDARD_HANDLING")
        return false;
    const auto& items = node.at("select_list");
    if (any_function(items, [](std::string_view name) { return name == "unnest"; })) return false;
    if (!node.contains("from_table")) return false;
    return text_of(node.at("from_table"), "type") == "EMPTY" || any_function(items, is_aggregate);
}

Result<std::unique_ptr<DuckResult>> query_at_once(DuckSession& session, const std::string& sql) {
    auto& chunks = static_cast<duck::ChunkSession&>(session);
    DL_TRY_ASSIGN(auto stream, chunks.select_at_once(sql));
    if (stream == nullptr) return session.query(sql);
    return duck::batches_of(std::move(stream));
}

}  // namespace dl
