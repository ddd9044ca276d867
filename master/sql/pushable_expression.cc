#include "master/sql/pushable_expression.h"

#include <algorithm>
#include <array>
#include <map>

#include "common/base/ascii.h"
#include "common/types/value_text.h"

namespace dl::master {

namespace {

using Kind = ValueKind;

constexpr int kDepthMax = 200;

Kind kind_of(DataType type) {
    switch (type.kind) {
        case TypeKind::boolean:
            return Kind::boolean;
        case TypeKind::int32:
        case TypeKind::int64:
            return Kind::integer;
        case TypeKind::float32:
        case TypeKind::float64:
            return Kind::floating;
        case TypeKind::decimal:
            return type.precision <= 18 ? Kind::decimal : Kind::unknown;
        case TypeKind::string:
        case TypeKind::json:
            return Kind::text;
        case TypeKind::date:
            return Kind::date;
        case TypeKind::timestamp:
            return Kind::timestamp;
        case TypeKind::binary:
            return Kind::binary;
    }
    return Kind::unknown;
}

Kind kind_of_constant(const Json& expression) {
    const auto* value = member(expression, "value");
    if (value == nullptr) return Kind::unknown;
    if (value->value("is_null", false)) return Kind::null;
    const auto* type = member(*value, "type");
    const auto id = type == nullptr ? std::string() : text_of(*type, "id");
    if (id == "INTEGER" || id == "BIGINT") return Kind::integer;
    if (id == "DOUBLE") return Kind::floating;
    if (id == "BOOLEAN") return Kind::boolean;
    if (id == "VARCHAR") return Kind::text;
    if (id == "DECIMAL") {
        const auto* info = member(*type, "type_info");
        return info != nullptr && info->value("width", 38) <= 18 ? Kind::decimal : Kind::unknown;
    }
    return Kind::unknown;
}

// A text that certainly is a date, or a date and a time.
bool is_moment(const std::string& text, bool with_time) {
    const auto digits = [&](std::size_t at, std::size_t count, int low, int high) {
        if (at + count > text.size()) return false;
        int number = 0;
        for (std::size_t i = at; i < at + count; ++i) {
            if (text[i] < '0' || text[i] > '9') return false;
            number = number * 10 + (text[i] - '0');
        }
        return number >= low && number <= high;
    };
    // Days after the 28th exist in some months only.
    if (text.size() < 10 || text[4] != '-' || text[7] != '-' || !digits(0, 4, 1, 9999) ||
        !digits(5, 2, 1, 12) || !digits(8, 2, 1, 31)) {
        return false;
    }
    if (!digits(8, 2, 1, 28)) {
        const int month = std::stoi(text.substr(5, 2)), day = std::stoi(text.substr(8, 2));
        const bool short_month = month == 4 || month == 6 || month == 9 || month == 11;
        if (month == 2 || (short_month && day == 31)) return false;
    }
    if (text.size() == 10) return true;
    return with_time && text.size() == 19 && text[10] == ' ' && text[13] == ':' && text[16] == ':' &&
           digits(11, 2, 0, 23) && digits(14, 2, 0, 59) && digits(17, 2, 0, 59);
}

// One side of a comparison.
struct Side {
    Kind kind = Kind::unknown;
    const Json* constant = nullptr;  // a text written into the statement
};

bool compares_always(const Side& a, const Side& b) {
    if (a.kind == Kind::null || b.kind == Kind::null) return true;
    if (a.kind == Kind::unknown || b.kind == Kind::unknown) return false;
    if (a.kind == b.kind) return true;
    const auto number = [](Kind kind) {
        return kind == Kind::integer || kind == Kind::decimal || kind == Kind::floating;
    };
    if (number(a.kind) && number(b.kind)) return true;
    const auto fits = [](const Side& text, Kind other) {
        if (text.constant == nullptr || (other != Kind::date && other != Kind::timestamp)) return false;
        return is_moment((*text.constant)["value"]["value"].get<std::string>(), other == Kind::timestamp);
    };
    return fits(a, b.kind) || fits(b, a.kind);
}

// Functions that have a value for all arguments of these kinds, and the kind of it.
struct TotalFunction {
    std::string_view name;
    std::vector<Kind> arguments;
    Kind result;
};
const std::vector<TotalFunction>& total_functions() {
    static const std::vector<TotalFunction> list = {
        {"~~", {Kind::text, Kind::text}, Kind::boolean},
        {"!~~", {Kind::text, Kind::text}, Kind::boolean},
        {"~~*", {Kind::text, Kind::text}, Kind::boolean},
        {"!~~*", {Kind::text, Kind::text}, Kind::boolean},
        {"contains", {Kind::text, Kind::text}, Kind::boolean},
        {"prefix", {Kind::text, Kind::text}, Kind::boolean},
        {"starts_with", {Kind::text, Kind::text}, Kind::boolean},
        {"suffix", {Kind::text, Kind::text}, Kind::boolean},
        {"ends_with", {Kind::text, Kind::text}, Kind::boolean},
        {"lower", {Kind::text}, Kind::text},
        {"upper", {Kind::text}, Kind::text},
        {"trim", {Kind::text}, Kind::text},
        {"ltrim", {Kind::text}, Kind::text},
        {"rtrim", {Kind::text}, Kind::text},
        {"length", {Kind::text}, Kind::integer},
        {"year", {Kind::date}, Kind::integer},
        {"year", {Kind::timestamp}, Kind::integer},
        {"month", {Kind::date}, Kind::integer},
        {"month", {Kind::timestamp}, Kind::integer},
        {"day", {Kind::date}, Kind::integer},
        {"day", {Kind::timestamp}, Kind::integer},
        {"hour", {Kind::timestamp}, Kind::integer},
        {"minute", {Kind::timestamp}, Kind::integer},
        {"+", {Kind::floating, Kind::floating}, Kind::floating},
        {"-", {Kind::floating, Kind::floating}, Kind::floating},
        {"*", {Kind::floating, Kind::floating}, Kind::floating},
        {"abs", {Kind::floating}, Kind::floating},
    };
    return list;
}

// Kinds of operators whose children are plain expressions.
const std::set<std::string> kOperators = {"OPERATOR_NOT",      "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL",
                                          "COMPARE_IN",        "COMPARE_NOT_IN",   "OPERATOR_COALESCE",
                                          "OPERATOR_NULLIF",   "OPERATOR_TRY",     "ARRAY_EXTRACT",
                                          "ARRAY_CONSTRUCTOR", "ARRAY_SLICE"};
const std::set<std::string> kTotalComparisons = {
    "COMPARE_EQUAL",         "COMPARE_NOTEQUAL",          "COMPARE_LESSTHAN",
    "COMPARE_GREATERTHAN",   "COMPARE_LESSTHANOREQUALTO", "COMPARE_GREATERTHANOREQUALTO",
    "COMPARE_DISTINCT_FROM", "COMPARE_NOT_DISTINCT_FROM"};

class Examiner {
  public:
    Examiner(const TableScope& scope, const TableLeaf* leaf, const SqlFunctions& functions)
        : scope_(scope), leaf_(leaf), functions_(functions) {}

