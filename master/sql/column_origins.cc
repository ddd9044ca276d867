#include "master/sql/column_origins.h"

#include <algorithm>
#include <array>
#include <set>

#include "common/base/ascii.h"
#include "master/sql/query_ast.h"
#include "master/sql/table_scope.h"

namespace dl::master {
namespace {

using Origins = std::vector<std::optional<ColumnOrigin>>;

std::set<std::string> ctes_of(const Json& node) {
    std::set<std::string> names;
    const auto* entries = member(node, "cte_map");
    const auto* map = entries != nullptr ? member(*entries, "map") : nullptr;
    if (map == nullptr) return names;
    for (const auto& entry : *map)
        names.insert(ascii_lowercase(text_of(entry, "key")));
    return names;
}

// `*` or `t.*`, and nothing with it.
bool is_plain_star(const Json& star) {
    constexpr std::array<std::string_view, 5> kPlain = {"class", "type", "alias", "query_location",
                                                        "relation_name"};
    for (const auto& [key, value] : star.items()) {
        if (std::ranges::count(kPlain, key) != 0) continue;
        const bool empty = value.is_null() || value == false || (value.is_structured() && value.empty()) ||
                           (value.is_string() && value.get<std::string_view>().empty());
        if (!empty) return false;
    }
    return true;
}

bool append_star(const Json& star, const TableScope& scope, Origins& origins) {
    if (!is_plain_star(star) || scope.merges_columns()) return false;
    const auto of = ascii_lowercase(text_of(star, "relation_name"));
    for (const auto& leaf : scope.leaves()) {
        if (!of.empty() && leaf.alias != of) continue;
        if (leaf.table == nullptr) return false;
        for (const auto& field : leaf.table->schema.fields)
            origins.push_back(ColumnOrigin{leaf.table->name, field.id});
    }
    return true;
}

}  // namespace

std::vector<std::optional<ColumnOrigin>> column_origins(const SelectAst& ast, const QueryTables& tables) {
    const auto* statements = member(ast.tree(), "statements");
    if (statements == nullptr || statements->empty()) return {};
    const auto* node = member(statements->front(), "node");
    if (node == nullptr || !is_select_node(*node)) return {};
    const auto* list = member(*node, "select_list");
    const auto* from = member(*node, "from_table");
    if (list == nullptr || from == nullptr) return {};
    const TableScope scope(*from, tables, ctes_of(*node));
    Origins origins;
    for (const auto& column : *list) {
        if (class_of(column) == "STAR") {
            if (!append_star(column, scope, origins)) return {};
            continue;
        }
        const auto found = scope.column(column);
        origins.push_back(found ? std::optional(ColumnOrigin{found->leaf->table->name, found->field->id})
                                : std::nullopt);
    }
    return origins;
}

}  // namespace dl::master
