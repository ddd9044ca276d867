// A running statement of a session. Internal to common/duck.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/duck/chunk_encoder.h"
#include "common/duck/duck_database.h"
#include "common/duck/duck_registry.h"

namespace dl::duck {

// Why a statement failed: the interrupt if there was one, else what a scan source reported, else DuckDB's
// message.
Error statement_error(SessionState& session, const char* message,
                      duckdb_error_type type = DUCKDB_ERROR_INVALID);

// The chunks of one SELECT, as DuckDB makes them. The columns are ready for ChunkEncoder: types we cannot
// convert were cast by DuckDB already. One thread; dies before its session.
class SelectStream {
  public:
    static Result<std::unique_ptr<SelectStream>> start(duckdb_connection connection,
                                                       std::shared_ptr<SessionState> session,
                                                       const std::string& sql);
    // Run to its end before this returns, and planned once. Null: its types would have to be cast first.
    static Result<std::unique_ptr<SelectStream>> run(duckdb_connection connection,
                                                     std::shared_ptr<SessionState> session,
                                                     const std::string& sql);
    ~SelectStream();
    SelectStream(const SelectStream&) = delete;
    SelectStream& operator=(const SelectStream&) = delete;

    const std::vector<ResultColumn>& columns() const { return columns_; }
    const std::vector<ResultMapping>& mappings() const { return mappings_; }
    // Never an empty chunk; no chunk at the end.
    Result<Chunk> fetch();

  private:
    SelectStream(duckdb_connection connection, std::shared_ptr<SessionState> session)
        : connection_(connection), session_(std::move(session)) {}
    Result<void> prepare(const std::string& sql);
    bool add_column(const char* name, duckdb_logical_type type);
    Result<void> execute();

    duckdb_connection connection_;
    std::shared_ptr<SessionState> session_;
    Prepared prepared_;
    QueryResult result_;
    std::vector<ResultColumn> columns_;
    std::vector<ResultMapping> mappings_;
    bool running_ = false;
};

// A SelectStream as batches.
std::unique_ptr<DuckResult> batches_of(std::unique_ptr<SelectStream> stream);

// Every session of this folder is one.
class ChunkSession : public DuckSession {
  public:
    virtual Result<std::unique_ptr<SelectStream>> select(const std::string& sql) = 0;
    // As SelectStream::run().
    virtual Result<std::unique_ptr<SelectStream>> select_at_once(const std::string& sql) = 0;
};

}  // namespace dl::duck
