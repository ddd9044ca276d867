// Owners of the C API's handles, and the few helpers every file of this folder needs. Internal to
// common/duck: the only header that includes duckdb.h.
#pragma once

#include <duckdb.h>

#include <string>
#include <utility>

#include "common/base/error.h"

namespace dl::duck {

template <class Handle, void (*Destroy)(Handle*)>
class Owned {
  public:
    Owned() = default;
    explicit Owned(Handle handle) : handle_(handle) {}
    Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Owned& operator=(Owned&& other) noexcept {
        if (this != &other) {
            reset();
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }
    ~Owned() { reset(); }

    Handle get() const { return handle_; }
    Handle* out() {
        reset();
        return &handle_;
    }
    void reset() {
        if (handle_ != nullptr) Destroy(&handle_);
        handle_ = nullptr;
    }
    explicit operator bool() const { return handle_ != nullptr; }

  private:
    Handle handle_ = nullptr;
};

using Database = Owned<duckdb_database, duckdb_close>;
using Connection = Owned<duckdb_connection, duckdb_disconnect>;
using DbConfig = Owned<duckdb_config, duckdb_destroy_config>;
using Prepared = Owned<duckdb_prepared_statement, duckdb_destroy_prepare>;
using Extracted = Owned<duckdb_extracted_statements, duckdb_destroy_extracted>;
using Pending = Owned<duckdb_pending_result, duckdb_destroy_pending>;
using LogicalType = Owned<duckdb_logical_type, duckdb_destroy_logical_type>;
using Chunk = Owned<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using DuckValue = Owned<duckdb_value, duckdb_destroy_value>;
using ClientContext = Owned<duckdb_client_context, duckdb_destroy_client_context>;
using TableFunction = Owned<duckdb_table_function, duckdb_destroy_table_function>;
using ScalarFunction = Owned<duckdb_scalar_function, duckdb_destroy_scalar_function>;
using CastFunction = Owned<duckdb_cast_function, duckdb_destroy_cast_function>;
using Expression = Owned<duckdb_expression, duckdb_destroy_expression>;
using ErrorData = Owned<duckdb_error_data, duckdb_destroy_error_data>;

// A result lies in a struct of its own, with its own rule for when it may be destroyed.
class QueryResult {
  public:
    QueryResult() = default;
    QueryResult(const QueryResult&) = delete;
    QueryResult& operator=(const QueryResult&) = delete;
    ~QueryResult() { duckdb_destroy_result(&result_); }
    duckdb_result* get() { return &result_; }

  private:
    duckdb_result result_{};
};

// QUERY_ERROR with DuckDB's message; LIMIT_EXCEEDED when it ran out of its memory or spill space.
Error query_error(const char* message, duckdb_error_type type = DUCKDB_ERROR_INVALID);

}  // namespace dl::duck