    // Rewrites the column names of `node` on the way.
    PushableExpression examine(Json& node, int depth) {
        if (depth > kDepthMax) return {};
        const auto kind = class_of(node);
        if (kind == "COLUMN_REF") return column(node);
        if (kind == "CONSTANT") return {Pushable::total, kind_of_constant(node), {}};
        if (kind == "CAST") return cast(node, depth);
        if (kind == "COMPARISON") {
            if (!kTotalComparisons.contains(text_of(node, "type"))) return {};
            return compared(node, {&node["left"], &node["right"]}, depth);
        }
        if (kind == "BETWEEN") return compared(node, {&node["input"], &node["lower"], &node["upper"]}, depth);
        if (kind == "CONJUNCTION") return logical(children_of(node), depth);
        if (kind == "OPERATOR") return operation(node, depth);
        if (kind == "FUNCTION") return function(node, depth);
        if (kind == "CASE") return conditional(node, depth);
        if (kind == "COLLATE") return failing({&node["child"]}, depth);
        return {};
    }

  private:
    PushableExpression column(Json& node) const {
        const auto column = scope_.column(node);
        if (!column) {
            const auto merged = leaf_ == nullptr ? scope_.merged_column(node) : std::nullopt;
            if (!merged) return {};
            return {Pushable::total, kind_of(*merged), {}};
        }
        if (leaf_ != nullptr && column->leaf != leaf_) return {};
        node["column_names"] = leaf_ != nullptr ? Json::array({column->field->name})
                                                : Json::array({column->leaf->alias, column->field->name});
        return {Pushable::total, kind_of(column->field->type), {}};
    }

    static std::vector<Json*> children_of(Json& node) {
        std::vector<Json*> children;
        if (const auto found = node.find("children"); found != node.end()) {
            for (auto& child : *found)
                children.push_back(&child);
        }
        return children;
    }

    // Of children that are all to be had, something that may fail.
    PushableExpression failing(const std::vector<Json*>& children, int depth) {
        for (auto* child : children) {
            if (examine(*child, depth + 1).pushable == Pushable::no) return {};
        }
        return {Pushable::may_fail, Kind::unknown, {}};
    }

    PushableExpression logical(const std::vector<Json*>& children, int depth) {
        auto all = Pushable::total;
        for (auto* child : children) {
            const auto one = examine(*child, depth + 1);
            const bool truth = one.kind == Kind::boolean || one.kind == Kind::null;
            all = std::min(all, truth ? one.pushable : std::min(one.pushable, Pushable::may_fail));
        }
        return {all, Kind::boolean, {}};
    }

