#include "common/duck/row_alive_function.h"

namespace dl::duck {

namespace {

static_assert(sizeof(bool) == 1);

struct BoundFilter {
    std::shared_ptr<const RowFilter> filter;
};

void destroy_bound(void* data) {
    delete static_cast<BoundFilter*>(data);
}
void* copy_bound(void* data) {
    return new BoundFilter(*static_cast<BoundFilter*>(data));
}

// The handle is a constant, so the filter is looked up once, when the statement is bound.
void bind(duckdb_bind_info info) {
    auto* registry = static_cast<HandleRegistry*>(duckdb_scalar_function_bind_get_extra_info(info));
    ClientContext client;
    duckdb_scalar_function_get_client_context(info, client.out());
    Expression argument(duckdb_scalar_function_bind_get_argument(info, 0));
    if (!argument || !duckdb_expression_is_foldable(argument.get())) {
        duckdb_scalar_function_bind_set_error(info, "dl_alive: the handle has to be a constant");
        return;
    }
    DuckValue value;
    ErrorData error(duckdb_expression_fold(client.get(), argument.get(), value.out()));
    if ((error && duckdb_error_data_has_error(error.get())) || !value) {
        duckdb_scalar_function_bind_set_error(info, "dl_alive: the handle has to be a number");
        return;
    }
    auto found = registry->find(static_cast<std::uint64_t>(duckdb_get_int64(value.get())),
                                duckdb_client_context_get_connection_id(client.get()));
    if (!found || !found->filter) {
        duckdb_scalar_function_bind_set_error(info, "dl_alive: no such row filter in this session");
        return;
    }
    duckdb_scalar_function_set_bind_data(info, new BoundFilter{std::move(found->filter)}, destroy_bound);
    duckdb_scalar_function_set_bind_data_copy(info, copy_bound);
}

void run(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    const auto* bound = static_cast<const BoundFilter*>(duckdb_scalar_function_get_bind_data(info));
    if (bound == nullptr) {
        duckdb_scalar_function_set_error(info, "dl_alive: not bound");
        return;
    }
    duckdb_vector rows = duckdb_data_chunk_get_vector(input, 1);
    bound->filter->filter(static_cast<const std::int64_t*>(duckdb_vector_get_data(rows)),
                          duckdb_data_chunk_get_size(input),
                          static_cast<bool*>(duckdb_vector_get_data(output)));  // a bool is its 0 or 1
}

}  // namespace

namespace {

Result<void> register_named(duckdb_connection connection, HandleRegistry* registry, const char* name,
                            bool once_a_row) {
    ScalarFunction function(duckdb_create_scalar_function());
    duckdb_scalar_function_set_name(function.get(), name);
    // Else DuckDB asks about the limits of a row group as well, or of a file with one row.
    if (once_a_row) duckdb_scalar_function_set_volatile(function.get());
    LogicalType handle(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
    LogicalType row(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
    LogicalType number(duckdb_create_logical_type(DUCKDB_TYPE_TINYINT));
    duckdb_scalar_function_add_parameter(function.get(), handle.get());
    duckdb_scalar_function_add_parameter(function.get(), row.get());
    duckdb_scalar_function_set_return_type(function.get(), number.get());
    duckdb_scalar_function_set_extra_info(function.get(), registry, nullptr);
    duckdb_scalar_function_set_bind(function.get(), bind);
    duckdb_scalar_function_set_function(function.get(), run);
    if (duckdb_register_scalar_function(connection, function.get()) != DuckDBSuccess) {
        return make_error(ErrorCode::internal, std::string("DuckDB refused the function ") + name);
    }
    return {};
}

}  // namespace

Result<void> register_row_alive(duckdb_connection connection, HandleRegistry* registry) {
    DL_TRY(register_named(connection, registry, "dl_alive", false));
    return register_named(connection, registry, "dl_kept", true);
}

}  // namespace dl::duck
