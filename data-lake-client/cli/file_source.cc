#include "data-lake-client/cli/file_source.h"

#include <duckdb.h>
#include <sys/stat.h>

#include <algorithm>
#include <functional>

#include "common/base/ascii.h"
#include "common/types/value_text.h"

namespace datalake::cli {
namespace {

enum class FileKind : std::uint8_t { csv, json, parquet };

std::string quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'') out += '\'';
        out += c;
    }
    return out + "'";
}

std::string quoted_name(std::string_view name) {
    std::string out = "\"";
    for (const char c : name) {
        if (c == '"') out += '"';
        out += c;
    }
    return out + "\"";
}

std::optional<FileKind> kind_of(std::string_view whole_path) {
    std::string path = dl::ascii_lowercase(whole_path);
    if (path.ends_with(".gz")) path.resize(path.size() - 3);
    if (path.ends_with(".csv") || path.ends_with(".tsv")) return FileKind::csv;
    if (path.ends_with(".json") || path.ends_with(".jsonl") || path.ends_with(".ndjson"))
        return FileKind::json;
    if (path.ends_with(".parquet")) return FileKind::parquet;
    return std::nullopt;
}

struct TypeMapping {
    std::string ours;
    std::string cast;  // SQL type to cast to before reading; empty: none
};

TypeMapping map_type(duckdb_logical_type type) {
    switch (duckdb_get_type_id(type)) {
        case DUCKDB_TYPE_BOOLEAN:
            return {"boolean", ""};
        case DUCKDB_TYPE_INTEGER:
            return {"int", ""};
        case DUCKDB_TYPE_TINYINT:
        case DUCKDB_TYPE_SMALLINT:
        case DUCKDB_TYPE_UTINYINT:
        case DUCKDB_TYPE_USMALLINT:
            return {"int", "INTEGER"};
        case DUCKDB_TYPE_BIGINT:
            return {"long", ""};
        case DUCKDB_TYPE_UINTEGER:
            return {"long", "BIGINT"};
        case DUCKDB_TYPE_UBIGINT:
            return {"decimal(20,0)", "DECIMAL(20,0)"};
        case DUCKDB_TYPE_HUGEINT:
        case DUCKDB_TYPE_UHUGEINT:
            return {"decimal(38,0)", "VARCHAR"};
        case DUCKDB_TYPE_FLOAT:
            return {"float", ""};
        case DUCKDB_TYPE_DOUBLE:
            return {"double", ""};
        case DUCKDB_TYPE_DECIMAL:
            return {"decimal(" + std::to_string(duckdb_decimal_width(type)) + "," +
                        std::to_string(duckdb_decimal_scale(type)) + ")",
                    ""};
        case DUCKDB_TYPE_DATE:
            return {"date", ""};
        case DUCKDB_TYPE_TIMESTAMP:
            return {"timestamp", ""};
        case DUCKDB_TYPE_TIMESTAMP_S:
        case DUCKDB_TYPE_TIMESTAMP_MS:
        case DUCKDB_TYPE_TIMESTAMP_NS:
        case DUCKDB_TYPE_TIMESTAMP_TZ:
            return {"timestamp", "TIMESTAMP"};
        case DUCKDB_TYPE_BLOB:
            return {"binary", ""};
        case DUCKDB_TYPE_VARCHAR:
            return {"string", ""};
        case DUCKDB_TYPE_LIST:
        case DUCKDB_TYPE_STRUCT:
        case DUCKDB_TYPE_MAP:
        case DUCKDB_TYPE_ARRAY:
            return {"string", "JSON"};
        default:
            return {"string", "VARCHAR"};
    }
}

using Appender = std::function<void(BatchBuilder&, std::string&, const void* data, idx_t row)>;

template <class T>
Appender integer_appender() {
    return [](BatchBuilder& batch, std::string&, const void* data, idx_t row) {
        batch.append_int(static_cast<const T*>(data)[row]);
    };
}

std::string_view string_at(const void* data, idx_t row) {
    auto* value = const_cast<duckdb_string_t*>(static_cast<const duckdb_string_t*>(data) + row);
    return {duckdb_string_t_data(value), duckdb_string_t_length(*value)};
}

