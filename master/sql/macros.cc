#include "master/sql/macros.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "common/base/ascii.h"
#include "common/duck/parquet_file.h"
#include "common/duck/select_ast.h"
#include "common/duck/sql_token.h"
#include "master/sql/cast_types.h"
#include "master/sql/gap_filling.h"
#include "master/sql/query_ast.h"

namespace dl::master {
namespace {

// An expression whose columns dl_argument_0, ... are the arguments.
struct Macro {
    std::string_view name;  // lower-case
    std::size_t arguments;
    std::string_view expression;
};
constexpr std::array kMacros = {
    Macro{"tostartofsecond", 1, "date_trunc('second', dl_argument_0)"},
    Macro{"tostartofminute", 1, "date_trunc('minute', dl_argument_0)"},
    Macro{"tostartoffiveminutes", 1, "time_bucket(INTERVAL 5 MINUTE, dl_argument_0)"},
    Macro{"tostartoffiveminute", 1, "time_bucket(INTERVAL 5 MINUTE, dl_argument_0)"},
    Macro{"tostartoftenminutes", 1, "time_bucket(INTERVAL 10 MINUTE, dl_argument_0)"},
    Macro{"tostartoffifteenminutes", 1, "time_bucket(INTERVAL 15 MINUTE, dl_argument_0)"},
    Macro{"tostartofhour", 1, "date_trunc('hour', dl_argument_0)"},
    Macro{"tostartofday", 1, "date_trunc('day', dl_argument_0)"},
    Macro{"tomonday", 1, "CAST(date_trunc('week', dl_argument_0) AS DATE)"},
    Macro{"tostartofmonth", 1, "CAST(date_trunc('month', dl_argument_0) AS DATE)"},
    Macro{"tostartofquarter", 1, "CAST(date_trunc('quarter', dl_argument_0) AS DATE)"},
    Macro{"tostartofyear", 1, "CAST(date_trunc('year', dl_argument_0) AS DATE)"},
    Macro{"tostartofinterval", 2, "time_bucket(dl_argument_1, dl_argument_0)"},
    Macro{"todate", 1, "CAST(dl_argument_0 AS DATE)"},
    Macro{"todatetime", 1, "CAST(dl_argument_0 AS TIMESTAMP)"},
    Macro{"unix_timestamp", 0, "CAST(floor(epoch(now())) AS BIGINT)"},
    Macro{"unix_timestamp", 1, "CAST(floor(epoch(CAST(dl_argument_0 AS TIMESTAMP))) AS BIGINT)"},
    Macro{"from_unixtime", 1, "make_timestamp(CAST(dl_argument_0 AS BIGINT) * 1000000)"},
    Macro{"iff", 3, "CASE WHEN dl_argument_0 THEN dl_argument_1 ELSE dl_argument_2 END"},
    Macro{"nvl", 2, "coalesce(dl_argument_0, dl_argument_1)"},
    Macro{"date_bin", 2, "time_bucket(dl_argument_0, dl_argument_1, TIMESTAMP '2000-01-01')"},
    Macro{"date_bin", 3, "time_bucket(dl_argument_0, dl_argument_1, dl_argument_2)"},
    Macro{"to_date", 1, "CAST(dl_argument_0 AS DATE)"},
    Macro{"tostring", 1, "CAST(dl_argument_0 AS VARCHAR)"},
    Macro{"curdate", 0, "current_date"},
    // What they are here, rather than in the engine: the names that information_schema has.
    Macro{"current_database", 0, "'datalake'"},
    Macro{"current_catalog", 0, "'datalake'"},
    Macro{"version", 0, "'DataLakeDB " DL_VERSION "'"},
    Macro{"locate", 2, "instr(dl_argument_1, dl_argument_0)"},
    Macro{"convert_tz", 3,
          "((CAST(dl_argument_0 AS TIMESTAMP) AT TIME ZONE dl_argument_1) AT TIME ZONE dl_argument_2)"},
    Macro{"nvl2", 3, "CASE WHEN dl_argument_0 IS NOT NULL THEN dl_argument_1 ELSE dl_argument_2 END"},
};

// Aggregates under another name, with the arguments, FILTER and DISTINCT they have.
struct Renamed {
    std::string_view name;
    std::size_t arguments;
    const char* engine;
};
constexpr std::array kRenamed = {Renamed{"last", 2, "arg_max"}, Renamed{"first", 2, "arg_min"}};

// Known elsewhere, and how it is written here.
struct Elsewhere {
    std::string_view name;
    std::string_view way;
};
constexpr std::array kElsewhere = {
    Elsewhere{"dateadd", "ts + interval 1 day, or with a column n: ts + n * interval 1 day"},
    Elsewhere{"to_number", "cast(text as decimal(18,3)), or try_cast for texts that may be none"},
    Elsewhere{"initcap", "upper(left(a, 1)) || lower(substr(a, 2)), of one word"},
    Elsewhere{"tostartofweek", "date_trunc('week', ts), of weeks from Monday, or toMonday(ts)"},
};

// Functions of two arguments whose second is a pattern, written into the statement.
struct Patterned {
    std::string_view name;
    Result<std::string> (*strftime)(std::string_view pattern);
    std::string_view before, after;  // of the pattern in the engine's words
};
constexpr std::array kPatterned = {
    Patterned{"to_char", strftime_of_to_char, "strftime(dl_argument_0, ", ")"},
    Patterned{"date_format", strftime_of_date_format, "strftime(dl_argument_0, ", ")"},
    Patterned{"formatdatetime", strftime_of_date_format, "strftime(dl_argument_0, ", ")"},
    Patterned{"str_to_date", strftime_of_date_format, "strptime(dl_argument_0, ", ")"},
    Patterned{"to_date", strftime_of_to_char, "CAST(strptime(dl_argument_0, ", ") AS DATE)"},
};

const Patterned* pattern_of(std::string_view name) {
    const auto found = std::ranges::find(kPatterned, name, &Patterned::name);
    return found == kPatterned.end() ? nullptr : &*found;
}

bool is_macro(std::string_view name) {
    const auto has = [&](const auto& list) {
        return std::ranges::any_of(list, [&](const auto& one) { return one.name == name; });
    };
    return pattern_of(name) != nullptr || name == "time_bucket_gapfill" || name == "locf" ||
           name == "interpolate" || has(kMacros) || has(kRenamed) || has(kElsewhere);
}

// Lexically: a name of one, and a parenthesis.
bool may_call_macro(std::string_view sql) {
    bool named = false;
    while (!sql.empty()) {
        const auto token = take_sql_token(sql);
        if (token.kind == SqlToken::Kind::blank) continue;
        if (named && token.text == "(") return true;
        named = token.kind == SqlToken::Kind::word && is_macro(ascii_lowercase(token.text));
    }
    return false;
}

std::string calls(std::string_view name, std::size_t arguments) {
    return std::string(name) + "() with " + std::to_string(arguments) +
           (arguments == 1 ? " argument" : " arguments");
}

class Expander {
  public:
    explicit Expander(DuckDatabase& database) : database_(database) {}

