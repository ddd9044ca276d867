#include "master/sql/top_n_pushdown.h"

#include <algorithm>

#include "common/base/ascii.h"

namespace dl::master {

namespace {

// More rows than this are no small share.
constexpr std::int64_t kRowsMax = 1'000'000;

const Json& empty_list() {
    static const Json list = Json::array();
    return list;
}

const Json& list_of(const Json& node, const char* key) {
    const auto* list = member(node, key);
    return list != nullptr && list->is_array() ? *list : empty_list();
}

// Adds WHERE; false when the slaves cannot evaluate all of it.
bool add_where(Json& fragment, const Json& node, const TableScope& scope, const TableLeaf& leaf,
               const SqlFunctions& functions) {
    const auto* where = member(node, "where_clause");
    if (where == nullptr) return true;
    auto pushed = pushable_expression(*where, scope, &leaf, functions);
    if (pushed.pushable == Pushable::no) return false;
    fragment["where_clause"] = std::move(pushed.local);
    return true;
}

}  // namespace

bool is_row_by_row(const Json& node, const SqlFunctions& functions) {
    for (const char* key : {"group_expressions", "group_sets", "having", "qualify", "sample"}) {
        if (node.contains(key)) return false;
    }
    if (text_of(node, "aggregate_handling") != "STANDARD_HANDLING") return false;
    const auto spreads = [&](const Json& part) {
        const auto kind = class_of(part);
        // What is no plain scalar may be an aggregate, or give several rows as unnest does.
        if (kind == "FUNCTION")
            return !functions.scalars.contains(ascii_lowercase(text_of(part, "function_name")));
        return kind == "WINDOW";
    };
    return !any_node(list_of(node, "select_list"), spreads) && !any_node(list_of(node, "modifiers"), spreads);
}

std::optional<Json> order_term(const Json& term, const Json& select_list) {
    if (class_of(term) == "CONSTANT") {
        const auto position = integer_constant(term);
        if (!position || *position < 1 || *position > static_cast<std::int64_t>(select_list.size()))
            return std::nullopt;
        const bool star = any_node(select_list, [](const Json& part) { return class_of(part) == "STAR"; });
        if (star) return std::nullopt;
        return select_list[static_cast<std::size_t>(*position - 1)];
    }
    const auto* names = member(term, "column_names");
    if (class_of(term) != "COLUMN_REF" || names == nullptr || names->size() != 1) return term;
    const auto name = ascii_lowercase(names->front().get<std::string>());
    std::optional<Json> found;
    for (const auto& item : select_list) {
        if (ascii_lowercase(text_of(item, "alias")) != name) continue;
        if (found) return std::nullopt;
        found = item;
    }
    return found ? found : std::optional<Json>(term);
}

std::optional<std::int64_t> rows_within_limit(const Json& modifier) {
    const auto* limit = member(modifier, "limit");
    const auto* offset = member(modifier, "offset");
    const auto count = limit == nullptr ? -1 : integer_constant(*limit).value_or(-1);
    const auto skipped = offset == nullptr ? 0 : integer_constant(*offset).value_or(-1);
    if (count < 0 || count > kRowsMax || skipped < 0 || skipped > kRowsMax) return std::nullopt;
    return count + skipped;
}

std::optional<RowReduction> push_top_n(const Json& node, const TableScope& scope,
                                       const SqlFunctions& functions) {
    const auto* leaf = scope.only_table();
    if (leaf == nullptr || !is_row_by_row(node, functions)) return std::nullopt;
    auto fragment = select_from(leaf->table->name);
    if (!add_where(fragment, node, scope, *leaf, functions)) return std::nullopt;

    auto orders = Json::array();
    std::optional<std::int64_t> rows;
    for (const auto& modifier : list_of(node, "modifiers")) {
        const auto type = text_of(modifier, "type");
        if (type == "ORDER_MODIFIER") {
            for (const auto& order : list_of(modifier, "orders")) {
                const auto term = order_term(order.value("expression", Json()), list_of(node, "select_list"));
                if (!term) return std::nullopt;
                auto pushed = pushable_expression(*term, scope, leaf, functions);
                if (pushed.pushable == Pushable::no) return std::nullopt;
                if (class_of(pushed.local) == "CONSTANT") continue;
                auto copy = order;
                copy["expression"] = std::move(pushed.local);
                orders.push_back(std::move(copy));
            }
        } else if (type == "LIMIT_MODIFIER") {
            rows = rows_within_limit(modifier);
            if (!rows) return std::nullopt;
        } else {
            return std::nullopt;
        }
    }
    if (!rows) return std::nullopt;
    fragment["modifiers"] = Json::array();
    if (!orders.empty())
        fragment["modifiers"].push_back({{"type", "ORDER_MODIFIER"}, {"orders", std::move(orders)}});
    fragment["modifiers"].push_back({{"type", "LIMIT_MODIFIER"}, {"limit", integer(*rows)}});
    return RowReduction{std::move(fragment), {}, node};
}

std::optional<RowReduction> push_distinct(const Json& node, const TableScope& scope,
                                          const SqlFunctions& functions) {
    const auto* leaf = scope.only_table();
    if (leaf == nullptr || !is_row_by_row(node, functions)) return std::nullopt;
    bool distinct = false;
    for (const auto& modifier : list_of(node, "modifiers")) {
        if (text_of(modifier, "type") != "DISTINCT_MODIFIER") continue;
        if (modifier.contains("distinct_on_targets")) return std::nullopt;
        distinct = true;
    }
    if (!distinct) return std::nullopt;
    auto fragment = select_from(leaf->table->name);
    if (!add_where(fragment, node, scope, *leaf, functions)) return std::nullopt;
    fragment["select_list"] = Json::array();
    fragment["modifiers"] = Json::array({{{"type", "DISTINCT_MODIFIER"}}});
    RowReduction reduced;
    for (const auto& item : list_of(node, "select_list")) {
        const auto column = scope.column(item);
        if (!column) return std::nullopt;
        const auto& name = column->field->name;
        if (std::find(reduced.columns.begin(), reduced.columns.end(), name) != reduced.columns.end())
            continue;
        reduced.columns.push_back(name);
        fragment["select_list"].push_back(column_ref({name}));
    }
    reduced.fragment = std::move(fragment);
    reduced.node = node;
    reduced.node.erase("where_clause");  // done on the slaves, whose rows need not show its columns
    return reduced;
}

}  // namespace dl::master
