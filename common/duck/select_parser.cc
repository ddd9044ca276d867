#include "common/duck/select_parser.h"

namespace dl::duck {

namespace {

constexpr std::size_t kIdleMax = 16;

}  // namespace

Result<std::unique_ptr<SelectParser::Warm>> SelectParser::open(duckdb_database database) {
    auto warm = std::make_unique<Warm>();
    if (duckdb_connect(database, warm->connection.out()) != DuckDBSuccess)
        return make_error(ErrorCode::internal, "DuckDB gave no connection");
    // It runs one statement, which is planned each time and has nothing to improve. Databases whose
    // configuration is locked do not take it, and plan it like any other.
    QueryResult without_optimizer;
    (void)duckdb_query(warm->connection.get(), "PRAGMA disable_optimizer", without_optimizer.get());
    if (duckdb_prepare(warm->connection.get(),
                       "SELECT json_serialize_sql($1::VARCHAR, skip_null := true, skip_default := true)",
                       warm->statement.out()) != DuckDBSuccess)
        return query_error(duckdb_prepare_error(warm->statement.get()));
    return warm;
}

Result<std::string> SelectParser::tree_json(duckdb_database database, std::string_view sql) {
    std::unique_ptr<Warm> warm;
    {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            warm = std::move(idle_.back());
            idle_.pop_back();
        }
    }
    if (warm == nullptr) {
        DL_TRY_ASSIGN(warm, open(database));
    }
    std::string tree;
    {
        QueryResult result;
        if (duckdb_bind_varchar_length(warm->statement.get(), 1, sql.data(), sql.size()) != DuckDBSuccess)
            return make_error(ErrorCode::syntax_error, "the statement is not text that DuckDB takes");
        if (duckdb_execute_prepared(warm->statement.get(), result.get()) != DuckDBSuccess)
            return query_error(duckdb_result_error(result.get()), duckdb_result_error_type(result.get()));
        const Chunk chunk(duckdb_fetch_chunk(*result.get()));
        if (!chunk || duckdb_data_chunk_get_size(chunk.get()) != 1)
            return make_error(ErrorCode::internal, "DuckDB gave no text for a statement");
        duckdb_vector column = duckdb_data_chunk_get_vector(chunk.get(), 0);
        const auto* valid = duckdb_vector_get_validity(column);
        if (valid != nullptr && !duckdb_validity_row_is_valid(const_cast<std::uint64_t*>(valid), 0))
            return make_error(ErrorCode::internal, "DuckDB gave no text for a statement");
        auto* text = static_cast<duckdb_string_t*>(duckdb_vector_get_data(column));
        tree.assign(duckdb_string_t_data(text), duckdb_string_t_length(*text));
    }
    (void)duckdb_clear_bindings(warm->statement.get());
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kIdleMax) idle_.push_back(std::move(warm));
    return tree;
}

}  // namespace dl::duck