    PushableExpression compared(Json& /*node*/, const std::vector<Json*>& sides, int depth) {
        auto all = Pushable::total;
        std::vector<Side> known;
        for (auto* side : sides) {
            const auto one = examine(*side, depth + 1);
            all = std::min(all, one.pushable);
            known.push_back(
                {one.kind, class_of(*side) == "CONSTANT" && one.kind == Kind::text ? side : nullptr});
        }
        // A value is compared in the type that all of them have in common.
        for (std::size_t a = 0; a < known.size(); ++a) {
            for (std::size_t b = a + 1; b < known.size(); ++b) {
                const bool texts = known[a].constant != nullptr && known[b].constant != nullptr;
                if (!texts && !compares_always(known[a], known[b])) all = std::min(all, Pushable::may_fail);
            }
        }
        return {all, Kind::boolean, {}};
    }

    PushableExpression cast(Json& node, int depth) {
        auto& child = node["child"];
        const auto* type = member(node, "cast_type");
        const auto id = type == nullptr ? std::string() : text_of(*type, "id");
        if (class_of(child) == "CONSTANT" && kind_of_constant(child) == Kind::text) {
            const auto text = child["value"]["value"].get<std::string>();
            if (id == "BOOLEAN" && (text == "t" || text == "f")) return {Pushable::total, Kind::boolean, {}};
            if (id == "DATE" && is_moment(text, false)) return {Pushable::total, Kind::date, {}};
            if (id == "TIMESTAMP" && is_moment(text, true)) return {Pushable::total, Kind::timestamp, {}};
        }
        return failing({&child}, depth);
    }

    PushableExpression operation(Json& node, int depth) {
        const auto type = text_of(node, "type");
        if (!kOperators.contains(type)) return {};
        const auto children = children_of(node);
        if (type == "OPERATOR_NOT") return logical(children, depth);
        if (type == "COMPARE_IN" || type == "COMPARE_NOT_IN") return in_list(children, depth);
        if (type != "OPERATOR_IS_NULL" && type != "OPERATOR_IS_NOT_NULL") return failing(children, depth);
        const auto tested = examine(*children.front(), depth + 1);
        return {tested.pushable, Kind::boolean, {}};
    }

    // The value against each of a list; lists are long, so pairs within it are left out.
    PushableExpression in_list(const std::vector<Json*>& children, int depth) {
        auto all = Pushable::total;
        Side first;
        std::set<Kind> kinds;
        for (std::size_t i = 0; i < children.size(); ++i) {
            const auto one = examine(*children[i], depth + 1);
            const bool text = class_of(*children[i]) == "CONSTANT" && one.kind == Kind::text;
            const Side side{one.kind, text ? children[i] : nullptr};
            all = std::min(all, one.pushable);
            if (i == 0) {
                first = side;
            } else {
                kinds.insert(one.kind);
                if (!compares_always(first, side)) all = std::min(all, Pushable::may_fail);
            }
        }
        kinds.erase(Kind::null);
        if (kinds.size() > 1) {
            const bool numbers = std::all_of(kinds.begin(), kinds.end(), [](Kind kind) {
                return kind == Kind::integer || kind == Kind::decimal || kind == Kind::floating;
            });
            if (!numbers) all = std::min(all, Pushable::may_fail);
        }
        return {all, Kind::boolean, {}};
    }

    PushableExpression function(Json& node, int depth) {
        const auto name = ascii_lowercase(text_of(node, "function_name"));
        const auto* orders = member(node, "order_bys");
        const bool ordered = orders != nullptr && member(*orders, "orders") != nullptr;
        if (!functions_.deterministic.contains(name) || node.contains("filter") || ordered ||
            node.value("distinct", false)) {
            return {};
        }
        auto all = Pushable::total;
        std::vector<Kind> kinds;
        for (auto* child : children_of(node)) {
            const auto one = examine(*child, depth + 1);
            all = std::min(all, one.pushable);
            kinds.push_back(one.kind);
        }
        for (const auto& total : total_functions()) {
            if (total.name == name && total.arguments == kinds) return {all, total.result, {}};
        }
        return {std::min(all, Pushable::may_fail), Kind::unknown, {}};
    }

    PushableExpression conditional(Json& node, int depth) {
        std::vector<Json*> parts;
        for (auto& check : node["case_checks"]) {
            parts.push_back(&check["when_expr"]);
            parts.push_back(&check["then_expr"]);
        }
        if (node.contains("else_expr")) parts.push_back(&node["else_expr"]);
        return failing(parts, depth);
    }

    const TableScope& scope_;
    const TableLeaf* leaf_;
    const SqlFunctions& functions_;
};

}  // namespace

PushableExpression pushable_expression(const Json& expression, const TableScope& scope, const TableLeaf* leaf,
                                       const SqlFunctions& functions) {
    Json local = expression;
    local.erase("alias");
    auto examined = Examiner(scope, leaf, functions).examine(local, 0);
    if (examined.pushable != Pushable::no) examined.local = std::move(local);
    return examined;
}

}  // namespace dl::master
