// check_select(): what a user's SELECT may contain.
#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_set>

#include "common/base/ascii.h"
#include "common/duck/select_ast.h"

namespace dl {

namespace {

using nlohmann::json;
using Names = std::unordered_set<std::string_view>;

// Deeper trees could overflow the stack of whoever walks them next. DuckDB's own limit (1000 levels of
// expressions) is reached first.
constexpr std::size_t kDepthMax = 6000;
// Results of functions that make text or lists of a given length are not under DuckDB's memory limit.
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
                          "ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER",
                          "ORDER_DEFAULT", "ASCENDING", "DESCENDING"};
const Names kTableFunctions = {"range", "generate_series", "unnest"};

// Whole names, and beginnings of names, of functions that reach beyond the rows of our tables.
const Names kRefusedFunctions = {"getenv",
                                 "getvariable",
                                 "current_setting",
                                 "set_config",
                                 "nextval",
                                 "currval",
                                 "setseed",
                                 "query",
                                 "query_table",
                                 "glob",
                                 "sniff_csv",
                                 "write_log",
                                 "json_execute_serialized_sql",
                                 "json_serialize_sql",
                                 "json_deserialize_sql",
                                 "json_serialize_plan",
                                 "current_query",
                                 "current_query_id",
                                 "current_connection_id",
                                 "current_transaction_id",
                                 "txid_current",
                                 "in_search_path",
                                 "current_schemas",
                                 "which_secret",
                                 "sql_auto_complete",
                                 "get_block_size",
                                 "parquet_scan",
                                 "seq_scan",
                                 "arrow_scan",
                                 "arrow_scan_dumb",
                                 "create_sort_key",
                                 "constant_or_null",
                                 "replace_type",
                                 "remap_struct",
                                 "vector_type",
                                 "stats",
                                 "checkpoint",
                                 "force_checkpoint",
                                 "summary",
                                 "test_all_types",
                                 "test_vector_types",
                                 "repeat_row",
                                 "from_substrait",
                                 "get_substrait",
                                 "parse_duckdb_log_message",
                                 "enable_logging",
                                 "disable_logging",
                                 "truncate_duckdb_logs",
                                 "check_peg_parser",
                                 "col_description",
                                 "obj_description",
                                 "shobj_description",
                                 "pg_get_viewdef",
                                 "pg_get_constraintdef",
                                 "pg_get_expr"};
constexpr std::array<std::string_view, 16> kRefusedPrefixes = {
    "read_", "write_", "dl_", "duckdb_", "pragma_",   "parquet_", "__internal", "inet_",
    "has_",  "icu_",   "pg_", "sqlite_", "postgres_", "mysql_",   "iceberg_",   "delta_"};
const Names kAllowedDespitePrefix = {"pg_typeof", "pg_size_pretty"};

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

// An integer literal, possibly with a minus sign or a cast around.
std::optional<std::int64_t> integer_literal(const json& expression) {
    const auto kind = text_of(expression, "class");
    if (kind == "CAST" && expression.contains("child")) return integer_literal(expression["child"]);
    if (kind == "FUNCTION" && text_of(expression, "function_name") == "-" &&
        expression.contains("children") && expression["children"].size() == 1) {
        const auto value = integer_literal(expression["children"][0]);
        if (!value) return std::nullopt;
        return -*value;
    }
    if (kind != "CONSTANT" || !expression.contains("value") || !expression["value"].contains("value"))
        return std::nullopt;
    const auto& value = expression["value"]["value"];
    if (!value.is_number_integer()) return std::nullopt;
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > (std::uint64_t{1} << 62))
        return std::nullopt;
    const auto number = value.get<std::int64_t>();
    if (number > (std::int64_t{1} << 62) || number < -(std::int64_t{1} << 62)) return std::nullopt;
    return number;
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

