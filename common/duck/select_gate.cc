// check_select(): what a user's SELECT may contain.
#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "common/base/ascii.h"
#include "common/base/nearest_name.h"
#include "common/duck/query_functions.h"
#include "common/duck/select_ast.h"

namespace dl {

namespace {

using nlohmann::json;
using Names = std::unordered_set<std::string_view>;

// Deeper trees could overflow the stack of whoever walks them next, such as the planners.
// DuckDB's own limit (1000 levels of expressions) is reached first.
constexpr std::size_t kDepthMax = 6000;
// Results of functions that make text or lists of a given length are not under DuckDB's memory limit. What
// the statement tells is refused before it runs; what rows tell is up to the memory of the process it runs
// in.
constexpr std::int64_t kMadeLengthMax = 1'000'000;

const Names kExpressionClasses = {
    "BETWEEN",  "CASE",     "CAST",     "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION",
    "CONSTANT", "DEFAULT",  "FUNCTION", "LAMBDA",  "LAMBDA_REF", "OPERATOR",   "POSITIONAL_REFERENCE",
    "STAR",     "SUBQUERY", "WINDOW"};
const Names kNodeTypes = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE",
                          // FROM
                          "BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY",
                          "PIVOT",
                          // ORDER BY, LIMIT, DISTINCT and the directions
                          "ORDER_MODIFIER", "LIMIT_MODIFIER", "LEGACY_LIMIT_PERCENT_MODIFIER",
                          "DISTINCT_MODIFIER", "ORDER_DEFAULT", "ASCENDING", "DESCENDING"};
const Names kTableFunctions = {"range", "generate_series", "unnest", "json_each"};

// Types of casts; others (VARIANT, GEOMETRY, BIGNUM, internal ones) can take the engine down or keep it busy
// past every deadline. UNBOUND is one by name: JSON, or none at all, which the engine says.
const Names kTypes = {"BOOLEAN",
                      "TINYINT",
                      "SMALLINT",
                      "INTEGER",
                      "BIGINT",
                      "HUGEINT",
                      "UTINYINT",
                      "USMALLINT",
                      "UINTEGER",
                      "UBIGINT",
                      "UHUGEINT",
                      "FLOAT",
                      "DOUBLE",
                      "DECIMAL",
                      "VARCHAR",
                      "CHAR",
                      "BLOB",
                      "BIT",
                      "DATE",
                      "TIME",
                      "TIME_NS",
                      "TIMESTAMP",
                      "TIMESTAMP_S",
                      "TIMESTAMP_MS",
                      "TIMESTAMP_NS",
                      "INTERVAL",
                      "UUID",
                      "ENUM",
                      "LIST",
                      "ARRAY",
                      "STRUCT",
                      "TUPLE",
                      "MAP",
                      "UNION",
                      "NULL",
                      "UNBOUND",
                      "TIME WITH TIME ZONE",
                      "TIMESTAMP WITH TIME ZONE"};

// Schemas and catalogs of the engine; any other name before a function is a column, and the function is
// called on it.
const Names kEngineSchemas = {"main", "system", "temp", "memory", "pg_catalog", "information_schema"};

// Functions that go down a JSON value given as this argument without a bound.
struct JsonArgument {
    std::string_view function;
    std::size_t argument;
};
constexpr std::array<JsonArgument, 5> kJsonArguments = {{{"json_contains", 1},
                                                         {"json_transform", 1},
                                                         {"json_transform_strict", 1},
                                                         {"from_json", 1},
                                                         {"from_json_strict", 1}}};
constexpr std::size_t kJsonArgumentDepthMax = 100;

struct MadeLength {
    std::string_view function;
    std::size_t argument;  // position of the length
};
constexpr std::array<MadeLength, 8> kMadeLengths = {{{"repeat", 1},
                                                     {"lpad", 1},
                                                     {"rpad", 1},
                                                     {"list_resize", 1},
                                                     {"array_resize", 1},
                                                     {"bitstring", 1},
                                                     {"range", 0},
                                                     {"generate_series", 0}}};

std::string text_of(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Error refused(const std::string& what, const char* why) {
    return make_error(ErrorCode::not_supported, what + " " + why);
}

constexpr std::int64_t kIntegerMax = std::int64_t{1} << 62;

// An integer literal, possibly with a minus sign or a cast around, or a sum, difference or product of such.
std::optional<std::int64_t> integer_literal(const json& expression) {
    const auto kind = text_of(expression, "class");
    if (kind == "CAST" && expression.contains("child")) return integer_literal(expression["child"]);
    if (kind == "FUNCTION" && expression.contains("children")) {
        const auto& children = expression["children"];
        const auto name = text_of(expression, "function_name");
        if (children.empty() || children.size() > 2 || (name != "+" && name != "-" && name != "*"))
            return std::nullopt;
        const auto left = children.size() == 2 ? integer_literal(children[0]) : 0;
        const auto right = integer_literal(children.back());
        std::int64_t value = 0;
        if (!left || !right || (children.size() == 1 && name == "*")) return std::nullopt;
        const bool over = name == "+"   ? __builtin_add_overflow(*left, *right, &value)
                          : name == "-" ? __builtin_sub_overflow(*left, *right, &value)
                                        : __builtin_mul_overflow(*left, *right, &value);
        return over || value > kIntegerMax || value < -kIntegerMax ? std::nullopt : std::optional(value);
    }
    if (kind != "CONSTANT" || !expression.contains("value") || !expression["value"].contains("value"))
        return std::nullopt;
    const auto& value = expression["value"]["value"];
    if (!value.is_number_integer()) return std::nullopt;
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{kIntegerMax})
        return std::nullopt;
    const auto number = value.get<std::int64_t>();
    if (number > kIntegerMax || number < -kIntegerMax) return std::nullopt;
    return number;
}

// A text written into the statement, possibly with a cast around.
const std::string* text_literal(const json& expression) {
    if (text_of(expression, "class") == "CAST" && expression.contains("child"))
        return text_literal(expression["child"]);
    if (text_of(expression, "class") != "CONSTANT" || !expression.contains("value") ||
        !expression["value"].contains("value"))
        return nullptr;
    return expression["value"]["value"].get_ptr<const std::string*>();
}

// Brackets and braces open at the same time, at most; those inside of strings count too.
std::size_t depth_of(std::string_view text) {
    std::size_t open = 0;
    std::size_t deepest = 0;
    for (const char c : text) {
        if (c == '[' || c == '{') deepest = std::max(deepest, ++open);
        if ((c == ']' || c == '}') && open != 0) --open;
    }
    return deepest;
}

// How many elements an expression makes for one row, as far as the statement tells: what a lambda makes, it
// makes for each element of its list. Nothing interrupts that work before the rows of one chunk are done.
std::int64_t made_elements(const json& node) {
    std::int64_t made = 1;
    std::int64_t for_each = 1;
    const auto name =
        text_of(node, "class") == "FUNCTION" ? ascii_lowercase(text_of(node, "function_name")) : "";
    if (!node.is_structured()) return made;
    for (const auto& [key, child] : node.items()) {
        if (key != "children" || !child.is_array()) {
            made = std::max(made, made_elements(child));
            continue;
        }
        for (const auto& argument : child) {
            auto& total = text_of(argument, "class") == "LAMBDA" ? for_each : made;
            total = std::max(total, made_elements(argument));
            if (name == "range" || name == "generate_series" || name == "repeat") {
                const auto length = integer_literal(argument);
                if (length) made = std::max(made, std::min(std::abs(*length), kMadeLengthMax));
            }
        }
    }
    return for_each > kMadeLengthMax / made ? kMadeLengthMax + 1 : made * for_each;
}

class Gate {
  public:
    Gate(const std::function<bool(const std::string&)>& table_exists, bool parameters_allowed,
         GateReport& report)
        : table_exists_(table_exists), parameters_allowed_(parameters_allowed), report_(report) {}

