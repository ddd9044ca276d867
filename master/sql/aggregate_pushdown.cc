#include "master/sql/aggregate_pushdown.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/base/ascii.h"
#include "master/sql/partial_aggregates.h"

namespace dl::master {

namespace {

bool is_aggregate_call(const Json& node, const SqlFunctions& functions) {
    return class_of(node) == "FUNCTION" &&
           functions.aggregates.contains(ascii_lowercase(text_of(node, "function_name")));
}

bool has_aggregate(const Json& tree, const SqlFunctions& functions) {
    return any_node(tree, [&](const Json& node) { return is_aggregate_call(node, functions); });
}

class Splitter {
  public:
    Splitter(const Json& node, const RowSource& source, const std::string& view, const AggregateFacts& facts)
        : node_(node),
          source_(source),
          scope_(source.scope),
          functions_(source.functions),
          view_(view),
          facts_(facts) {
        columns_.partial = [this](const AggregateCall& partial) { return partial_column(partial); };
        columns_.group = [this](const Json& expression) { return group_column(expression); };
        columns_.type_of = facts_.type_of;
    }

    std::optional<AggregateSplit> split() {
        fragment_ = select_from({});
        fragment_["from_table"] = source_.from;
        if (!where() || !groups()) return std::nullopt;
        auto node = node_;
        node.erase("where_clause");
        node["from_table"] = {{"type", "BASE_TABLE"}, {"table_name", view_}};
        if (!select_list(node["select_list"])) return std::nullopt;
        in_select_list_ = false;
        for (const char* key : {"having", "qualify"}) {
            if (node.contains(key) && !rewrite(node[key])) return std::nullopt;
        }
        if (node.contains("modifiers") && !modifiers(node["modifiers"])) return std::nullopt;
        node["aggregate_handling"] = "STANDARD_HANDLING";
        node.erase("group_expressions");
        if (group_count_ != 0) {
            node["group_expressions"] = Json::array();
            for (std::size_t i = 0; i < group_count_; ++i)
                node["group_expressions"].push_back(named("dl_g", i));
            if (!node.contains("group_sets")) {
                auto all = Json::array();
                for (std::size_t i = 0; i < group_count_; ++i)
                    all.push_back(i);
                node["group_sets"] = Json::array({all});
            }
        }
        finish_fragment();
        return AggregateSplit{std::move(fragment_), std::move(node)};
    }

  private:
    Json named(const char* prefix, std::size_t number) const {
        return column_ref({view_, prefix + std::to_string(number)});
    }

    std::optional<Json> pushed(const Json& expression) const {
        auto examined = source_.examine(expression);
        if (examined.pushable == Pushable::no) return std::nullopt;
        return std::move(examined.local);
    }

    bool where() {
        const auto* where = member(node_, "where_clause");
        if (where == nullptr) return true;
        auto local = pushed(*where);
        if (!local) return false;
        fragment_["where_clause"] = std::move(*local);
        return true;
    }

    // What a GROUP BY term stands for: a position, a column, or else a name of the select list.
    const Json* group_term(const Json& term) const {
        const auto& items = node_["select_list"];
        if (class_of(term) == "CONSTANT") {
            const auto position = integer_constant(term);
            if (!position || *position < 1 || *position > static_cast<std::int64_t>(items.size()))
                return nullptr;
            return &items[static_cast<std::size_t>(*position - 1)];
        }
        const auto* names = member(term, "column_names");
        if (class_of(term) != "COLUMN_REF" || names == nullptr || names->size() != 1 ||
            scope_.names_column(term))
            return &term;
        const Json* found = nullptr;
        for (const auto& item : items) {
            if (ascii_lowercase(text_of(item, "alias")) != ascii_lowercase(names->front().get<std::string>()))
                continue;
            if (found != nullptr) return nullptr;
            found = &item;
        }
        return found;
    }

