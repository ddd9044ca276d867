// DuckDB behind our own types: the only folder that includes duckdb.h. A DuckDatabase is one warm in-memory
// DuckDB instance that holds no user data; a DuckSession is one connection for one query. Blocking: query
// pool only.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/duck/scan_source.h"
#include "common/record/column_batch.h"

namespace dl {

struct DuckOptions {
    std::uint64_t memory_bytes_max = 512u << 20;
    std::string spill_directory;  // empty: no spilling
    std::uint64_t spill_bytes_max = 0;
    unsigned threads = 2;
    // Folders whose files may be read; everything else outside the process is closed (external access off,
    // configuration locked, no extensions installed or loaded).
    std::vector<std::string> readable_directories;
};

// Columns of a result. Names as DuckDB gives them.
struct ResultColumn {
    std::string name;
    DataType type;
};

// What a SELECT gives and takes, without running it.
struct PreparedSelect {
    struct Column {
        std::string name;
        std::optional<DataType> type;  // as DuckResult has it; absent where nothing tells (NULL)
    };
    std::vector<Column> columns;
    bool columns_known = true;  // false while a parameter leaves them open
    // Of `$1`, `$2`, ...; absent where the statement does not tell.
    std::vector<std::optional<DataType>> parameters;
};

// A streaming result. next() blocks while DuckDB works; nullopt is the end. FieldIds in the batches are 1, 2,
// ... in select order. Types our table types do not have are turned: other integers and HUGEINT widen to long
// or decimal(38,0), nested types become json, everything else (uuid, interval, time, enum...) its text.
class DuckResult {
  public:
    virtual ~DuckResult() = default;
    virtual const std::vector<ResultColumn>& columns() const = 0;
    // Rows in DuckDB's chunk size (2048), several chunks joined up to about `target_rows`.
    virtual Result<std::optional<ColumnBatch>> next(std::uint32_t target_rows = 8192) = 0;
};

class DuckSession {
  public:
    virtual ~DuckSession() = default;
    // Makes `name` (a table name of the query) a view over `body_sql` for this session only.
    virtual Result<void> create_view(std::string_view name, std::string_view body_sql) = 0;
    // Makes a scan source readable in this session: FROM dl_scan(<returned handle>). Lives with the session.
    virtual std::uint64_t add_scan(std::shared_ptr<ScanSource> source) = 0;
    // Makes a row filter usable in this session: `WHERE ` + sql_alive(<returned handle>, <column>), which
    // gives it the numbers of that column. Lives with the session.
    virtual std::uint64_t add_row_filter(std::shared_ptr<const RowFilter> filter) = 0;
    // Runs one SELECT; QUERY_ERROR with DuckDB's message. The result dies before the session.
    virtual Result<std::unique_ptr<DuckResult>> query(const std::string& sql) = 0;
    // Names and types of one SELECT; QUERY_ERROR as query(). Parameters are numbered without gaps.
    virtual Result<PreparedSelect> prepare(const std::string& sql) = 0;
    // Runs a statement without a result that our own code wrote (COPY ... TO).
    virtual Result<void> execute(const std::string& sql) = 0;
    // From any thread: stops the running query, which then fails with CANCELLED or TIMEOUT (`why`).
    virtual void interrupt(ErrorCode why) = 0;
};

class DuckDatabase {
  public:
    virtual ~DuckDatabase() = default;
    static Result<std::shared_ptr<DuckDatabase>> open(const DuckOptions& options);
    virtual Result<std::unique_ptr<DuckSession>> session() = 0;
    virtual std::uint64_t memory_bytes_max() const = 0;
    // The parsed tree of a SELECT as JSON (json_serialize_sql), or DuckDB's error in the same form.
    virtual Result<std::string> select_tree(std::string_view sql) = 0;
};

}  // namespace dl
