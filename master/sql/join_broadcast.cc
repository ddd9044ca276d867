#include "master/sql/join_broadcast.h"

#include <algorithm>
#include <set>

#include "common/base/ascii.h"
#include "common/base/limits.h"

namespace dl::master {

namespace {

// A filter is taken to leave so many times fewer rows, as the engine takes it too.
constexpr std::uint64_t kFilterShare = 5;
// Below this difference a table is cheaper to fetch than to have the other one sent around.
constexpr std::uint64_t kTimesSmaller = 2;

using Leaves = std::set<const TableLeaf*>;

bool contains(const Json& from, const Json* node) {
    return any_node(from, [&](const Json& part) { return &part == node; });
}

// Joins whose result does not depend on the order of rows.
bool plain_join(const Json& from) {
    const auto way = text_of(from, "ref_type");
    return text_of(from, "type") == "JOIN" && (way == "REGULAR" || way == "CROSS" || way == "NATURAL") &&
           from.contains("left") && from.contains("right");
}

// Can each slave compute the join for its rows of the large table, and do the results add up? What does not
// hold the large table is the same everywhere.
bool joins_by_parts(const Json& from, const TableScope& scope, const TableLeaf& large,
                    const SqlFunctions& functions) {
    if (scope.leaf_of(from) != nullptr) return true;
    if (!plain_join(from)) return false;
    if (const auto* condition = member(from, "condition")) {
        if (pushable_expression(*condition, scope, nullptr, functions).pushable == Pushable::no) return false;
    }
    static const std::set<std::string> known = {"INNER", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI"};
    const auto type = text_of(from, "join_type");
    const bool on_left = contains(from["left"], large.node), on_right = contains(from["right"], large.node);
    if (!known.contains(type) || (on_left && (type == "RIGHT" || type == "FULL")) ||
        (on_right && type != "INNER" && type != "RIGHT")) {
        return false;
    }
    return joins_by_parts(from["left"], scope, large, functions) &&
           joins_by_parts(from["right"], scope, large, functions);
}

class PartnerSearch {
  public:
    PartnerSearch(const TableScope& scope, const TableLeaf& table, const std::vector<const TableLeaf*>& small,
                  const SqlFunctions& functions)
        : scope_(scope), table_(table), small_(small), functions_(functions) {}

    // `terms` hold for every combination of rows that is of use, `there` are tables that take part in it with
    // a row of their own.
    void search(const Json& from, const std::vector<Json>& terms, const Leaves& there) {
        if (&from == table_.node) return collect(terms, there);
        if (!plain_join(from)) return;
        const auto type = text_of(from, "join_type");
        const Json &left = from["left"], &right = from["right"];
        const auto matching = conditions(from);
        auto both = terms;
        both.insert(both.end(), matching.begin(), matching.end());
        if (type == "INNER") {
            search(left, both, with(there, right));
            search(right, both, with(there, left));
        } else if (type == "LEFT" || type == "ANTI") {
            search(left, terms, there);
            search(right, matching, with({}, left));
        } else if (type == "RIGHT") {
            search(left, matching, with({}, right));
            search(right, terms, there);
        } else if (type == "SEMI") {
            search(left, both, with(there, right));
            search(right, matching, with({}, left));
        }
    }

    std::vector<PartnerTerm> found() {
        std::vector<PartnerTerm> list;
        for (const auto* leaf : small_) {
            const auto terms = terms_.find(leaf);
            if (terms == terms_.end() || !equalities_.contains(leaf)) continue;
            list.push_back({leaf, conjunction(terms->second)});
        }
        return list;
    }

  private:
    // Tables with a row of their own in every row of `from`.
    void surely(const Json& from, Leaves& leaves) const {
        if (const auto* leaf = scope_.leaf_of(from)) {
            leaves.insert(leaf);
            return;
        }
        if (!plain_join(from)) return;
        const auto type = text_of(from, "join_type");
        if (type != "RIGHT" && type != "FULL") surely(from["left"], leaves);
        if (type == "INNER" || type == "RIGHT") surely(from["right"], leaves);
    }
    Leaves with(Leaves leaves, const Json& from) const {
        surely(from, leaves);
        return leaves;
    }

    // ON, or the equalities that USING and NATURAL stand for where both sides are certain.
    std::vector<Json> conditions(const Json& from) const {
        std::vector<Json> terms;
        if (const auto* condition = member(from, "condition")) split_conjuncts(*condition, terms);
        for (const auto& name : joined_names(from)) {
            const auto left = column_of(from["left"], name);
            const auto right = column_of(from["right"], name);
            if (!left || !right) continue;
            terms.push_back(
                {{"class", "COMPARISON"}, {"type", "COMPARE_EQUAL"}, {"left", *left}, {"right", *right}});
        }
        return terms;
    }

    std::set<std::string> joined_names(const Json& from) const {
        std::set<std::string> names;
        if (const auto* list = member(from, "using_columns"))
            for (const auto& name : *list)
                names.insert(ascii_lowercase(name.get<std::string>()));
        if (text_of(from, "ref_type") != "NATURAL") return names;
        for (const auto& leaf : scope_.leaves()) {
            if (leaf.table == nullptr || !contains(from["left"], leaf.node)) continue;
            for (const auto& field : leaf.table->schema.fields)
                names.insert(ascii_lowercase(field.name));
        }
        return names;
    }

    std::optional<Json> column_of(const Json& from, const std::string& name) const {
        std::optional<Json> found;
        for (const auto& leaf : scope_.leaves()) {
            if (!contains(from, leaf.node)) continue;
            if (leaf.table == nullptr) return std::nullopt;
            for (const auto& field : leaf.table->schema.fields) {
                if (ascii_lowercase(field.name) != name) continue;
                if (found) return std::nullopt;
                found = column_ref({leaf.alias, field.name});
            }
        }
        return found;
    }

    Leaves tables_of(const Json& expression) const {
        Leaves leaves;
        any_node(expression, [&](const Json& part) {
            if (const auto column = scope_.column(part)) leaves.insert(column->leaf);
            return false;
        });
        return leaves;
    }

    void collect(const std::vector<Json>& terms, const Leaves& there) {
        for (const auto& term : terms) {
            auto pushed = pushable_expression(term, scope_, nullptr, functions_);
            if (pushed.pushable != Pushable::total || pushed.kind != ValueKind::boolean) continue;
            auto leaves = tables_of(pushed.local);
            if (leaves.erase(&table_) == 0 || leaves.size() != 1) continue;
            const auto* small = *leaves.begin();
            const bool chosen = std::find(small_.begin(), small_.end(), small) != small_.end();
            if (!chosen || !there.contains(small)) continue;
            if (is_equality(pushed.local)) equalities_.insert(small);
            terms_[small].push_back(std::move(pushed.local));
        }
    }

    // One side for each table: it can be looked up.
    bool is_equality(const Json& term) const {
        if (text_of(term, "type") != "COMPARE_EQUAL") return false;
        return tables_of(term["left"]).size() == 1 && tables_of(term["right"]).size() == 1;
    }

    const TableScope& scope_;
    const TableLeaf& table_;
    const std::vector<const TableLeaf*>& small_;
    const SqlFunctions& functions_;
    std::map<const TableLeaf*, std::vector<Json>> terms_;
    Leaves equalities_;
};

}  // namespace

std::optional<BroadcastChoice> choose_broadcast(const Json& from, const TableScope& scope,
                                                const TableFilters& filters, const TableRows& rows,
                                                const SqlFunctions& functions) {
    if (scope.leaves().size() < 2) return std::nullopt;
    std::map<const TableLeaf*, std::uint64_t> expected;
    BroadcastChoice choice;
    for (const auto& leaf : scope.leaves()) {
        const auto known = leaf.table == nullptr ? rows.end() : rows.find(leaf.table->name);
        if (known == rows.end()) continue;
        auto& count = expected[&leaf];
        count = filters.contains(leaf.node) ? known->second / kFilterShare : known->second;
        if (choice.large == nullptr || count > expected[choice.large]) choice.large = &leaf;
    }
    if (choice.large == nullptr) return std::nullopt;
    const auto is_small = [&](const TableLeaf* leaf, const TableLeaf* beside) {
        return leaf != beside && expected[leaf] <= limits::broadcast_rows_max &&
               expected[leaf] * kTimesSmaller <= expected[beside];
    };
    for (const auto& leaf : scope.leaves())
        if (expected.contains(&leaf) && is_small(&leaf, choice.large)) choice.small.push_back(&leaf);
    if (choice.small.empty() || choice.small.size() > limits::broadcast_tables_max) return std::nullopt;
    for (const auto& leaf : scope.leaves()) {
        if (!expected.contains(&leaf) || is_small(&leaf, choice.large)) continue;
        for (const auto* small : choice.small)
            if (is_small(small, &leaf)) choice.partners[&leaf].push_back(small);
    }
    choice.by_parts = choice.small.size() + 1 == scope.leaves().size() &&
                      joins_by_parts(from, scope, *choice.large, functions);
    return choice;
}

Json from_with_views(const Json& from, const std::map<const Json*, std::string>& views) {
    auto copy = from;
    if (text_of(from, "type") == "JOIN") {
        for (const char* side : {"left", "right"})
            copy[side] = from_with_views(from[side], views);
    } else if (const auto view = views.find(&from); view != views.end()) {
        if (text_of(from, "alias").empty()) copy["alias"] = from["table_name"];
        copy["table_name"] = view->second;
    }
    return copy;
}

std::vector<PartnerTerm> partner_terms(const Json& node, const TableScope& scope, const TableLeaf& table,
                                       const std::vector<const TableLeaf*>& small,
                                       const SqlFunctions& functions) {
    std::vector<Json> terms;
    if (const auto* where = member(node, "where_clause")) split_conjuncts(*where, terms);
    PartnerSearch search(scope, table, small, functions);
    search.search(node["from_table"], terms, {});
    return search.found();
}

Json from_with_partners(const TableLeaf& table, const std::vector<PartnerTerm>& terms,
                        const std::map<const Json*, std::string>& views) {
    Json from{{"type", "BASE_TABLE"}, {"table_name", table.table->name}, {"alias", table.alias}};
    for (const auto& term : terms) {
        const Json small{
            {"type", "BASE_TABLE"}, {"table_name", views.at(term.small->node)}, {"alias", term.small->alias}};
        from = Json{{"type", "JOIN"},      {"left", std::move(from)},
                    {"right", small},      {"condition", term.condition},
                    {"join_type", "SEMI"}, {"ref_type", "REGULAR"}};
    }
    return from;
}

}  // namespace dl::master
