#include "master/sql/statement_shape.h"

#include <utility>

#include "common/duck/parquet_file.h"
#include "master/sql/planning_session.h"

namespace dl::master {

namespace {

// Any value of the type.
std::string sample_literal(DataType type) {
    switch (type.kind) {
        case TypeKind::string:
            return "'1'";
        case TypeKind::boolean:
            return "TRUE";
        case TypeKind::date:
            return "'2000-01-01'::DATE";
        case TypeKind::timestamp:
            return "'2000-01-01'::TIMESTAMP";
        case TypeKind::binary:
            return "''::BLOB";
        case TypeKind::json:
            return "NULL";
        default:
            return "0::" + duck_type_name(type);
    }
}

Result<std::vector<std::string>> literals_of(const SqlParameters& values,
                                             const std::vector<std::optional<DataType>>& types) {
    std::vector<std::string> literals;
    for (std::size_t i = 0; i < values.size(); ++i) {
        DL_TRY_ASSIGN(auto literal,
                      parameter_literal(static_cast<std::uint32_t>(i + 1), values[i], types[i]));
        literals.push_back(std::move(literal));
    }
    return literals;
}

}  // namespace

Result<ShapeFinder::Described> ShapeFinder::prepare(std::string_view sql) {
    DL_TRY_ASSIGN(const auto parsed, reader_.parse(sql, lookup_, true));
    DL_TRY_ASSIGN(auto planning, PlanningSession::open(database_, parsed.tables, cancel_));
    DL_TRY_ASSIGN(auto select, planning->prepare(parsed.ast.short_text()));
    auto origins = column_origins(parsed.ast, parsed.tables);
    if (origins.size() != select.columns.size()) origins.clear();
    return Described{std::move(select), parsed.explain, std::move(origins)};
}

// Columns of a statement with parameters that can be of any type: a type is known when it is the same
// whatever theirs is.
Result<std::vector<PreparedSelect::Column>> ShapeFinder::columns_of_any(
    std::string_view sql, const std::vector<ParameterUse>& uses,
    const std::vector<std::optional<DataType>>& types) {
    std::vector<PreparedSelect::Column> columns;
    std::optional<Error> refused;
    for (const char* any : {"'1'", "1", "1.5::DOUBLE", "NULL"}) {
        if (std::string_view(any) == "NULL" && !columns.empty()) break;
        std::vector<std::string> literals;
        for (const auto& type : types)
            literals.push_back(type ? sample_literal(*type) : any);
        auto bound = prepare(with_literals(sql, uses, literals));
        if (!bound) {
            if (!refused) refused = bound.error();
            continue;
        }
        auto& found = bound->select.columns;
        if (columns.empty()) {
            columns = std::move(found);
            continue;
        }
        for (std::size_t i = 0; i < columns.size() && i < found.size(); ++i)
            if (columns[i].type != found[i].type) columns[i].type.reset();
    }
    if (columns.empty() && refused) return *refused;
    return columns;
}

Result<StatementShape> ShapeFinder::find(std::string_view sql, const SqlParameters& values) {
    DL_TRY_ASSIGN(const auto uses, find_parameters(sql));
    DL_TRY_ASSIGN(auto prepared, prepare(sql));
    StatementShape shape{std::move(prepared.select.columns), std::move(prepared.select.parameters),
                         std::move(prepared.origins)};
    shape.parameters.resize(parameter_count(uses));
    if (!values.empty()) {
        DL_TRY(check_parameter_count(shape.parameters.size(), values.size()));
        DL_TRY_ASSIGN(const auto literals, literals_of(values, shape.parameters));
        DL_TRY_ASSIGN(auto bound, prepare(with_literals(sql, uses, literals)));
        shape.columns = std::move(bound.select.columns);
    } else if (!prepared.select.columns_known) {
        DL_TRY_ASSIGN(shape.columns, columns_of_any(sql, uses, shape.parameters));
    }
    if (prepared.explain) {
        const DataType text{TypeKind::string, 0, 0};
        shape.columns = {{"explain_key", text}, {"explain_value", text}};
        shape.origins.clear();
    }
    return shape;
}

Result<std::string> ShapeFinder::with_values(std::string_view sql, const SqlParameters& values) {
    DL_TRY_ASSIGN(const auto uses, find_parameters(sql));
    DL_TRY(check_parameter_count(parameter_count(uses), values.size()));
    DL_TRY_ASSIGN(auto prepared, prepare(sql));
    prepared.select.parameters.resize(values.size());
    DL_TRY_ASSIGN(const auto literals, literals_of(values, prepared.select.parameters));
    return with_literals(sql, uses, literals);
}

}  // namespace dl::master
