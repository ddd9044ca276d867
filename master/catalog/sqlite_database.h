// SQLite as values and RAII: one connection, prepared statements, transactions. Not thread-safe: its owner
// locks. Errors are IO_ERROR, DISK_FULL or CORRUPT_DATA and name the file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace dl::master {

class SqliteDatabase;

// One prepared statement: bind 1-based, step through rows, reset. Reset happens by itself before the next
// bind.
class SqliteStatement {
  public:
    SqliteStatement() = default;
    SqliteStatement(SqliteStatement&& other) noexcept;
    SqliteStatement& operator=(SqliteStatement&& other) noexcept;
    ~SqliteStatement();

    SqliteStatement& bind(int index, std::int64_t value);
    SqliteStatement& bind(int index, std::string_view text);
    SqliteStatement& bind_blob(int index, std::string_view bytes);
    SqliteStatement& bind_null(int index);
    // True: a row is there; false: done.
    Result<bool> step();
    // Steps to the end; for statements without rows.
    Result<void> run();

    std::int64_t integer(int column) const;
    std::string text(int column) const;
    std::string blob(int column) const;
    bool is_null(int column) const;

  private:
    friend class SqliteDatabase;
    void reset_if_stepped();
    SqliteDatabase* database_ = nullptr;
    sqlite3_stmt* statement_ = nullptr;
    bool stepped_ = false;
};

class SqliteDatabase {
  public:
    // synchronous=FULL, foreign keys on; creates the file when it is missing. `journal`: SQLite's journal
    // mode.
    static Result<SqliteDatabase> open(const std::string& path, std::string_view journal = "WAL");
    SqliteDatabase(SqliteDatabase&& other) noexcept;
    SqliteDatabase& operator=(SqliteDatabase&& other) noexcept;
    ~SqliteDatabase();

    Result<void> execute(const char* sql);
    Result<SqliteStatement> prepare(std::string_view sql);
    // Rows changed by the last statement.
    std::int64_t changes() const;
    Error last_error(std::string_view doing) const;

  private:
    SqliteDatabase() = default;
    sqlite3* handle_ = nullptr;
    std::string path_;
};

// BEGIN IMMEDIATE now, ROLLBACK at the end of the scope unless commit() succeeded.
class SqliteTransaction {
  public:
    static Result<SqliteTransaction> begin(SqliteDatabase& database);
    SqliteTransaction(SqliteTransaction&& other) noexcept;
    SqliteTransaction& operator=(SqliteTransaction&&) = delete;
    ~SqliteTransaction();
    Result<void> commit();

  private:
    explicit SqliteTransaction(SqliteDatabase* database) : database_(database) {}
    SqliteDatabase* database_;
};

}  // namespace dl::master
