// SUMMARIZE of columns whose average the engine cannot sum up: decimals so wide that a few of their values go
// beyond its widest number.
#include <algorithm>
#include <string>
#include <utility>

#include "common/duck/parquet_file.h"
#include "master/execution/command_runs.h"
#include "master/sql/pivot_statement.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

// 1.7e38 is the widest sum: of fewer digits 10^11 rows fit.
constexpr int kDigitsSummed = 27;

bool is_wide(const PreparedSelect::Column& column) {
    return column.type && column.type->kind == TypeKind::decimal && column.type->precision > kDigitsSummed;
}

std::string case_of(const std::vector<std::pair<std::string, std::string>>& values, const std::string& rest) {
    std::string sql = "CASE s.column_name";
    for (const auto& [name, value] : values)
        sql += " WHEN " + sql_literal(name) + " THEN " + value;
    return sql + " ELSE s." + rest + " END AS " + rest;
}

// Average, deviation and quantiles of the wide columns as doubles, which they are in any case; what has to be
// exact from the columns themselves.
std::string summary_of(const std::string& select, const StatementShape& shape) {
    std::string names, ordered, doubles, exact;
    std::vector<std::pair<std::string, std::string>> least, most, distinct;
    for (const auto& column : shape.columns) {
        const auto name = sql_identifier(column.name);
        names += (names.empty() ? "" : ", ") + name;
        ordered += (ordered.empty() ? "" : ", ") + sql_literal(column.name);
        if (!is_wide(column)) continue;
        const auto at = std::to_string(least.size());
        doubles += (doubles.empty() ? "CAST(" : ", CAST(") + name + " AS DOUBLE) AS " + name;
        exact += (exact.empty() ? "min(" : ", min(") + name + ") AS least" + at + ", max(" + name +
                 ") AS most" + at + ", approx_count_distinct(" + name + ") AS distinct" + at;
        least.emplace_back(column.name, "CAST(x.least" + at + " AS VARCHAR)");
        most.emplace_back(column.name, "CAST(x.most" + at + " AS VARCHAR)");
        distinct.emplace_back(column.name, "x.distinct" + at);
    }
    const auto rows = "(" + select + "\n) AS summed(" + names + ")";
    return "SELECT s.column_name, types.column_type, " + case_of(least, "min") + ", " + case_of(most, "max") +
           ", " + case_of(distinct, "approx_unique") +
           ", s.avg, s.std, s.q25, s.q50, s.q75, s.count, s.null_percentage FROM (SUMMARIZE SELECT * REPLACE "
           "(" +
           doubles + ") FROM " + rows + ") AS s, (SELECT " + exact + " FROM " + rows +
           ") AS x, (SUMMARIZE SELECT * FROM " + rows +
           " LIMIT 0) AS types WHERE types.column_name = s.column_name ORDER BY list_position([" + ordered +
           "], s.column_name)";
}

}  // namespace

asio::awaitable<Result<std::string>> summary_select(Services& services, CommandContext& context,
                                                    Query query) {
    if (may_pivot(query.summarized)) {
        Query rows{query.summarized, query.cut, query.params, {}};
        DL_CO_TRY_ASSIGN(query.summarized, co_await with_pivot_values(services, context, std::move(rows)));
        query.sql = "SELECT * FROM (SUMMARIZE " + query.summarized + "\n)";
    }
    const auto shape = co_await shape_of_select(services, context, query.summarized, query.params);
    // What is wrong with it is said of the statement as a whole.
    if (shape.has_error() || std::ranges::none_of(shape->columns, is_wide)) co_return std::move(query.sql);
    co_return summary_of(query.summarized, *shape);
}

}  // namespace dl::master