    // In the order of the text. Without recursion: how deep a tree may be is not up to the size of a stack.
    Result<void> walk(const json& root) {
        std::vector<Visit> waiting{{&root, std::make_shared<const Ctes>(), 0}};
        while (!waiting.empty()) {
            const auto visit = std::move(waiting.back());
            waiting.pop_back();
            if (visit.depth > kDepthMax)
                return make_error(ErrorCode::limit_exceeded,
                                  "the statement is nested too deeply; simplify it");
            const auto first = static_cast<std::ptrdiff_t>(waiting.size());
            if (visit.node->is_array()) {
                for (const auto& element : *visit.node)
                    waiting.push_back({&element, visit.ctes, visit.depth + 1});
            } else if (visit.node->is_object()) {
                DL_TRY(check_object(visit));
                add_members(visit, waiting);
            }
            std::reverse(waiting.begin() + first, waiting.end());
        }
        return {};
    }

  private:
    using Ctes = std::set<std::string>;
    struct Visit {
        const json* node;
        std::shared_ptr<const Ctes> ctes;  // names that stand for a WITH entry here
        std::size_t depth;
    };

    Result<void> check_object(const Visit& visit) {
        const auto& node = *visit.node;
        if (node.contains("class")) return check_expression(node);
        const auto type = node.find("type");
        if (type == node.end() || !type->is_string()) return {};
        return check_node(node, type->get<std::string>(), *visit.ctes);
    }