    Result<void> walk(Json& node) {
        if (fills_gaps(node)) {
            DL_TRY(fill_gaps(database_, node));
            replaced_ = true;
        }
        if (node.is_object() && node.contains("select_list")) {
            for (auto& column : node["select_list"])
                DL_TRY(column_of(column));
        }
        for (auto&& [key, child] : node.items()) {
            if (key == "select_list" || !child.is_structured()) continue;
            if (key == "value" && class_of(node) == "CONSTANT") continue;
            DL_TRY(walk(child));
        }
        if (class_of(node) == "FUNCTION") return function(node);
        if (class_of(node) == "CAST") return cast(node);
        return {};
    }
    bool replaced() const { return replaced_; }

  private:
    Result<void> column_of(Json& column) {
        const auto before = std::exchange(replaced_, false);
        const auto written = column;
        DL_TRY(walk(column));
        if (replaced_ && column.is_object() && text_of(column, "alias").empty()) {
            DL_TRY_ASSIGN(auto text, text_of_expression(written));
            column["alias"] = as_written(std::move(text));
        }
        replaced_ = replaced_ || before;
        return {};
    }

    Result<std::string> text_of_expression(const Json& expression) {
        DL_TRY_ASSIGN(auto parsed, SelectAst::parse(database_, "SELECT 1"));
        parsed.tree()["statements"][0]["node"]["select_list"] = Json::array({expression});
        DL_TRY_ASSIGN(auto text, parsed.to_sql(database_));
        constexpr std::string_view kSelect = "SELECT ";
        return text.starts_with(kSelect) ? text.substr(kSelect.size()) : text;
    }

