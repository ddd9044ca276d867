#include "master/sql/joined_rows_pushdown.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "master/sql/top_n_pushdown.h"

namespace dl::master {

namespace {

class RowSplitter {
  public:
    RowSplitter(const Json& node, const RowSource& source, const std::string& view,
                const std::vector<std::string>& names)
        : node_(node), source_(source), view_(view), names_(names) {}

    std::optional<JoinedRowsSplit> split() {
        fragment_ = select_from({});
        fragment_["from_table"] = source_.from;
        if (const auto* where = member(node_, "where_clause")) {
            auto local = pushed(*where);
            if (!local) return std::nullopt;
            fragment_["where_clause"] = std::move(*local);
        }
        auto node = node_;
        node.erase("where_clause");
        node["from_table"] = {{"type", "BASE_TABLE"}, {"table_name", view_}};
        if (!select_list(node) || !modifiers(node)) return std::nullopt;
        auto items = Json::array();
        for (auto& [name, expression] : columns_) {
            expression["alias"] = name;
            items.push_back(std::move(expression));
        }
        fragment_["select_list"] = std::move(items);
        return JoinedRowsSplit{std::move(fragment_), std::move(node)};
    }

  private:
    std::optional<Json> pushed(const Json& expression) const {
        if (has_collation(expression)) return std::nullopt;
        auto examined = source_.examine(expression);
        if (examined.pushable == Pushable::no) return std::nullopt;
        return std::move(examined.local);
    }

    // `*` and `t.*` without further words, as the columns they stand for.
    bool expand(const Json& star, std::vector<Json>& items) const {
        for (const auto& [key, value] : star.items()) {
            const bool known = key == "class" || key == "type" || key == "query_location" ||
                               key == "relation_name" || key == "alias";
            if (!known && !(value.is_structured() && value.empty())) return false;
        }
        const auto relation = ascii_lowercase(text_of(star, "relation_name"));
        for (const auto& leaf : source_.scope.leaves()) {
            if (!relation.empty() && leaf.alias != relation) continue;
            for (const auto& field : leaf.table->schema.fields)
                items.push_back(column_ref({leaf.alias, field.name}));
        }
        return true;
    }

    bool select_list(Json& node) {
        for (const auto& item : node_["select_list"]) {
            if (class_of(item) == "STAR") {
                // Merged columns come once, and tables of a semi join not at all.
                if (source_.scope.merges_columns() || !expand(item, items_)) return false;
            } else {
                items_.push_back(item);
            }
        }
        if (items_.size() != names_.size()) return false;
        node["select_list"] = Json::array();
        for (std::size_t i = 0; i < items_.size(); ++i) {
            auto local = pushed(items_[i]);
            if (!local) return false;
            columns_.emplace_back("dl_c" + std::to_string(i), std::move(*local));
            auto shown = column_ref({view_, columns_.back().first});
            const auto alias = text_of(items_[i], "alias");
            shown["alias"] = alias.empty() ? names_[i] : alias;
            node["select_list"].push_back(std::move(shown));
        }
        return true;
    }

    // The column that holds a term of ORDER BY; with DISTINCT only those of the select list do.
    std::optional<std::string> order_column(const Json& local, bool distinct) {
        const auto wanted = stripped(local);
        for (const auto& [name, expression] : columns_)
            if (stripped(expression) == wanted) return name;
        if (distinct) return std::nullopt;
        columns_.emplace_back("dl_o" + std::to_string(columns_.size() - items_.size()), local);
        return columns_.back().first;
    }

    bool orders(const Json& modifier, bool distinct, Json& here, Json& there) {
        here = there = Json{{"type", "ORDER_MODIFIER"}, {"orders", Json::array()}};
        for (const auto& order : modifier.value("orders", Json::array())) {
            const auto term = order_term(order.value("expression", Json()), node_["select_list"]);
            auto local = term ? pushed(*term) : std::nullopt;
            if (!local) return false;
            if (class_of(*local) == "CONSTANT") continue;
            const auto column = order_column(*local, distinct);
            if (!column) return false;
            auto copy = order;
            copy["expression"] = std::move(*local);
            there["orders"].push_back(copy);
            copy["expression"] = column_ref({view_, *column});
            here["orders"].push_back(std::move(copy));
        }
        return true;
    }

    // False as well when nothing makes the rows fewer.
    bool modifiers(Json& node) {
        const auto* list = member(node_, "modifiers");
        if (list == nullptr) return false;
        bool distinct = false, limited = false;
        auto here = Json::array(), there = Json::array();
        for (const auto& modifier : *list) {
            const auto type = text_of(modifier, "type");
            if (type == "DISTINCT_MODIFIER") {
                if (modifier.contains("distinct_on_targets")) return false;
                distinct = true;
                here.push_back(modifier);
                there.push_back(modifier);
            } else if (type == "ORDER_MODIFIER") {
                Json ours, theirs;
                if (!orders(modifier, distinct, ours, theirs)) return false;
                if (ours["orders"].empty()) continue;
                here.push_back(std::move(ours));
                there.push_back(std::move(theirs));
            } else if (type == "LIMIT_MODIFIER") {
                const auto rows = rows_within_limit(modifier);
                if (!rows) return false;
                limited = true;
                here.push_back(modifier);
                there.push_back({{"type", "LIMIT_MODIFIER"}, {"limit", integer(*rows)}});
            } else {
                return false;
            }
        }
        node["modifiers"] = std::move(here);
        fragment_["modifiers"] = std::move(there);
        return distinct || limited;
    }

    const Json& node_;
    const RowSource& source_;
    const std::string& view_;
    const std::vector<std::string>& names_;
    Json fragment_;
    std::vector<Json> items_;                            // of the select list, stars expanded
    std::vector<std::pair<std::string, Json>> columns_;  // of the fragment
};

}  // namespace

std::optional<JoinedRowsSplit> split_joined_rows(const Json& node, const RowSource& source,
                                                 const std::string& view,
                                                 const std::vector<std::string>& names) {
    if (!is_row_by_row(node, source.functions)) return std::nullopt;
    return RowSplitter(node, source, view, names).split();
}

}  // namespace dl::master