    static void add_members(const Visit& visit, std::vector<Visit>& waiting) {
        const auto& node = *visit.node;
        // Each WITH entry sees those before it, and the node sees them all.
        auto inner = visit.ctes;
        const auto extend = [&inner](std::string name) {
            auto extended = std::make_shared<Ctes>(*inner);
            extended->insert(std::move(name));
            inner = std::move(extended);
        };
        const auto entries = node.find("cte_map");
        if (entries != node.end() && entries->contains("map")) {
            for (const auto& entry : (*entries)["map"]) {
                if (entry.contains("value")) waiting.push_back({&entry["value"], inner, visit.depth + 1});
                extend(ascii_lowercase(text_of(entry, "key")));
            }
        }
        if (text_of(node, "type") == "RECURSIVE_CTE_NODE") extend(ascii_lowercase(text_of(node, "cte_name")));
        for (const auto& [key, value] : node.items()) {
            // Constants and types hold no expressions.
            if (key == "cte_map" || key == "cast_type" || key == "named_param_map") continue;
            if (key == "value" && text_of(node, "class") == "CONSTANT") continue;
            if (value.is_structured()) waiting.push_back({&value, inner, visit.depth + 1});
        }
    }

    Result<void> check_expression(const json& node) {
        const auto kind = text_of(node, "class");
        if (kind == "PARAMETER") {
            if (parameters_allowed_) return {};
            return refused(
                "the parameter $" + text_of(node, "identifier"),
                "has no value here; parameters are written $1, $2, ..., their values are options.params");
        }
        if (!kExpressionClasses.contains(kind)) return refused("the expression " + kind, "is not supported");
        if (kind == "CAST" && node.contains("cast_type")) return check_type(node["cast_type"]);
        if (kind == "FUNCTION" || kind == "WINDOW") return check_function(node);
        return {};
    }

    Result<void> check_type(const json& type) {
        if (type.is_object()) {
            const auto id = text_of(type, "id");
            const auto alias = text_of(type, "alias");
            if ((!id.empty() && !kTypes.contains(id)) || !alias.empty()) {
                return refused(
                    "the type " + (alias.empty() ? id : alias),
                    "is not supported in queries; CAST to VARCHAR, JSON, DECIMAL or HUGEINT instead");
            }
        }
        if (!type.is_structured()) return {};
        for (const auto& inner : type)
            DL_TRY(check_type(inner));
        return {};
    }