    Result<void> function(Json& node) {
        const auto name = ascii_lowercase(text_of(node, "function_name"));
        if (!is_macro(name)) return {};
        const std::size_t count = node.contains("children") ? node["children"].size() : 0;
        if (name == "time_bucket_gapfill" || name == "locf" || name == "interpolate")
            return make_error(
                ErrorCode::not_supported,
                name + "() stands in the columns of a SELECT with GROUP BY time_bucket_gapfill(...)");
        for (const auto& one : kElsewhere)
            if (one.name == name)
                return make_error(ErrorCode::not_supported,
                                  std::string(name) + "() is not supported; write " + std::string(one.way));
        for (const auto& one : kRenamed) {
            if (one.name != name) continue;
            if (one.arguments != count) return {};  // the engine's own of that name
            node["function_name"] = one.engine;
            replaced_ = true;
            return {};
        }
        for (const auto& macro : kMacros)
            if (macro.name == name && macro.arguments == count)
                return replace(node, std::string(macro.expression));
        if (const auto* patterned = pattern_of(name)) return pattern(node, *patterned, count);
        std::string takes;
        for (const auto& macro : kMacros)
            if (macro.name == name) takes += (takes.empty() ? "" : " or ") + std::to_string(macro.arguments);
        return make_error(ErrorCode::not_supported, calls(name, count) + " is not there; it takes " + takes);
    }

    // A cast to a text of at most so many characters cuts it there, as elsewhere.
    Result<void> cast(Json& node) {
        const auto most = characters_of_checked_type(node["cast_type"]);
        if (!most) return {};
        const bool tries = node.value("try_cast", false);
        auto call = node;
        call["children"] = Json::array({node["child"]});
        DL_TRY(replace(call, "\"left\"(" + std::string(tries ? "TRY_CAST" : "CAST") +
                                 "(dl_argument_0 AS VARCHAR), " + std::to_string(*most) + ")"));
        node = std::move(call);
        return {};
    }

    Result<void> pattern(Json& node, const Patterned& function, std::size_t count) {
        const std::string name(function.name);
        if (count != 2)
            return make_error(ErrorCode::not_supported, calls(name, count) + " is not there; it takes 2");
        const auto& given = node["children"][1];
        const auto* value = class_of(given) == "CONSTANT" ? member(given, "value") : nullptr;
        const auto* text = value != nullptr ? member(*value, "value") : nullptr;
        if (text == nullptr || !text->is_string())
            return make_error(ErrorCode::not_supported,
                              "the pattern of " + name +
                                  "() has to be written into the statement; strftime() and strptime() take "
                                  "any text");
        DL_TRY_ASSIGN(const auto format, function.strftime(text->get<std::string>()));
        return replace(node,
                       std::string(function.before) + sql_literal(format) + std::string(function.after));
    }

    // The expression, with the arguments of the call in their places.
    Result<void> replace(Json& node, const std::string& expression) {
        DL_TRY_ASSIGN(auto parsed, SelectAst::parse(database_, "SELECT " + expression));
        auto made = std::move(parsed.tree()["statements"][0]["node"]["select_list"][0]);
        fill(made, node.contains("children") ? node["children"] : Json::array());
        if (const auto alias = text_of(node, "alias"); !alias.empty()) made["alias"] = alias;
        node = std::move(made);
        replaced_ = true;
        return {};
    }

    static void fill(Json& node, const Json& arguments) {
        if (class_of(node) == "COLUMN_REF" && node["column_names"].size() == 1) {
            const auto name = node["column_names"][0].get<std::string>();
            constexpr std::string_view kArgument = "dl_argument_";
            if (name.starts_with(kArgument)) {
                node = arguments[static_cast<std::size_t>(name[kArgument.size()] - '0')];
                return;
            }
        }
        for (auto& child : node)
            if (child.is_structured()) fill(child, arguments);
    }

    DuckDatabase& database_;
    bool replaced_ = false;
};

}  // namespace

Result<std::optional<std::string>> with_macros(DuckDatabase& database, std::string_view sql) {
    const auto typed = with_engine_types(sql);
    if (typed) sql = *typed;
    if (!may_call_macro(sql) && !names_checked_type(sql)) return typed;
    DL_TRY_ASSIGN(auto ast, SelectAst::parse(database, sql));
    Expander expander(database);
    DL_TRY(expander.walk(ast.tree()));
    if (!expander.replaced()) return typed;
    DL_TRY_ASSIGN(auto text, faithful_sql(database, ast.tree()));
    return std::optional<std::string>(ast.explain() ? "EXPLAIN " + text : text);
}

}  // namespace dl::master
