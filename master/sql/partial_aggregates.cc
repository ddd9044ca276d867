#include "master/sql/partial_aggregates.h"

#include <array>
#include <cstdlib>

namespace dl::master {

namespace {

// Types whose sums stay exact on the way: 38 digits hold any sum of them.
const std::set<std::string> kIntegers = {"TINYINT",  "SMALLINT",  "INTEGER", "BIGINT",
                                         "UTINYINT", "USMALLINT", "UINTEGER"};

struct Decimal {
    int width = 0;
    int scale = 0;
};

std::optional<Decimal> decimal(const std::string& type) {
    if (!type.starts_with("DECIMAL(")) return std::nullopt;
    Decimal found;
    char* end = nullptr;
    found.width = static_cast<int>(std::strtol(type.c_str() + 8, &end, 10));
    if (*end != ',') return std::nullopt;
    found.scale = static_cast<int>(std::strtol(end + 1, nullptr, 10));
    return found;
}

bool is_floating(const std::string& type) {
    return type == "FLOAT" || type == "DOUBLE";
}

bool sums_exactly(const std::string& type) {
    return kIntegers.contains(type) || type == "BOOLEAN" || is_floating(type) || decimal(type).has_value();
}

Json total_count(Json counts) {
    return cast_to("BIGINT", coalesce(call("sum", {std::move(counts)}), integer(0)));
}

std::optional<Json> average(const AggregateCall& whole, const PartialColumns& columns) {
    const auto type = columns.type_of(whole.arguments[0]);
    const bool integers = kIntegers.contains(type);
    const auto digits = decimal(type);
    if (!integers && !digits && !is_floating(type)) return std::nullopt;
    AggregateCall sum = whole, count = whole;
    sum.name = "sum";
    count.name = "count";
    auto total = call("sum", {columns.partial(sum)});
    auto rows = total_count(columns.partial(count));
    if (is_floating(type)) {
        auto quotient = call("/", {std::move(total), cast_to("DOUBLE", std::move(rows))});
        quotient["is_operator"] = true;
        return quotient;
    }
    // The engine adds up types of two bytes in double, wider ones with more digits.
    const bool narrow =
        digits ? digits->width <= 4 : type == "TINYINT" || type == "SMALLINT" || type == "UTINYINT";
    return call("dl_average", {std::move(total), std::move(rows), integer(digits ? digits->scale : 0),
                               integer(narrow ? 1 : 0)});
}

std::optional<Json> of_distinct(const AggregateCall& whole, const PartialColumns& columns) {
    static const std::set<std::string> known = {"count", "sum", "avg", "mean", "min", "max"};
    if (!known.contains(whole.name) || whole.arguments.size() != 1) return std::nullopt;
    auto argument = whole.arguments[0];
    if (whole.filter) {
        // Rows that do not pass count as NULL, which these aggregates leave out.
        argument = {{"class", "CASE"},
                    {"type", "CASE_EXPR"},
                    {"case_checks", Json::array({{{"when_expr", *whole.filter}, {"then_expr", argument}}})},
                    {"else_expr",
                     {{"class", "CONSTANT"},
                      {"type", "VALUE_CONSTANT"},
                      {"value", {{"type", {{"id", "NULL"}}}, {"is_null", true}}}}}};
    }
    auto combined = call(whole.name.c_str(), {columns.group(argument)});
    combined["distinct"] = true;
    return combined;
}

}  // namespace

std::optional<Json> combined_aggregate(const AggregateCall& whole, const PartialColumns& columns) {
    const auto& name = whole.name;
    const auto count = whole.arguments.size();
    if (whole.distinct) return of_distinct(whole, columns);
    if (name == "count_star" || (name == "count" && count <= 1)) {
        return total_count(columns.partial(whole));
    }
    static const std::set<std::string> by_themselves = {
        "min", "max", "bool_and", "bool_or", "bit_and", "bit_or", "bit_xor", "any_value", "product"};
    if (by_themselves.contains(name) && count == 1) return call(name.c_str(), {columns.partial(whole)});
    if (name == "sum" && count == 1) {
        if (!sums_exactly(columns.type_of(whole.arguments[0]))) return std::nullopt;
        return call("sum", {columns.partial(whole)});
    }
    if ((name == "count_if" || name == "countif") && count == 1) {
        return call("sum", {columns.partial(whole)});  // NULL without a value, as the engine has it
    }
    if ((name == "avg" || name == "mean") && count == 1) return average(whole, columns);
    static const std::set<std::string> least = {"arg_min", "argmin", "min_by"};
    static const std::set<std::string> greatest = {"arg_max", "argmax", "max_by"};
    if ((least.contains(name) || greatest.contains(name)) && count == 2) {
        // The value that decided, among rows whose argument is not NULL: the others do not take part.
        AggregateCall decided{
            least.contains(name) ? "min" : "max", {whole.arguments[1]}, std::nullopt, false};
        std::vector<Json> conditions;
        if (whole.filter) conditions.push_back(*whole.filter);
        conditions.push_back({{"class", "OPERATOR"},
                              {"type", "OPERATOR_IS_NOT_NULL"},
                              {"children", Json::array({whole.arguments[0]})}});
        decided.filter = conjunction(std::move(conditions));
        return call(name.c_str(), {columns.partial(whole), columns.partial(decided)});
    }
    return std::nullopt;
}

Json aggregate_expression(const AggregateCall& whole) {
    auto expression = call(whole.name.c_str(), whole.arguments);
    if (whole.arguments.empty()) expression.erase("children");
    if (whole.filter) expression["filter"] = *whole.filter;
    return expression;
}

}  // namespace dl::master
