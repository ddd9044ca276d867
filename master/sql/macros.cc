#include "master/sql/macros.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "common/base/ascii.h"
#include "common/base/limits.h"
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
    Macro{"getdate", 0, "now()"},
    Macro{"sysdate", 0, "now()"},
    Macro{"sysdatetime", 0, "now()"},
    Macro{"isnull", 1, "dl_argument_0 IS NULL"},
    Macro{"toyyyymm", 1, "CAST(year(dl_argument_0) * 100 + month(dl_argument_0) AS BIGINT)"},
    Macro{"toyyyymmdd", 1,
          "CAST(year(dl_argument_0) * 10000 + month(dl_argument_0) * 100 + day(dl_argument_0) AS BIGINT)"},
    Macro{"toyear", 1, "year(dl_argument_0)"},
    Macro{"tomonth", 1, "month(dl_argument_0)"},
    Macro{"todayofmonth", 1, "day(dl_argument_0)"},
    Macro{"tohour", 1, "hour(dl_argument_0)"},
    Macro{"tominute", 1, "minute(dl_argument_0)"},
    Macro{"tosecond", 1, "second(dl_argument_0)"},
    Macro{"generateuuidv4", 0, "uuid()"},
    Macro{"newid", 0, "uuid()"},
    Macro{"charindex", 2, "instr(dl_argument_1, dl_argument_0)"},
    // What they are here, rather than in the engine: the names that information_schema has.
    Macro{"current_database", 0, "'datalake'"},
    Macro{"current_catalog", 0, "'datalake'"},
    Macro{"database", 0, "'datalake'"},
    Macro{"schema", 0, "'main'"},
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
constexpr std::size_t kAnyNumber = ~std::size_t{0};
struct Elsewhere {
    std::string_view name;
    std::string_view way;
    std::size_t arguments = kAnyNumber;  // with others it is the engine's own, or a macro
};
constexpr std::array kElsewhere = {
    Elsewhere{"dateadd", "ts + interval 1 day, or with a column n: ts + n * interval 1 day"},
    Elsewhere{"to_number", "cast(text as decimal(18,3)), or try_cast for texts that may be none"},
    Elsewhere{"initcap", "upper(left(a, 1)) || lower(substr(a, 2)), of one word"},
    Elsewhere{"tostartofweek", "date_trunc('week', ts), of weeks from Monday, or toMonday(ts)"},
    Elsewhere{"anylast", "last(v, ts), the one of the highest ts"},
    Elsewhere{"grouparray", "list(x), which has NULLs too, or list(x) filter (x is not null)"},
    Elsewhere{"groupuniqarray", "list(distinct x)"},
    Elsewhere{"uniq", "count(distinct x), or approx_count_distinct(x)"},
    Elsewhere{"uniqexact", "count(distinct x)"},
    Elsewhere{"sumif", "sum(x) filter (condition)"},
    Elsewhere{"avgif", "avg(x) filter (condition)"},
    Elsewhere{"splitbychar", "string_split(text, ','): the text comes first"},
    Elsewhere{"splitbystring", "string_split(text, ', '): the text comes first"},
    Elsewhere{"arrayjoin", "unnest(list)"},
    Elsewhere{"explode", "unnest(list)"},
    Elsewhere{"numbers", "from range(3) r(number), which counts from 0"},
    Elsewhere{"timestampdiff",
              "date_diff('day', a, b), which counts the days that begin between them, or date_sub('day', a, "
              "b), which counts whole ones"},
    Elsewhere{"datediff", "date_diff('day', b, a), the days from b to a", 2},
    Elsewhere{"date_sub", "ts - interval 1 day", 2},
    Elsewhere{"to_timestamp", "strptime(text, '%Y-%m-%d %H:%M:%S')", 2},
    Elsewhere{"isnull", "coalesce(v, 0)", 2},
    Elsewhere{"top", "limit 5 at the end of the statement"},
    Elsewhere{"convert", "cast(x as int)"},
    Elsewhere{"rand", "random(), from 0 to 1"},
    Elsewhere{"substring_index", "string_split(text, ',')[1], the first part"},
    Elsewhere{"jsonextractstring", "json_extract_string(j, '$.k'), or j->>'k'"},
    Elsewhere{"jsonextractint", "cast(j->>'k' as long)"},
    Elsewhere{"jsonextractfloat", "cast(j->>'k' as double)"},
    Elsewhere{"jsonextractbool", "cast(j->>'k' as boolean)"},
    Elsewhere{"toint32", "cast(x as int)"},
    Elsewhere{"toint64", "cast(x as long)"},
    Elsewhere{"tofloat64", "cast(x as double)"},
    Elsewhere{"todatetime64", "cast(x as timestamp)"},
    Elsewhere{"eomonth", "last_day(ts)"},
};

// Names the engine answers for itself, with or without parentheses, where no column is called so.
bool is_user_name(std::string_view name) {
    return name == "user" || name == "current_user" || name == "session_user" || name == "current_role";
}
Error no_users(const std::string& name) {
    return make_error(
        ErrorCode::not_supported,
        name + " is not supported: the server has no users; all who reach its port may do the same");
}

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
           name == "interpolate" || is_user_name(name) || has(kMacros) || has(kRenamed) || has(kElsewhere);
}