    Result<void> walk(const json& node, const std::set<std::string>& ctes, std::size_t depth) {
        if (depth > kDepthMax)
            return make_error(ErrorCode::limit_exceeded, "the statement is nested too deeply; simplify it");
        if (node.is_array()) {
            for (const auto& element : node)
                DL_TRY(walk(element, ctes, depth + 1));
            return {};
        }
        if (!node.is_object()) return {};
        if (node.contains("class")) {
            DL_TRY(check_expression(node));
        } else if (const auto type = node.find("type"); type != node.end() && type->is_string()) {
            DL_TRY(check_node(node, type->get<std::string>(), ctes));
        }
        // Each WITH entry sees those before it, and the node sees them all.
        std::set<std::string> extended;
        const auto* inner = &ctes;
        const auto entries = node.find("cte_map");
        const bool recursive = text_of(node, "type") == "RECURSIVE_CTE_NODE";
        if (entries != node.end() || recursive) {
            extended = ctes;
            inner = &extended;
            if (entries != node.end() && entries->contains("map")) {
                for (const auto& entry : (*entries)["map"]) {
                    if (entry.contains("value")) DL_TRY(walk(entry["value"], extended, depth + 1));
                    extended.insert(ascii_lowercase(text_of(entry, "key")));
                }
            }
            if (recursive) extended.insert(ascii_lowercase(text_of(node, "cte_name")));
        }
        for (const auto& [key, value] : node.items()) {
            // Constants and types hold no expressions.
            if (key == "cte_map" || key == "cast_type" || key == "named_param_map") continue;
            if (key == "value" && text_of(node, "class") == "CONSTANT") continue;
            DL_TRY(walk(value, *inner, depth + 1));
        }
        return {};
    }

  private:
    Result<void> check_expression(const json& node) {
        const auto kind = text_of(node, "class");
        if (kind == "PARAMETER") {
            if (parameters_allowed_) return {};
            return refused(
                "the parameter $" + text_of(node, "identifier"),
                "has no value here; parameters are written $1, $2, ..., their values are options.params");
        }
        if (!kExpressionClasses.contains(kind)) return refused("the expression " + kind, "is not supported");
        if (kind == "FUNCTION" || kind == "WINDOW") return check_function(node);
        return {};
    }

    Result<void> check_function(const json& node) {
        const auto name = ascii_lowercase(text_of(node, "function_name"));
        const auto schema = ascii_lowercase(text_of(node, "schema"));
        const auto catalog = text_of(node, "catalog");
        if (!catalog.empty() || (!schema.empty() && schema != "main")) {
            return refused("the function " + (catalog.empty() ? "" : catalog + ".") + schema + "." + name,
                           "is not supported: functions are named without a schema");
        }
        const bool prefixed = std::any_of(kRefusedPrefixes.begin(), kRefusedPrefixes.end(),
                                          [&](std::string_view prefix) { return name.starts_with(prefix); });
        if (kRefusedFunctions.contains(name) || (prefixed && !kAllowedDespitePrefix.contains(name))) {
            return refused(
                "the function " + name + "()",
                "is not supported: queries reach the rows of tables only, no files, settings or internals");
        }
        DL_TRY(check_made_length(node, name));
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
                if (!length || std::abs(*length) > kMadeLengthMax) {
                    return make_error(ErrorCode::limit_exceeded,
                                      "the length given to " + name + "() has to be a number of at most " +
                                          std::to_string(kMadeLengthMax) + " written into the statement" +
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
        bool wide = !literal;
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
        return make_error(
            ErrorCode::limit_exceeded,
            "the format of " + name + "() has to be written into the statement, with widths below 10000");
    }

    Result<void> check_node(const json& node, const std::string& type, const std::set<std::string>& ctes) {
        if (type == "SHOW_REF") {
            return refused("DESCRIBE, SHOW and SUMMARIZE",
                           "are not supported in a query; use the statements desc and show_table");
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
        if (!catalog.empty() || !schema.empty()) {
            return refused("the table name " + (catalog.empty() ? "" : catalog + ".") + schema + "." + name,
                           "is not supported: tables are named without catalog and schema");
        }
        if (node.contains("at_clause")) return refused("AT (...) behind a table", "is not supported");
        if (ctes.contains(name)) return {};
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
    DL_TRY(Gate(table_exists, parameters_allowed, report).walk(tree["statements"][0]["node"], {}, 0));
    return report;
}

}  // namespace dl
