#include "master/sql/tree_rewriter.h"

#include "common/base/ascii.h"
#include "common/base/limits.h"
#include "master/sql/aggregate_pushdown.h"
#include "master/sql/expression_types.h"
#include "master/sql/filter_pushdown.h"
#include "master/sql/joined_rows_pushdown.h"
#include "master/sql/named_columns.h"
#include "master/sql/top_n_pushdown.h"

namespace dl::master {

namespace {

constexpr std::string_view kRowsOf = "SELECT * FROM ";

// A recursive entry names itself; its name is that of the entry.
std::set<std::string> with_itself(std::set<std::string> ctes, const Json& entry) {
    const bool recursive =
        any_node(entry, [](const Json& node) { return text_of(node, "type") == "RECURSIVE_CTE_NODE"; });
    if (recursive) ctes.insert(ascii_lowercase(text_of(entry, "key")));
    return ctes;
}

// Makes a BASE_TABLE node read a view; columns keep their qualified names.
void read_view(Json& from, const std::string& view) {
    if (text_of(from, "alias").empty()) from["alias"] = from["table_name"];
    from["table_name"] = view;
}

std::map<const Json*, std::string> views_of(
    const std::map<const Json*, std::shared_ptr<const Broadcast>>& broadcasts) {
    std::map<const Json*, std::string> views;
    for (const auto& [node, broadcast] : broadcasts)
        views.emplace(node, broadcast->view);
    return views;
}

// Each once, also when FROM reads it twice; adds their names.
std::vector<std::shared_ptr<const Broadcast>> sent_with(
    const std::map<const Json*, std::shared_ptr<const Broadcast>>& along, std::set<std::string>& names) {
    std::vector<std::shared_ptr<const Broadcast>> list;
    for (const auto& [node, broadcast] : along)
        if (names.insert(broadcast->view).second) list.push_back(broadcast);
    return list;
}

Json base_table(const TableLeaf& leaf) {
    return {{"type", "BASE_TABLE"}, {"table_name", leaf.table->name}};
}

}  // namespace

void TreeRewriter::walk(Json& node, const std::set<std::string>& ctes) {
    if (root_ == nullptr) root_ = &node;
    if (node.is_array()) {
        for (auto& element : node)
            walk(element, ctes);
        return;
    }
    if (!node.is_object()) return;
    // Each WITH entry sees those before it, and the node sees them all.
    auto inner = ctes;
    const bool recursive = text_of(node, "type") == "RECURSIVE_CTE_NODE";
    if (const auto entries = node.find("cte_map"); entries != node.end() && entries->contains("map")) {
        for (auto& entry : (*entries)["map"]) {
            if (entry.contains("value")) walk(entry["value"], with_itself(inner, entry));
            inner.insert(ascii_lowercase(text_of(entry, "key")));
        }
    }
    if (recursive) inner.insert(ascii_lowercase(text_of(node, "cte_name")));
    if (is_select_node(node)) rewrite(node, inner);
    for (auto& [key, value] : node.items()) {
        if (key == "cte_map" || key == "cast_type") continue;
        if (value.is_structured()) walk(value, inner);
    }
}

void TreeRewriter::rewrite(Json& node, const std::set<std::string>& ctes) {
    if (!node.contains("from_table")) return;
    const TableScope scope(node["from_table"], tables_, ctes);
    if (const auto* leaf = scope.only_table(); leaf != nullptr && options_.whole_nodes) {
        const RowSource source{scope, functions_, leaf, base_table(*leaf)};
        if (is_aggregating(node, functions_)) {
            if (aggregate(node, source, *leaf, {})) return;
        } else if (reduce(node, source)) {
            return;
        }
    }
    const auto filters = pushable_filters(node, scope, functions_);
    std::map<const Json*, Fragment> ready;
    if (options_.rows != nullptr) {
        const auto choice = choose_broadcast(node["from_table"], scope, filters, *options_.rows, functions_);
        if (choice && choice->by_parts && options_.whole_nodes &&
            join_by_parts(node, scope, *choice, filters)) {
            return;
        }
        if (choice) {
            for (const auto& [leaf, small] : choice->partners) {
                auto rows = rows_with_partners(node, scope, *leaf, small, filters);
                if (rows) ready.emplace(leaf->node, std::move(*rows));
            }
        }
    }
    for (const auto& leaf : scope.leaves()) {
        const auto terms = filters.find(leaf.node);
        if (leaf.table == nullptr || terms == filters.end() || ready.contains(leaf.node)) continue;
        auto asked = select_from(leaf.table->name);
        asked["where_clause"] = conjunction(terms->second);
        if (auto rows = rows_fragment(asked, leaf, {})) ready.emplace(leaf.node, std::move(*rows));
    }
    read_fragments(node["from_table"], ready);
}

bool TreeRewriter::add(Fragment fragment) {
    if (!session_.add(fragment)) return false;
    fragments.push_back(std::move(fragment));
    return true;
}

// `node` as a fragment whose columns are those of the table, chosen later.
std::optional<Fragment> TreeRewriter::rows_fragment(const Json& node, const TableLeaf& leaf,
                                                    const Broadcasts& along) {
    std::set<std::string> names{leaf.table->name};
    auto fragment = whole_table(table(leaf));
    fragment.broadcasts = sent_with(along, names);
    const auto sql = session_.fragment_sql(node, names);
    if (!sql || !sql->starts_with(kRowsOf) || !session_.describe(*sql)) return std::nullopt;
    fragment.view = next_view();
    fragment.from = sql->substr(kRowsOf.size());
    return fragment;
}

// `node` as a fragment with columns of its own.
std::optional<Fragment> TreeRewriter::result_fragment(const Json& node, const TableLeaf& leaf,
                                                      const std::string& view, const Broadcasts& along,
                                                      const std::vector<bool>& sums) {
    Fragment fragment{table(leaf), view, {}, {}, {}};
    std::set<std::string> names{leaf.table->name};
    fragment.broadcasts = sent_with(along, names);
    auto sql = session_.fragment_sql(node, names);
    auto columns = sql ? session_.fragment_columns(*sql, sums) : std::nullopt;
    if (!columns) return std::nullopt;
    fragment.columns = std::move(*columns);
    fragment.whole = std::move(*sql);
    return fragment;
}

void TreeRewriter::read_fragments(Json& from, std::map<const Json*, Fragment>& ready) {
    if (text_of(from, "type") == "JOIN") {
        for (const char* side : {"left", "right"}) {
            if (from.contains(side)) read_fragments(from[side], ready);
        }
        return;
    }
    const auto found = ready.find(&from);
    if (found == ready.end()) return;
    const auto view = found->second.view;
    if (add(std::move(found->second))) read_view(from, view);
}

bool TreeRewriter::reduce(Json& node, const RowSource& source) {
    const auto& leaf = *source.leaf;
    if (auto distinct = push_distinct(node, source.scope, functions_)) {
        auto fragment = result_fragment(distinct->fragment, leaf, next_view(), {}, {});
        if (!fragment) return false;
        const auto view = fragment->view;
        if (!add(std::move(*fragment))) return false;
        node = std::move(distinct->node);
        read_view(node["from_table"], view);
        return true;
    }
    const auto first = push_top_n(node, source.scope, functions_);
    auto fragment = first ? rows_fragment(first->fragment, leaf, {}) : std::nullopt;
    if (!fragment) return false;
    const auto view = fragment->view;
    if (!add(std::move(*fragment))) return false;
    read_view(node["from_table"], view);
    return true;
}

// Names of the result columns of a node that names our tables only.
std::optional<std::vector<std::string>> TreeRewriter::result_names(const Json& node) {
    if (&node == root_ && names_) return names_;
    auto alone = node;
    alone["cte_map"] = Json::object();
    const auto sql = faithful_sql(session_.database(), statement_of(alone));
    if (!sql) return std::nullopt;
    const auto described = session_.describe(*sql);
    if (!described) return std::nullopt;
    std::vector<std::string> names;
    for (const auto& column : *described)
        names.push_back(column.name);
    return names;
}

bool TreeRewriter::aggregate(Json& node, const RowSource& source, const TableLeaf& leaf,
                             const Broadcasts& along) {
    auto names = result_names(node);
    if (!names) return false;
    AggregateFacts facts;
    facts.names = std::move(*names);
    ExpressionTypes types(session_, source.from);
    types.learn(aggregated_expressions(node, source));
    facts.type_of = [&types](const Json& expression) { return types.of(expression); };
    const auto view = next_view();
    auto split = split_aggregate(node, source, view, facts);
    if (!split) return false;
    std::vector<bool> sums;
    for (const auto& item : split->fragment["select_list"]) {
        const auto name = text_of(item, "function_name");
        sums.push_back(name == "sum" || name == "count_if" || name == "countif");
    }
    auto fragment = result_fragment(split->fragment, leaf, view, along, sums);
    if (!fragment || !add(std::move(*fragment))) return false;
    node = std::move(split->node);
    return true;
}

bool TreeRewriter::first_joined_rows(Json& node, const RowSource& source, const TableLeaf& leaf,
                                     const Broadcasts& along) {
    const auto names = result_names(node);
    if (!names) return false;
    const auto view = next_view();
    auto split = split_joined_rows(node, source, view, *names);
    if (!split) return false;
    auto fragment = result_fragment(split->fragment, leaf, view, along, {});
    if (!fragment || !add(std::move(*fragment))) return false;
    node = std::move(split->node);
    return true;
}

// The slaves of the large table join their parts of it, and send groups or few rows.
bool TreeRewriter::join_by_parts(Json& node, const TableScope& scope, const BroadcastChoice& choice,
                                 const TableFilters& filters) {
    const auto along = broadcasts(node, choice.small, filters);
    if (!along) return false;
    const auto from = from_with_views(node["from_table"], views_of(*along));
    const RowSource source{scope, functions_, nullptr, from};
    return is_aggregating(node, functions_) ? aggregate(node, source, *choice.large, *along)
                                            : first_joined_rows(node, source, *choice.large, *along);
}

// The slaves of a table send those of its rows only that find a partner.
std::optional<Fragment> TreeRewriter::rows_with_partners(const Json& node, const TableScope& scope,
                                                         const TableLeaf& leaf,
                                                         const std::vector<const TableLeaf*>& small,
                                                         const TableFilters& filters) {
    const auto terms = partner_terms(node, scope, leaf, small, functions_);
    if (terms.empty()) return std::nullopt;
    std::vector<const TableLeaf*> partners;
    for (const auto& term : terms)
        partners.push_back(term.small);
    const auto along = broadcasts(node, partners, filters);
    if (!along) return std::nullopt;
    auto asked = select_from({});
    asked["from_table"] = from_with_partners(leaf, terms, views_of(*along));
    if (const auto own = filters.find(leaf.node); own != filters.end())
        asked["where_clause"] = conjunction(own->second);
    return rows_fragment(asked, leaf, *along);
}

std::optional<TreeRewriter::Broadcasts> TreeRewriter::broadcasts(const Json& node,
                                                                 const std::vector<const TableLeaf*>& leaves,
                                                                 const TableFilters& filters) {
    Broadcasts along;
    for (const auto* leaf : leaves) {
        auto made = broadcast(node, *leaf, filters);
        if (!made) return std::nullopt;
        along.emplace(leaf->node, std::move(made));
    }
    return along;
}

// One that sends the same is shared.
std::shared_ptr<const Broadcast> TreeRewriter::broadcast(const Json& node, const TableLeaf& leaf,
                                                         const TableFilters& filters) {
    auto made = std::make_shared<Broadcast>();
    made->rows = whole_table(table(leaf));
    made->columns = named_columns(node, made->rows);
    // Rows without a column could not be counted.
    if (made->columns.empty()) made->columns.push_back(0);
    if (const auto own = filters.find(leaf.node); own != filters.end()) {
        auto asked = select_from(leaf.table->name);
        asked["where_clause"] = conjunction(own->second);
        auto filtered = rows_fragment(asked, leaf, {});
        if (!filtered) return nullptr;
        made->rows = std::move(*filtered);
    }
    const auto sql = made->rows.sql(made->columns);
    for (const auto& sent : sent_)
        if (sent->rows.sql(sent->columns) == sql) return sent;
    if (sent_.size() == limits::broadcast_tables_max) return nullptr;
    made->view = limits::broadcast_name_prefix + std::to_string(++views_);
    made->table_rows = options_.rows->at(leaf.table->name);
    if (!session_.add(*made)) return nullptr;
    sent_.push_back(made);
    return made;
}

}  // namespace dl::master