template <class T>
Appender decimal_appender(std::uint8_t scale) {
    return [scale](BatchBuilder& batch, std::string& scratch, const void* data, idx_t row) {
        scratch.clear();
        dl::append_decimal(scratch, static_cast<dl::Int128>(static_cast<const T*>(data)[row]), scale);
        batch.append_text(scratch);
    };
}

Appender hugeint_decimal_appender(std::uint8_t scale) {
    return [scale](BatchBuilder& batch, std::string& scratch, const void* data, idx_t row) {
        const auto value = static_cast<const duckdb_hugeint*>(data)[row];
        scratch.clear();
        dl::append_decimal(
            scratch, (static_cast<dl::Int128>(value.upper) << 64) | static_cast<dl::Int128>(value.lower),
            scale);
        batch.append_text(scratch);
    };
}

// One per column and type, chosen once per file; the map_type casts leave only these.
Appender appender_for(duckdb_logical_type type) {
    switch (duckdb_get_type_id(type)) {
        case DUCKDB_TYPE_BOOLEAN:
            return [](BatchBuilder& batch, std::string&, const void* data, idx_t row) {
                batch.append_bool(static_cast<const bool*>(data)[row]);
            };
        case DUCKDB_TYPE_INTEGER:
            return integer_appender<std::int32_t>();
        case DUCKDB_TYPE_BIGINT:
            return integer_appender<std::int64_t>();
        case DUCKDB_TYPE_FLOAT:
            return [](BatchBuilder& batch, std::string&, const void* data, idx_t row) {
                batch.append_float(static_cast<const float*>(data)[row]);
            };
        case DUCKDB_TYPE_DOUBLE:
            return [](BatchBuilder& batch, std::string&, const void* data, idx_t row) {
                batch.append_double(static_cast<const double*>(data)[row]);
            };
        case DUCKDB_TYPE_DATE:
            return [](BatchBuilder& batch, std::string& scratch, const void* data, idx_t row) {
                scratch.clear();
                dl::append_date(scratch, static_cast<const std::int32_t*>(data)[row]);
                batch.append_text(scratch);
            };
        case DUCKDB_TYPE_TIMESTAMP:
            return [](BatchBuilder& batch, std::string& scratch, const void* data, idx_t row) {
                scratch.clear();
                dl::append_timestamp(scratch, static_cast<const std::int64_t*>(data)[row]);
                batch.append_text(scratch);
            };
        case DUCKDB_TYPE_BLOB:
            return [](BatchBuilder& batch, std::string& scratch, const void* data, idx_t row) {
                scratch.clear();
                dl::append_base64(scratch, string_at(data, row));
                batch.append_text(scratch);
            };
        case DUCKDB_TYPE_DECIMAL: {
            const auto scale = duckdb_decimal_scale(type);
            switch (duckdb_decimal_internal_type(type)) {
                case DUCKDB_TYPE_SMALLINT:
                    return decimal_appender<std::int16_t>(scale);
                case DUCKDB_TYPE_INTEGER:
                    return decimal_appender<std::int32_t>(scale);
                case DUCKDB_TYPE_BIGINT:
                    return decimal_appender<std::int64_t>(scale);
                default:
                    return hugeint_decimal_appender(scale);
            }
        }
        default:
            return [](BatchBuilder& batch, std::string&, const void* data, idx_t row) {
                batch.append_text(string_at(data, row));
            };
    }
}

}  // namespace

struct FileSource::Impl {
    std::string path;
    FileKind kind = FileKind::csv;
    duckdb_database database = nullptr;
    duckdb_connection connection = nullptr;
    duckdb_prepared_statement statement = nullptr;
    duckdb_result result{};
    bool has_result = false;
    duckdb_data_chunk chunk = nullptr;
    idx_t chunk_row = 0;
    idx_t chunk_rows = 0;
    bool row_number = false;
    std::uint64_t next_row = 1;
    std::vector<FileColumn> columns;
    std::vector<std::string> casts;
    std::vector<Appender> appenders;
    std::optional<std::uint64_t> row_count;
    std::string scratch;

    ~Impl() {
        if (chunk != nullptr) duckdb_destroy_data_chunk(&chunk);
        if (has_result) duckdb_destroy_result(&result);
        if (statement != nullptr) duckdb_destroy_prepare(&statement);
        if (connection != nullptr) duckdb_disconnect(&connection);
        if (database != nullptr) duckdb_close(&database);
    }