    bool groups() {
        std::vector<const Json*> terms;
        if (text_of(node_, "aggregate_handling") == "FORCE_AGGREGATES") {
            // GROUP BY ALL: everything without an aggregate.
            for (const auto& item : node_["select_list"]) {
                if (!has_aggregate(item, functions_)) terms.push_back(&item);
            }
        } else if (const auto* expressions = member(node_, "group_expressions")) {
            for (const auto& expression : *expressions)
                terms.push_back(group_term(expression));
        }
        const auto* sets = member(node_, "group_sets");
        for (const auto* term : terms) {
            if (term == nullptr || class_of(*term) == "CONSTANT" || has_collation(*term)) return false;
            auto local = pushed(*term);
            if (!local) return false;
            const auto [entry, fresh] = group_of_.try_emplace(stripped(*local).dump(), groups_.size());
            if (!fresh && sets != nullptr && sets->size() > 1) return false;
            groups_.push_back(std::move(*local));
        }
        group_count_ = groups_.size();
        return true;
    }

    Json group_column(const Json& expression) {
        const auto [entry, fresh] = group_of_.try_emplace(stripped(expression).dump(), groups_.size());
        if (fresh) groups_.push_back(expression);
        return named("dl_g", entry->second);
    }

    Json partial_column(const AggregateCall& partial) {
        auto expression = aggregate_expression(partial);
        const auto [entry, fresh] = partial_of_.try_emplace(stripped(expression).dump(), partials_.size());
        if (fresh) partials_.push_back(std::move(expression));
        return named("dl_p", entry->second);
    }

    bool select_list(Json& items) {
        if (items.size() != facts_.names.size()) return false;
        for (std::size_t i = 0; i < items.size(); ++i) {
            auto alias = text_of(items[i], "alias");
            if (!rewrite(items[i])) return false;
            // The name came from the text of the expression, which is another one now.
            items[i]["alias"] = alias.empty() ? facts_.names[i] : alias;
        }
        return true;
    }

    bool is_alias(const Json& reference) const {
        const auto* names = member(reference, "column_names");
        if (class_of(reference) != "COLUMN_REF" || names == nullptr || names->size() != 1) return false;
        const auto name = ascii_lowercase(names->front().get<std::string>());
        std::size_t aliases = 0, same = 0;
        for (std::size_t i = 0; i < facts_.names.size(); ++i) {
            if (ascii_lowercase(facts_.names[i]) == name) ++same;
            if (ascii_lowercase(text_of(node_["select_list"][i], "alias")) == name) ++aliases;
        }
        return aliases == 1 && same == 1;
    }

    bool modifiers(Json& list) {
        for (auto& modifier : list) {
            const auto type = text_of(modifier, "type");
            if (type == "LIMIT_MODIFIER" || type == "LEGACY_LIMIT_PERCENT_MODIFIER") continue;
            if (type == "DISTINCT_MODIFIER" && !modifier.contains("distinct_on_targets")) continue;
            if (type != "ORDER_MODIFIER" || !modifier.contains("orders")) return false;
            for (auto& order : modifier["orders"]) {
                auto& term = order["expression"];
                // Positions, names and ORDER BY ALL mean the select list, which has kept its shape.
                if (integer_constant(term) || class_of(term) == "STAR" || is_alias(term)) continue;
                if (!rewrite(term)) return false;
            }
        }
        return true;
    }

    // In terms of the slaves' columns; false when it is not understood.
    bool rewrite(Json& node) {
        if (node.is_array()) {
            return std::all_of(node.begin(), node.end(), [&](Json& element) { return rewrite(element); });
        }
        if (!node.is_object()) return true;
        const auto kind = class_of(node);
        if (!kind.empty() && replaced_by_group(node)) return true;
        if (kind == "COLUMN_REF") return !in_select_list_ && is_alias(node) && !scope_.names_column(node);
        if (is_aggregate_call(node, functions_)) return replaced_by_combination(node);
        static const std::set<std::string> known = {"",         "BETWEEN",    "CASE",        "CAST",
                                                    "COLLATE",  "COMPARISON", "CONJUNCTION", "CONSTANT",
                                                    "FUNCTION", "OPERATOR",   "WINDOW"};
        if (!known.contains(kind)) return false;
        if (kind == "CONSTANT") return true;
        if (kind == "FUNCTION" &&
            !functions_.scalars.contains(ascii_lowercase(text_of(node, "function_name"))))
            return false;
        for (auto& [key, value] : node.items()) {
            if (key == "cast_type" || !value.is_structured()) continue;
            if (!rewrite(value)) return false;
        }
        return true;
    }

