// A running or finished statement of a session. Internal to common/duck.
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

// Starts a prepared SELECT and answers with its result, streaming.
Result<std::unique_ptr<DuckResult>> start_select(duckdb_connection connection,
                                                 std::shared_ptr<SessionState> session,
                                                 const std::string& sql);

}  // namespace dl::duck