    Error failed(std::string_view why) const {
        std::string text = path + ": ";
        for (const char c : why)
            text += c == '\n' ? ' ' : c;
        return Error(ErrorCode::invalid_argument, std::move(text));
    }

    // The file as something to select from; `as_text` needs `columns`.
    std::string table_function(bool as_text) const {
        if (kind == FileKind::parquet) return "read_parquet(" + quoted(path) + ")";
        if (kind == FileKind::csv)
            return "read_csv(" + quoted(path) + (as_text ? ", all_varchar=true)" : ", sample_size=-1)");
        if (!as_text) return "read_json(" + quoted(path) + ", sample_size=-1)";
        std::string sql = "read_json(" + quoted(path) + ", columns={";
        for (const auto& column : columns) {
            if (sql.back() != '{') sql += ", ";
            sql += quoted(column.name) + ": 'VARCHAR'";
        }
        return sql + "})";
    }

    Result<void> connect();
    Result<void> prepare(const std::string& sql);
    Result<void> look();
    Result<bool> next_chunk();
};

Result<void> FileSource::Impl::connect() {
    duckdb_config config = nullptr;
    duckdb_create_config(&config);
    duckdb_set_config(config, "threads", "2");
    duckdb_set_config(config, "memory_limit", "1GB");
    duckdb_set_config(config, "autoinstall_known_extensions", "false");
    char* message = nullptr;
    const auto state = duckdb_open_ext(nullptr, &database, config, &message);
    duckdb_destroy_config(&config);
    if (state != DuckDBSuccess) {
        auto error = failed(message == nullptr ? "DuckDB does not start" : message);
        if (message != nullptr) duckdb_free(message);
        return error;
    }
    if (duckdb_connect(database, &connection) != DuckDBSuccess) return failed("DuckDB does not start");
    return {};
}

Result<void> FileSource::Impl::prepare(const std::string& sql) {
    if (statement != nullptr) duckdb_destroy_prepare(&statement);
    if (duckdb_prepare(connection, sql.c_str(), &statement) != DuckDBSuccess)
        return failed(duckdb_prepare_error(statement));
    return {};
}

Result<void> FileSource::Impl::look() {
    if (auto prepared = prepare("SELECT * FROM " + table_function(false)); !prepared.ok()) return prepared;
    const auto count = duckdb_prepared_statement_column_count(statement);
    for (idx_t i = 0; i < count; ++i) {
        const char* name = duckdb_prepared_statement_column_name(statement, i);
        auto type = duckdb_prepared_statement_column_logical_type(statement, i);
        auto mapped = map_type(type);
        duckdb_destroy_logical_type(&type);
        columns.push_back({name == nullptr ? "" : name, mapped.ours});
        casts.push_back(mapped.cast);
        duckdb_free(const_cast<char*>(name));
    }
    if (columns.empty()) return failed("no columns found");
    if (kind != FileKind::parquet) return {};
    duckdb_result counted{};
    const auto sql = "SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata(" + quoted(path) + ")";
    if (duckdb_query(connection, sql.c_str(), &counted) == DuckDBSuccess) {
        auto part = duckdb_fetch_chunk(counted);
        if (part != nullptr && duckdb_data_chunk_get_size(part) == 1)
            row_count = static_cast<std::uint64_t>(
                *static_cast<std::int64_t*>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(part, 0))));
        if (part != nullptr) duckdb_destroy_data_chunk(&part);
    }
    duckdb_destroy_result(&counted);
    return {};
}

Result<bool> FileSource::Impl::next_chunk() {
    if (chunk != nullptr) duckdb_destroy_data_chunk(&chunk);
    chunk_row = 0;
    chunk_rows = 0;
    chunk = duckdb_fetch_chunk(result);
    if (chunk == nullptr) {
        const char* message = duckdb_result_error(&result);
        if (message != nullptr && *message != '\0')
            return failed("after row " + std::to_string(next_row - 1) + ": " + message);
        return false;
    }
    chunk_rows = duckdb_data_chunk_get_size(chunk);
    return chunk_rows > 0;
}

FileSource::FileSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FileSource::~FileSource() = default;