    Result<void> check_function(const json& node) {
        const auto name = ascii_lowercase(text_of(node, "function_name"));
        const auto schema = text_of(node, "schema");
        const auto catalog = text_of(node, "catalog");
        const auto folded = ascii_lowercase(schema);
        const bool of_engine =
            kEngineSchemas.contains(folded) || kEngineSchemas.contains(ascii_lowercase(catalog));
        if (node.contains("qualified_name") || (of_engine && (!catalog.empty() || folded != "main"))) {
            return refused("the function " + (catalog.empty() ? "" : catalog + ".") + schema + "." + name,
                           "is not supported: functions are named without a schema");
        }
        if (&node != in_from_ && !is_query_function(name)) {
            const auto meant = nearest_name(name, query_functions());
            const auto hint = meant.empty() ? "" : "; did you mean " + meant + "()?";
            return refused("the function " + name + "()",
                           ("is not supported: queries call what computes from its arguments and the rows of "
                            "tables, and reach no files, settings or internals" +
                            hint)
                               .c_str());
        }
        // `name.function(...)` is `function(name, ...)`.
        if (!schema.empty() && !of_engine && is_bounded_by_arguments(name)) {
            return make_error(
                ErrorCode::limit_exceeded,
                "write " + name + "(" + schema + ", ...) instead of " + schema + "." + name + "(...)");
        }
        DL_TRY(check_made_length(node, name));
        DL_TRY(check_json_argument(node, name));
        const auto arguments = node.find("children");
        const bool applies = arguments != node.end() &&
                             std::any_of(arguments->begin(), arguments->end(),
                                         [](const json& each) { return text_of(each, "class") == "LAMBDA"; });
        if (applies && made_elements(node) > kMadeLengthMax) {
            return make_error(ErrorCode::limit_exceeded, "the lambdas of " + name + "() make more than " +
                                                             std::to_string(kMadeLengthMax) +
                                                             " elements for a row; use a join with range");
        }
        return {};
    }

    // Are there rules about single arguments of it?
    static bool is_bounded_by_arguments(const std::string& name) {
        return std::ranges::any_of(kJsonArguments, [&](const auto& one) { return one.function == name; });
    }

    Result<void> check_json_argument(const json& node, const std::string& name) {
        const auto children = node.find("children");
        for (const auto& checked : kJsonArguments) {
            if (name != checked.function || children == node.end() || children->size() <= checked.argument)
                continue;
            const auto* text = text_literal((*children)[checked.argument]);
            if (text == nullptr || depth_of(*text) > kJsonArgumentDepthMax) {
                return make_error(ErrorCode::limit_exceeded,
                                  "argument " + std::to_string(checked.argument + 1) + " of " + name +
                                      "() has to be a JSON text written into the statement, at most " +
                                      std::to_string(kJsonArgumentDepthMax) + " levels deep");
            }
        }
        return {};
    }

    Result<void> check_made_length(const json& node, const std::string& name) {
        const auto children = node.find("children");
        const std::size_t count = children == node.end() ? 0 : children->size();
        if (name == "printf" || name == "format") return check_format(node, name, count);
        for (const auto& made : kMadeLengths) {
            if (name != made.function || &node == in_from_) continue;
            // The bounds of a series are all given, or none.
            const std::size_t first = made.argument;
            const std::size_t last = first == 0 ? count : std::min(first + 1, count);
            for (std::size_t i = first; i < last; ++i) {
                const auto length = integer_literal((*children)[i]);
                if (length && std::abs(*length) > kMadeLengthMax) {
                    return make_error(ErrorCode::limit_exceeded,
                                      "the length given to " + name + "() has to be a number of at most " +
                                          std::to_string(kMadeLengthMax) +
                                          " where it is written into the statement" +
                                          (first == 0 ? "; or use it in FROM" : ""));
                }
            }
        }
        return {};
    }

