#include "common/duck/average_function.h"

#include <cmath>

namespace dl::duck {

namespace {

// As DuckDB turns a HUGEINT into a floating number; sums of 64 bits stay exact.
template <class T>
T floating(const duckdb_hugeint& value) {
    if (value.upper == -1) return -static_cast<T>(~std::uint64_t{0} - value.lower) - 1;
    return static_cast<T>(value.lower) +
           static_cast<T>(value.upper) * (static_cast<T>(~std::uint64_t{0}) + 1);
}

template <class T>
double mean(const duckdb_hugeint& sum, std::int64_t rows, std::int32_t scale) {
    const T divisor = static_cast<T>(rows) * static_cast<T>(std::pow(10.0, scale));
    return static_cast<double>(floating<T>(sum) / divisor);
}

void bind(duckdb_bind_info info) {
    Expression sum(duckdb_scalar_function_bind_get_argument(info, 0));
    LogicalType type(duckdb_expression_return_type(sum.get()));
    const auto id = duckdb_get_type_id(type.get());
    const bool decimal =
        id == DUCKDB_TYPE_DECIMAL && duckdb_decimal_internal_type(type.get()) == DUCKDB_TYPE_HUGEINT;
    if (id != DUCKDB_TYPE_HUGEINT && !decimal) {
        duckdb_scalar_function_bind_set_error(info, "dl_average: the sum has to be of 128 bits");
    }
}

void run(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
    const auto vector = [&](idx_t column) { return duckdb_data_chunk_get_vector(input, column); };
    const auto* sums = static_cast<const duckdb_hugeint*>(duckdb_vector_get_data(vector(0)));
    const auto* rows = static_cast<const std::int64_t*>(duckdb_vector_get_data(vector(1)));
    const auto* scales = static_cast<const std::int32_t*>(duckdb_vector_get_data(vector(2)));
    const auto* narrow = static_cast<const std::int32_t*>(duckdb_vector_get_data(vector(3)));
    auto* sums_valid = duckdb_vector_get_validity(vector(0));
    auto* means = static_cast<double*>(duckdb_vector_get_data(output));
    duckdb_vector_ensure_validity_writable(output);
    auto* valid = duckdb_vector_get_validity(output);
    const idx_t count = duckdb_data_chunk_get_size(input);
    for (idx_t i = 0; i < count; ++i) {
        if (rows[i] == 0 || !duckdb_validity_row_is_valid(sums_valid, i)) {
            duckdb_validity_set_row_invalid(valid, i);
            continue;
        }
        means[i] = narrow[i] != 0 ? mean<double>(sums[i], rows[i], scales[i])
                                  : mean<long double>(sums[i], rows[i], scales[i]);
    }
}

}  // namespace

Result<void> register_average(duckdb_connection connection) {
    ScalarFunction function(duckdb_create_scalar_function());
    duckdb_scalar_function_set_name(function.get(), "dl_average");
    const auto add = [&](duckdb_type type) {
        LogicalType parameter(duckdb_create_logical_type(type));
        duckdb_scalar_function_add_parameter(function.get(), parameter.get());
    };
    add(DUCKDB_TYPE_ANY);
    add(DUCKDB_TYPE_BIGINT);
    add(DUCKDB_TYPE_INTEGER);
    add(DUCKDB_TYPE_INTEGER);
    LogicalType result(duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE));
    duckdb_scalar_function_set_return_type(function.get(), result.get());
    duckdb_scalar_function_set_bind(function.get(), bind);
    duckdb_scalar_function_set_function(function.get(), run);
    if (duckdb_register_scalar_function(connection, function.get()) != DuckDBSuccess) {
        return make_error(ErrorCode::internal, "DuckDB refused the function dl_average");
    }
    return {};
}

}  // namespace dl::duck