Result<std::unique_ptr<FileSource>> FileSource::open(const std::string& path) {
    auto impl = std::make_unique<Impl>();
    impl->path = path;
    const auto kind = kind_of(path);
    if (!kind)
        return impl->failed(
            "the ending of the name is not known; .csv .tsv .json .jsonl .ndjson (also with .gz) and "
            ".parquet are");
    impl->kind = *kind;
    struct stat status {};
    if (path.find_first_of("*?[") == std::string::npos && ::stat(path.c_str(), &status) != 0)
        return impl->failed("there is no such file");
    if (auto connected = impl->connect(); !connected.ok()) return connected.error();
    if (auto looked = impl->look(); !looked.ok()) return looked.error();
    return std::unique_ptr<FileSource>(new FileSource(std::move(impl)));
}

const std::vector<FileColumn>& FileSource::columns() const {
    return impl_->columns;
}
std::optional<std::uint64_t> FileSource::rows() const {
    return impl_->row_count;
}
double FileSource::percent() const {
    return duckdb_query_progress(impl_->connection).percentage;
}
void FileSource::interrupt() {
    duckdb_interrupt(impl_->connection);
}

Result<void> FileSource::start(const std::vector<std::size_t>& columns, bool as_text, bool row_number) {
    auto& impl = *impl_;
    as_text = as_text && impl.kind != FileKind::parquet;
    std::string sql = "SELECT ";
    for (const auto column : columns) {
        if (sql.back() != ' ') sql += ',';
        const auto name = quoted_name(impl.columns[column].name);
        const bool cast = !as_text && !impl.casts[column].empty();
        sql += cast ? "CAST(" + name + " AS " + impl.casts[column] + ")" : name;
    }
    sql += " FROM " + impl.table_function(as_text);
    if (auto prepared = impl.prepare(sql); !prepared.ok()) return prepared;
    duckdb_pending_result pending = nullptr;
    if (duckdb_pending_prepared_streaming(impl.statement, &pending) != DuckDBSuccess) {
        auto error = impl.failed(duckdb_pending_error(pending));
        duckdb_destroy_pending(&pending);
        return error;
    }
    const auto state = duckdb_execute_pending(pending, &impl.result);
    impl.has_result = true;
    duckdb_destroy_pending(&pending);
    if (state != DuckDBSuccess) {
        const char* message = duckdb_result_error(&impl.result);
        return impl.failed(message == nullptr ? "cannot be read" : message);
    }
    for (idx_t i = 0; i < columns.size(); ++i) {
        auto type = duckdb_column_logical_type(&impl.result, i);
        impl.appenders.push_back(appender_for(type));
        duckdb_destroy_logical_type(&type);
    }
    impl.row_number = row_number;
    return {};
}

Result<bool> FileSource::fill(BatchBuilder& batch, std::uint32_t rows_max, std::size_t bytes_max,
                              std::vector<RefusedRow>& refused, std::vector<std::uint64_t>& row_numbers) {
    auto& impl = *impl_;
    struct Vector {
        const void* data;
        std::uint64_t* validity;
    };
    std::vector<Vector> vectors(impl.appenders.size());
    while (batch.rows() < rows_max && batch.bytes() < bytes_max) {
        if (impl.chunk_row == impl.chunk_rows) {
            auto more = impl.next_chunk();
            if (!more.ok() || !*more) return more;
        }
        for (idx_t i = 0; i < vectors.size(); ++i) {
            auto vector = duckdb_data_chunk_get_vector(impl.chunk, i);
            vectors[i] = {duckdb_vector_get_data(vector), duckdb_vector_get_validity(vector)};
        }
        const auto end = std::min<idx_t>(impl.chunk_rows, impl.chunk_row + rows_max - batch.rows());
        for (auto& row = impl.chunk_row; row < end && batch.bytes() < bytes_max; ++row) {
            if (impl.row_number) batch.append_int(static_cast<std::int64_t>(impl.next_row));
            for (std::size_t i = 0; i < vectors.size(); ++i) {
                const auto* validity = vectors[i].validity;
                if (validity != nullptr && ((validity[row >> 6] >> (row & 63)) & 1) == 0) {
                    batch.append_null();
                } else {
                    impl.appenders[i](batch, impl.scratch, vectors[i].data, row);
                }
            }
            if (auto finished = batch.finish_row(); finished.ok()) {
                row_numbers.push_back(impl.next_row);
            } else {
                refused.push_back({impl.next_row, finished.error().message()});
            }
            ++impl.next_row;
        }
    }
    return true;
}

}  // namespace datalake::cli