    // A width in the format makes text of that length.
    Result<void> check_format(const json& node, const std::string& name, std::size_t count) {
        if (count == 0) return {};
        const auto& format = node["children"][0];
        const bool literal = text_of(format, "class") == "CONSTANT" && format.contains("value") &&
                             format["value"].contains("value") && format["value"]["value"].is_string();
        bool wide = false;
        if (literal) {
            const auto text = format["value"]["value"].get<std::string>();
            std::size_t digits = 0;
            bool open = false;
            for (std::size_t i = 0; i < text.size(); ++i) {
                digits = text[i] >= '0' && text[i] <= '9' ? digits + 1 : 0;
                if (digits > 4 || text[i] == '*') wide = true;
                if (text[i] == '}') open = false;
                if (text[i] != '{') continue;
                if (open) wide = true;  // `{:{}}` takes the width from an argument
                if (!open && i + 1 < text.size() && text[i + 1] == '{') {
                    ++i;
                } else {
                    open = true;
                }
            }
        }
        if (!wide) return {};
        return make_error(ErrorCode::limit_exceeded,
                          "the format of " + name +
                              "() has to have widths below 10000 where it is written into the statement");
    }

    Result<void> check_node(const json& node, const std::string& type, const std::set<std::string>& ctes) {
        if (type == "SHOW_REF") {
            // Of a query, which is walked like any other.
            if (text_of(node, "show_type") == "SUMMARY" && node.contains("query") &&
                node["query"].is_object())
                return {};
            return refused("DESCRIBE and SHOW, and SUMMARIZE of a table by its name,",
                           "are not supported in a query; use the statements desc, show columns from and "
                           "summarize");
        }
        if (!kNodeTypes.contains(type)) return refused("the clause " + type, "is not supported");
        if (type == "BASE_TABLE") return check_table(node, ctes);
        if (type == "TABLE_FUNCTION") {
            const auto name =
                ascii_lowercase(text_of(node.value("function", json::object()), "function_name"));
            in_from_ = node.contains("function") ? &node["function"] : nullptr;
            if (!kTableFunctions.contains(name)) {
                return refused(
                    "the table function " + name + "()",
                    "is not supported: FROM takes tables, subqueries, range, generate_series and unnest");
            }
        }
        return {};
    }

    Result<void> check_table(const json& node, const std::set<std::string>& ctes) {
        const auto name = ascii_lowercase(text_of(node, "table_name"));
        const auto schema = ascii_lowercase(text_of(node, "schema_name"));
        const auto catalog = text_of(node, "catalog_name");
        if (node.contains("qualified_name") || !catalog.empty() || (!schema.empty() && schema != "main")) {
            return refused("the table name " + (catalog.empty() ? "" : catalog + ".") + schema + "." + name,
                           "is not supported: tables are named without catalog and schema");
        }
        if (node.contains("at_clause")) return refused("AT (...) behind a table", "is not supported");
        if (schema.empty() && ctes.contains(name)) return {};
        if (!table_exists_(name)) {
            return make_error(ErrorCode::table_not_found,
                              "there is no table '" + name + "'; show_table lists them");
        }
        report_.tables.insert(name);
        ++report_.table_references;
        return {};
    }

    const std::function<bool(const std::string&)>& table_exists_;
    const bool parameters_allowed_;
    GateReport& report_;
    const json* in_from_ = nullptr;  // the table function in FROM: it streams
};

}  // namespace

Result<GateReport> check_select(const SelectAst& ast,
                                const std::function<bool(const std::string&)>& table_exists,
                                bool parameters_allowed) {
    GateReport report;
    report.explain = ast.explain();
    const auto& tree = ast.tree();
    if (!tree.contains("statements") || tree["statements"].size() != 1 ||
        !tree["statements"][0].contains("node")) {
        return make_error(ErrorCode::not_supported, "one SELECT at a time");
    }
    DL_TRY(Gate(table_exists, parameters_allowed, report).walk(tree["statements"][0]["node"]));
    return report;
}

}  // namespace dl