// `* replace (...)`, COLUMNS(...): it stands for several columns, each with a name of its own.
bool has_star(const Json& expression) {
    if (is_select_node(expression)) return false;
    if (class_of(expression) == "STAR") return true;
    return std::ranges::any_of(expression,
                               [](const Json& part) { return part.is_structured() && has_star(part); });
}

// Lexically: a name of one, and a parenthesis.
bool may_call_macro(std::string_view sql) {
    bool named = false;
    while (!sql.empty()) {
        const auto token = take_sql_token(sql);
        if (token.kind == SqlToken::Kind::blank) continue;
        if (named && token.text == "(") return true;
        named = false;
        if (token.kind != SqlToken::Kind::word) continue;
        const auto name = ascii_lowercase(token.text);
        if (name == "current_catalog" || is_user_name(name)) return true;
        named = is_macro(name);
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
            const auto* from = member(node, "from_table");
            if (from == nullptr || text_of(*from, "type") == "EMPTY") {
                for (auto& column : node["select_list"])
                    DL_TRY(system_names(column, true));
            }
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
        if (replaced_ && column.is_object() && text_of(column, "alias").empty() && !has_star(column)) {
            DL_TRY_ASSIGN(auto text, text_of_expression(written));
            column["alias"] = as_written(std::move(text));
        }
        replaced_ = replaced_ || before;
        return {};
    }

    // Of a SELECT without FROM: its names are no columns. `shown`: the expression is a column of the result.
    Result<void> system_names(Json& node, bool shown) {
        for (auto& child : node)
            if (child.is_structured() && !is_select_node(child)) DL_TRY(system_names(child, false));
        if (class_of(node) != "COLUMN_REF" || node["column_names"].size() != 1) return {};
        const auto name = ascii_lowercase(node["column_names"][0].get<std::string>());
        if (is_user_name(name)) return no_users(name);
        if (name != "current_catalog") return {};
        if (shown && text_of(node, "alias").empty()) node["alias"] = name;
        return replace(node, "'datalake'");
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
        if (is_user_name(name)) return no_users(name);
        if (name == "datediff" && count == 3) return check_unit(node["children"][0]);
        bool elsewhere = false;
        for (const auto& one : kElsewhere) {
            if (one.name != name) continue;
            elsewhere = true;
            if (one.arguments == kAnyNumber || one.arguments == count)
                return make_error(ErrorCode::not_supported,
                                  std::string(name) + "() is not supported; write " + std::string(one.way));
        }
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
        const bool of_engine = elsewhere && std::ranges::find(kMacros, name, &Macro::name) == kMacros.end();
        if (of_engine) return {};
        std::string takes;
        for (const auto& macro : kMacros)
            if (macro.name == name) takes += (takes.empty() ? "" : " or ") + std::to_string(macro.arguments);
        return make_error(ErrorCode::not_supported, calls(name, count) + " is not there; it takes " + takes);
    }

    // datediff(day, a, b): the unit is a text here; a column of its name would be t.day.
    static Result<void> check_unit(const Json& unit) {
        if (class_of(unit) != "COLUMN_REF" || unit["column_names"].size() != 1) return {};
        const auto name = ascii_lowercase(unit["column_names"][0].get<std::string>());
        for (const char* one : {"year", "quarter", "month", "week", "day", "hour", "minute", "second"})
            if (name == one)
                return make_error(
                    ErrorCode::not_supported,
                    "the unit of datediff() is written in quotes: datediff('" + name + "', a, b)");
        return {};
    }

    // '\x4142' is two bytes for PostgreSQL; to the engine it is one, and the text 42.
    static Result<void> check_bytes(const Json& node) {
        const auto& type = node["cast_type"];
        const auto* info = member(type, "type_info");
        const auto name = ascii_lowercase(info == nullptr ? text_of(type, "id") : text_of(*info, "name"));
        const auto* value = class_of(node["child"]) == "CONSTANT" ? member(node["child"], "value") : nullptr;
        const auto* text = value != nullptr ? member(*value, "value") : nullptr;
        constexpr std::array<std::string_view, 4> kBytes = {"blob", "bytea", "binary", "varbinary"};
        if (text == nullptr || !text->is_string() || std::ranges::count(kBytes, name) == 0) return {};
        const auto written = text->get<std::string>();
        constexpr std::size_t kOneByte = 4;  // \x41 is the same to both
        if (!written.starts_with("\\x") || written.size() <= kOneByte ||
            written.find_first_not_of("0123456789abcdefABCDEF", 2) != std::string::npos)
            return {};
        const auto digits = written.substr(2, limits::error_value_bytes_max);
        return make_error(ErrorCode::not_supported,
                          "'\\x" + digits +
                              "' would be one byte and a text here; bytes by their hexadecimal digits "
                              "are x'" +
                              digits + "'");
    }

    // A cast to a text of at most so many characters cuts it there, as elsewhere.
    Result<void> cast(Json& node) {
        DL_TRY(check_bytes(node));
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
    const bool may_have_hex = sql.find("\\x") != std::string_view::npos;
    if (!may_call_macro(sql) && !names_checked_type(sql) && !may_have_hex) return typed;
    DL_TRY_ASSIGN(auto ast, SelectAst::parse(database, sql));
    Expander expander(database);
    DL_TRY(expander.walk(ast.tree()));
    if (!expander.replaced()) return typed;
    DL_TRY_ASSIGN(auto text, faithful_sql(database, ast.tree()));
    return std::optional<std::string>(ast.explain() ? "EXPLAIN " + text : text);
}

}  // namespace dl::master