    bool replaced_by_group(Json& node) {
        if (groups_.empty() || class_of(node) == "CONSTANT") return false;
        const auto local = pushed(node);
        if (!local) return false;
        const auto found = group_of_.find(stripped(*local).dump());
        if (found == group_of_.end() || found->second >= group_count_) return false;
        node = named("dl_g", found->second);
        return true;
    }

    bool replaced_by_combination(Json& node) {
        const auto* orders = member(node, "order_bys");
        const bool ordered = orders != nullptr && member(*orders, "orders") != nullptr;
        if (ordered || node.value("export_state", false)) return false;
        AggregateCall whole;
        whole.name = ascii_lowercase(text_of(node, "function_name"));
        whole.distinct = node.value("distinct", false);
        if (const auto* arguments = member(node, "children")) {
            for (const auto& argument : *arguments) {
                auto local = has_collation(argument) ? std::nullopt : pushed(argument);
                if (!local) return false;
                whole.arguments.push_back(std::move(*local));
            }
        }
        if (const auto* filter = member(node, "filter")) {
            whole.filter = pushed(*filter);
            if (!whole.filter) return false;
        }
        auto combined = combined_aggregate(whole, columns_);
        if (!combined) return false;
        node = std::move(*combined);
        return true;
    }

    void finish_fragment() {
        auto items = Json::array();
        auto by_position = Json::array(), all = Json::array();
        for (std::size_t i = 0; i < groups_.size(); ++i) {
            items.push_back(groups_[i]);
            items.back()["alias"] = "dl_g" + std::to_string(i);
            by_position.push_back(integer(static_cast<std::int64_t>(i + 1)));
            all.push_back(i);
        }
        for (std::size_t i = 0; i < partials_.size(); ++i) {
            items.push_back(partials_[i]);
            items.back()["alias"] = "dl_p" + std::to_string(i);
        }
        fragment_["select_list"] = std::move(items);
        if (groups_.empty()) return;
        fragment_["group_expressions"] = std::move(by_position);
        fragment_["group_sets"] = Json::array({all});
    }

    const Json& node_;
    const RowSource& source_;
    const TableScope& scope_;
    const SqlFunctions& functions_;
    const std::string& view_;
    const AggregateFacts& facts_;
    PartialColumns columns_;
    Json fragment_;
    std::vector<Json> groups_;  // those of the node, then arguments of DISTINCT aggregates
    std::size_t group_count_ = 0;
    std::map<std::string, std::size_t> group_of_;
    std::vector<Json> partials_;
    std::map<std::string, std::size_t> partial_of_;
    bool in_select_list_ = true;
};

}  // namespace

bool is_aggregating(const Json& node, const SqlFunctions& functions) {
    if (node.contains("group_sets") || text_of(node, "aggregate_handling") == "FORCE_AGGREGATES") return true;
    for (const char* key : {"select_list", "having", "qualify", "modifiers"}) {
        const auto* part = member(node, key);
        if (part != nullptr && has_aggregate(*part, functions)) return true;
    }
    return false;
}

std::vector<Json> aggregated_expressions(const Json& node, const RowSource& source) {
    static const std::set<std::string> typed = {"sum", "avg", "mean"};  // combined_aggregate()
    std::vector<Json> expressions;
    any_node(node, [&](const Json& part) {
        const auto* arguments = member(part, "children");
        const bool is_typed = class_of(part) == "FUNCTION" && arguments != nullptr &&
                              typed.contains(ascii_lowercase(text_of(part, "function_name")));
        if (!is_typed || arguments->size() != 1 || has_collation(arguments->front())) return false;
        auto examined = source.examine(arguments->front());
        if (examined.pushable != Pushable::no) expressions.push_back(std::move(examined.local));
        return false;
    });
    return expressions;
}

std::optional<AggregateSplit> split_aggregate(const Json& node, const RowSource& source,
                                              const std::string& view, const AggregateFacts& facts) {
    if (node.contains("sample") || !is_aggregating(node, source.functions)) return std::nullopt;
    auto split = Splitter(node, source, view, facts).split();
    // A fragment without a column would not show how many groups there are.
    if (split && split->fragment["select_list"].empty()) return std::nullopt;
    return split;
}

}  // namespace dl::master
