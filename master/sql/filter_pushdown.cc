#include "master/sql/filter_pushdown.h"

#include <list>

namespace dl::master {

namespace {

using Terms = std::vector<const Json*>;

class FilterPush {
  public:
    FilterPush(const TableScope& scope, const SqlFunctions& functions)
        : scope_(scope), functions_(functions) {}

    // `terms` hold for every row of `from` that is of use.
    void push(const Json& from, const Terms& terms) {
        if (const auto* leaf = scope_.leaf_of(from)) return push_into(*leaf, from, terms);
        if (text_of(from, "type") != "JOIN" || !from.contains("left") || !from.contains("right")) return;
        Terms matching;  // hold for pairs that match
        if (const auto* condition = member(from, "condition")) {
            std::vector<Json> conjuncts;
            split_conjuncts(*condition, conjuncts);
            for (auto& conjunct : conjuncts)
                matching.push_back(&kept_.emplace_back(std::move(conjunct)));
        }
        auto both = terms;
        both.insert(both.end(), matching.begin(), matching.end());

        const auto way = text_of(from, "ref_type");
        const auto type = text_of(from, "join_type");
        const Json& left = from["left"];
        const Json& right = from["right"];
        // Neighbours in time: a row that is left out would change whom its left row meets.
        if (way == "ASOF") return push(left, type == "INNER" || type == "LEFT" ? terms : Terms{});
        if (way != "REGULAR" && way != "CROSS" && way != "NATURAL") return;
        if (type == "INNER") {
            push(left, both);
            push(right, both);
        } else if (type == "LEFT") {
            push(left, terms);
            push(right, matching);
        } else if (type == "RIGHT") {
            push(left, matching);
            push(right, terms);
        } else if (type == "SEMI" || type == "ANTI") {
            push(left, terms);
            push(right, matching);
        }
    }

    std::map<const Json*, std::vector<Json>> filters;

  private:
    void push_into(const TableLeaf& leaf, const Json& from, const Terms& terms) {
        for (const auto* term : terms) {
            auto pushed = pushable_expression(*term, scope_, &leaf, functions_);
            const bool truth = pushed.kind == ValueKind::boolean || pushed.kind == ValueKind::null;
            if (pushed.pushable == Pushable::no || !names_a_column(pushed.local)) continue;
            if (pushed.pushable == Pushable::total && truth) {
                filters[&from].push_back(std::move(pushed.local));
                continue;
            }
            const Json attempt{{"class", "OPERATOR"},
                               {"type", "OPERATOR_TRY"},
                               {"children", Json::array({cast_to("BOOLEAN", std::move(pushed.local))})}};
            const Json yes{{"class", "CAST"},
                           {"type", "OPERATOR_CAST"},
                           {"child",
                            {{"class", "CONSTANT"},
                             {"type", "VALUE_CONSTANT"},
                             {"value", {{"type", {{"id", "VARCHAR"}}}, {"is_null", false}, {"value", "t"}}}}},
                           {"cast_type", {{"id", "BOOLEAN"}}}};
            filters[&from].push_back(coalesce(attempt, yes));
        }
    }

    static bool names_a_column(const Json& expression) {
        return any_node(expression, [](const Json& node) { return class_of(node) == "COLUMN_REF"; });
    }

    const TableScope& scope_;
    const SqlFunctions& functions_;
    std::list<Json> kept_;
};

}  // namespace

std::map<const Json*, std::vector<Json>> pushable_filters(const Json& select_node, const TableScope& scope,
                                                          const SqlFunctions& functions) {
    FilterPush push(scope, functions);
    std::vector<Json> conjuncts;
    if (const auto* where = member(select_node, "where_clause")) split_conjuncts(*where, conjuncts);
    Terms terms;
    for (const auto& conjunct : conjuncts)
        terms.push_back(&conjunct);
    if (const auto* from = member(select_node, "from_table")) push.push(*from, terms);
    return std::move(push.filters);
}

}  // namespace dl::master
