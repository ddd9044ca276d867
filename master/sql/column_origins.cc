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

// `*` or `t.*`, with no more than EXCLUDE, REPLACE and RENAME.
bool is_star_of_tables(const Json& star) {
    constexpr std::array<std::string_view, 9> kKnown = {
        "class",        "type",         "alias",       "query_location",        "relation_name",
        "exclude_list", "replace_list", "rename_list", "qualified_exclude_list"};
    for (const auto& [key, value] : star.items()) {
        if (std::ranges::count(kKnown, key) != 0) continue;
        const bool empty = value.is_null() || value == false || (value.is_structured() && value.empty()) ||
                           (value.is_string() && value.get<std::string_view>().empty());
        if (!empty) return false;
    }
    return true;
}

bool is_excluded(const Json& star, const TableLeaf& leaf, const std::string& column) {
    if (const auto* names = member(star, "exclude_list"))
        for (const auto& name : *names)
            if (name.is_string() && ascii_lowercase(name.get<std::string>()) == column) return true;
    if (const auto* names = member(star, "qualified_exclude_list"))
        for (const auto& name : *names)
            if (ascii_lowercase(text_of(name, "table")) == leaf.alias &&
                ascii_lowercase(text_of(name, "column")) == column)
                return true;
    return false;
}

// What stands for the column; nullptr: itself.
const Json* replacement_of(const Json& star, const std::string& column) {
    const auto* entries = member(star, "replace_list");
    if (entries == nullptr) return nullptr;
    for (const auto& entry : *entries)
        if (ascii_lowercase(text_of(entry, "key")) == column) return member(entry, "value");
    return nullptr;
}

std::optional<ColumnOrigin> origin_of(const Json& expression, const TableScope& scope) {
    const auto found = scope.column(expression);
    if (!found) return std::nullopt;
    return ColumnOrigin{found->leaf->table->name, found->field->id};
}

bool append_star(const Json& star, const TableScope& scope, Origins& origins) {
    if (!is_star_of_tables(star) || scope.merges_columns()) return false;
    const auto of = ascii_lowercase(text_of(star, "relation_name"));
    for (const auto& leaf : scope.leaves()) {
        if (!of.empty() && leaf.alias != of) continue;
        if (leaf.table == nullptr) return false;
        for (const auto& field : leaf.table->schema.fields) {
            const auto name = ascii_lowercase(field.name);
            if (is_excluded(star, leaf, name)) continue;
            if (const auto* other = replacement_of(star, name))
                origins.push_back(origin_of(*other, scope));
            else
                origins.push_back(ColumnOrigin{leaf.table->name, field.id});
        }
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
        origins.push_back(origin_of(column, scope));
    }
    return origins;
}

}  // namespace dl::master
