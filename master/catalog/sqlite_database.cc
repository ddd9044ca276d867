#include "master/catalog/sqlite_database.h"

#include <sqlite3.h>

#include <utility>

namespace dl::master {

SqliteStatement::SqliteStatement(SqliteStatement&& other) noexcept {
    *this = std::move(other);
}

SqliteStatement& SqliteStatement::operator=(SqliteStatement&& other) noexcept {
    std::swap(database_, other.database_);
    std::swap(statement_, other.statement_);
    std::swap(stepped_, other.stepped_);
    return *this;
}

SqliteStatement::~SqliteStatement() {
    sqlite3_finalize(statement_);
}

void SqliteStatement::reset_if_stepped() {
    if (!stepped_) return;
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
    stepped_ = false;
}

SqliteStatement& SqliteStatement::bind(int index, std::int64_t value) {
    reset_if_stepped();
    sqlite3_bind_int64(statement_, index, value);
    return *this;
}

SqliteStatement& SqliteStatement::bind(int index, std::string_view text) {
    reset_if_stepped();
    sqlite3_bind_text64(statement_, index, text.data() == nullptr ? "" : text.data(), text.size(),
                        SQLITE_TRANSIENT, SQLITE_UTF8);
    return *this;
}

SqliteStatement& SqliteStatement::bind_blob(int index, std::string_view bytes) {
    reset_if_stepped();
    sqlite3_bind_blob64(statement_, index, bytes.data() == nullptr ? "" : bytes.data(), bytes.size(),
                        SQLITE_TRANSIENT);
    return *this;
}

SqliteStatement& SqliteStatement::bind_null(int index) {
    reset_if_stepped();
    sqlite3_bind_null(statement_, index);
    return *this;
}

Result<bool> SqliteStatement::step() {
    stepped_ = true;
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    auto error = database_->last_error("running a statement");
    sqlite3_reset(statement_);
    return error;
}

Result<void> SqliteStatement::run() {
    for (;;) {
        auto more = step();
        if (more.has_error()) return std::move(more).error();
        if (!*more) break;
    }
    sqlite3_reset(statement_);
    return {};
}

std::int64_t SqliteStatement::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}

std::string SqliteStatement::text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr ? std::string() : std::string(bytes, size);
}

std::string SqliteStatement::blob(int column) const {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr ? std::string() : std::string(bytes, size);
}

bool SqliteStatement::is_null(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Result<SqliteDatabase> SqliteDatabase::open(const std::string& path, std::string_view journal) {
    SqliteDatabase database;
    database.path_ = path;
    constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
    if (sqlite3_open_v2(path.c_str(), &database.handle_, kFlags, nullptr) != SQLITE_OK)
        return database.last_error("opening it");
    sqlite3_extended_result_codes(database.handle_, 1);
    sqlite3_busy_timeout(database.handle_, 2000);
    DL_TRY(database.execute(("PRAGMA journal_mode=" + std::string(journal)).c_str()));
    for (const char* pragma : {"PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON"})
        DL_TRY(database.execute(pragma));
    return database;
}

SqliteDatabase::SqliteDatabase(SqliteDatabase&& other) noexcept {
    *this = std::move(other);
}

SqliteDatabase& SqliteDatabase::operator=(SqliteDatabase&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(path_, other.path_);
    return *this;
}

SqliteDatabase::~SqliteDatabase() {
    sqlite3_close_v2(handle_);
}

Result<void> SqliteDatabase::execute(const char* sql) {
    if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
        return last_error("running a statement");
    return {};
}

Result<SqliteStatement> SqliteDatabase::prepare(std::string_view sql) {
    SqliteStatement statement;
    statement.database_ = this;
    if (sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                           &statement.statement_, nullptr) != SQLITE_OK)
        return last_error("preparing a statement");
    return statement;
}

std::int64_t SqliteDatabase::changes() const {
    return sqlite3_changes64(handle_);
}

Error SqliteDatabase::last_error(std::string_view doing) const {
    auto code = ErrorCode::io_error;
    const int primary = handle_ == nullptr ? SQLITE_NOMEM : sqlite3_errcode(handle_) & 0xff;
    if (primary == SQLITE_FULL) code = ErrorCode::disk_full;
    if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) code = ErrorCode::corrupt_data;
    std::string text = "catalog " + path_ + ": " + std::string(doing) + " failed: ";
    text += handle_ == nullptr ? "out of memory" : sqlite3_errmsg(handle_);
    return make_error(code, std::move(text));
}

Result<SqliteTransaction> SqliteTransaction::begin(SqliteDatabase& database) {
    DL_TRY(database.execute("BEGIN IMMEDIATE"));
    return SqliteTransaction(&database);
}

SqliteTransaction::SqliteTransaction(SqliteTransaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

SqliteTransaction::~SqliteTransaction() {
    if (database_ != nullptr) (void)database_->execute("ROLLBACK");
}

Result<void> SqliteTransaction::commit() {
    DL_TRY(database_->execute("COMMIT"));
    database_ = nullptr;
    return {};
}

}  // namespace dl::master
