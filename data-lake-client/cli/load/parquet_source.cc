#include "data-lake-client/cli/load/parquet_source.h"

#include <duckdb.h>

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>

#include "common/base/ascii.h"
#include "common/base/glob_text.h"
#include "common/json/json_check.h"
#include "common/types/value_text.h"
#include "data-lake-client/cli/load/arrow_schema.h"

namespace datalake::cli {
namespace {

std::string quoted(std::string_view text, char quote) {
    std::string out(1, quote);
    for (const char c : text) {
        if (c == quote) out += quote;
        out += c;
    }
    return out + quote;
}

std::string_view string_at(const void* data, idx_t row) {
    auto* value = const_cast<duckdb_string_t*>(static_cast<const duckdb_string_t*>(data) + row);
    return {duckdb_string_t_data(value), duckdb_string_t_length(*value)};
}

// How a column of a file is read.
struct Mapping {
    std::string ours;       // empty: no type of ours
    std::string cast;       // SQL type to read it as; empty: its own
    std::string text_cast;  // the same for a string column; empty: its values have no text of their own
};

Mapping map_type(duckdb_logical_type type) {
    switch (duckdb_get_type_id(type)) {
        case DUCKDB_TYPE_BOOLEAN:
            return {"boolean", "", "VARCHAR"};
        case DUCKDB_TYPE_INTEGER:
            return {"int", "", "VARCHAR"};
        case DUCKDB_TYPE_TINYINT:
        case DUCKDB_TYPE_SMALLINT:
        case DUCKDB_TYPE_UTINYINT:
        case DUCKDB_TYPE_USMALLINT:
            return {"int", "INTEGER", "VARCHAR"};
        case DUCKDB_TYPE_BIGINT:
            return {"long", "", "VARCHAR"};
        case DUCKDB_TYPE_UINTEGER:
            return {"long", "BIGINT", "VARCHAR"};
        case DUCKDB_TYPE_UBIGINT:
            return {"decimal(20,0)", "DECIMAL(20,0)", "VARCHAR"};
        case DUCKDB_TYPE_FLOAT:
            return {"float", "", "FLOAT"};
        case DUCKDB_TYPE_DOUBLE:
            return {"double", "", "DOUBLE"};
        case DUCKDB_TYPE_DECIMAL:
            return {"decimal(" + std::to_string(duckdb_decimal_width(type)) + "," +
                        std::to_string(duckdb_decimal_scale(type)) + ")",
                    "", "VARCHAR"};
        case DUCKDB_TYPE_DATE:
            return {"date", "", "VARCHAR"};
        case DUCKDB_TYPE_TIMESTAMP:
            return {"timestamp", "", "VARCHAR"};
        case DUCKDB_TYPE_TIMESTAMP_S:
        case DUCKDB_TYPE_TIMESTAMP_MS:
            return {"timestamp", "TIMESTAMP", "VARCHAR"};
        case DUCKDB_TYPE_TIMESTAMP_TZ:
            return {"timestamp", "TIMESTAMP", "TIMESTAMP"};
        case DUCKDB_TYPE_TIMESTAMP_NS:
            return {"timestamp", "", "VARCHAR"};
        case DUCKDB_TYPE_BLOB:
            return {"binary", "", ""};
        case DUCKDB_TYPE_VARCHAR:
            return {"string", "", "VARCHAR"};
        case DUCKDB_TYPE_UUID:
        case DUCKDB_TYPE_ENUM:
        case DUCKDB_TYPE_SQLNULL:
            return {"string", "VARCHAR", "VARCHAR"};
        case DUCKDB_TYPE_LIST:
        case DUCKDB_TYPE_STRUCT:
        case DUCKDB_TYPE_MAP:
        case DUCKDB_TYPE_ARRAY:
            return {"", "", "JSON"};
        case DUCKDB_TYPE_TIME:
        case DUCKDB_TYPE_TIME_NS:
        case DUCKDB_TYPE_TIME_TZ:
        case DUCKDB_TYPE_INTERVAL:
            return {"", "", "VARCHAR"};
        default:
            return {"", "", ""};
    }
}

std::string_view type_word(duckdb_logical_type type) {
    switch (duckdb_get_type_id(type)) {
        case DUCKDB_TYPE_LIST:
        case DUCKDB_TYPE_ARRAY:
            return "list";
        case DUCKDB_TYPE_STRUCT:
            return "struct";
        case DUCKDB_TYPE_MAP:
            return "map";
        case DUCKDB_TYPE_TIME:
        case DUCKDB_TYPE_TIME_NS:
        case DUCKDB_TYPE_TIME_TZ:
            return "time of day";
        case DUCKDB_TYPE_INTERVAL:
            return "interval";
        default:
            return "type without a name here";
    }
}

// A value that is not NULL, into a field; false: `reason` says why it cannot be kept.
using Reader =
    std::function<bool(const void* data, idx_t row, std::string& scratch, Field& field, std::string& reason)>;

template <class T>
Reader printed(void (*print)(std::string&, T), FieldKind kind) {
    return [print, kind](const void* data, idx_t row, std::string& scratch, Field& field, std::string&) {
        scratch.clear();
        print(scratch, static_cast<const T*>(data)[row]);
        field = {scratch, kind};
        return true;
    };
}

template <class T>
Reader decimal_reader(std::uint8_t scale, FieldKind kind) {
    return [scale, kind](const void* data, idx_t row, std::string& scratch, Field& field, std::string&) {
        scratch.clear();
        if constexpr (std::is_same_v<T, duckdb_hugeint>) {
            const auto value = static_cast<const T*>(data)[row];
            dl::append_decimal(
                scratch, (static_cast<dl::Int128>(value.upper) << 64) | static_cast<dl::Int128>(value.lower),
                scale);
        } else {
            dl::append_decimal(scratch, static_cast<dl::Int128>(static_cast<const T*>(data)[row]), scale);
        }
        field = {scratch, kind};
        return true;
    };
}

bool read_nanoseconds(const void* data, idx_t row, std::string& scratch, std::string& reason) {
    const auto ns = static_cast<const std::int64_t*>(data)[row];
    const auto us = ns / 1000 - (ns % 1000 < 0 ? 1 : 0);
    scratch.clear();
    dl::append_timestamp(scratch, us);
    if (us * 1000 == ns) return true;
    if (us % 1'000'000 == 0) scratch += ".000000";
    const auto rest = std::to_string(ns - us * 1000);
    scratch.append(3 - rest.size(), '0').append(rest);
    reason = "finer than microseconds, which is what a timestamp holds";
    return false;
}

void append_int32(std::string& out, std::int32_t value) {
    dl::append_int64(out, value);
}
// A float in a double column is the double of the same value.
void append_widened(std::string& out, float value) {
    dl::append_float64(out, static_cast<double>(value));
}

// Lists, structures and maps, cast to JSON.
Reader json_reader() {
    return [](const void* data, idx_t row, std::string&, Field& field, std::string& reason) {
        const auto text = string_at(data, row);
        field = {text, FieldKind::text};
        if (dl::is_json_text(text)) return true;
        reason = "it holds what JSON cannot write, such as NaN or an infinity";
        return false;
    };
}

Reader reader_for(duckdb_logical_type type, bool exact, dl::TypeKind target) {
    const auto kind = [&](FieldKind other) { return exact ? FieldKind::exact : other; };
    switch (duckdb_get_type_id(type)) {
        case DUCKDB_TYPE_BOOLEAN:
            return printed<bool>(dl::append_boolean, kind(FieldKind::boolean));
        case DUCKDB_TYPE_INTEGER:
            return printed<std::int32_t>(append_int32, kind(FieldKind::number));
        case DUCKDB_TYPE_BIGINT:
            return printed<std::int64_t>(dl::append_int64, kind(FieldKind::number));
        case DUCKDB_TYPE_FLOAT:
            if (target == dl::TypeKind::float64) return printed<float>(append_widened, FieldKind::exact);
            return printed<float>(dl::append_float32, kind(FieldKind::number));
        case DUCKDB_TYPE_DOUBLE:
            return printed<double>(dl::append_float64, kind(FieldKind::number));
        case DUCKDB_TYPE_DATE:
            return printed<std::int32_t>(dl::append_date, kind(FieldKind::text));
        case DUCKDB_TYPE_TIMESTAMP:
            return printed<std::int64_t>(dl::append_timestamp, kind(FieldKind::text));
        case DUCKDB_TYPE_TIMESTAMP_NS:
            return [kind = kind(FieldKind::text)](const void* data, idx_t row, std::string& scratch,
                                                  Field& field, std::string& reason) {
                const bool good = read_nanoseconds(data, row, scratch, reason);
                field = {scratch, kind};
                return good;
            };
        case DUCKDB_TYPE_BLOB:
            return [](const void* data, idx_t row, std::string& scratch, Field& field, std::string&) {
                scratch.clear();
                dl::append_base64(scratch, string_at(data, row));
                field = {scratch, FieldKind::exact};
                return true;
            };
        case DUCKDB_TYPE_DECIMAL: {
            const auto scale = duckdb_decimal_scale(type);
            switch (duckdb_decimal_internal_type(type)) {
                case DUCKDB_TYPE_SMALLINT:
                    return decimal_reader<std::int16_t>(scale, kind(FieldKind::number));
                case DUCKDB_TYPE_INTEGER:
                    return decimal_reader<std::int32_t>(scale, kind(FieldKind::number));
                case DUCKDB_TYPE_BIGINT:
                    return decimal_reader<std::int64_t>(scale, kind(FieldKind::number));
                default:
                    return decimal_reader<duckdb_hugeint>(scale, kind(FieldKind::number));
            }
        }
        default:
            return [kind = kind(FieldKind::text)](const void* data, idx_t row, std::string&, Field& field,
                                                  std::string&) {
                field = {string_at(data, row), kind};
                return true;
            };
    }
}

}  // namespace

struct ParquetSource::Impl {
    std::string path;
    duckdb_database database = nullptr;
    duckdb_connection connection = nullptr;
    duckdb_prepared_statement statement = nullptr;
    duckdb_result result{};
    bool has_result = false;
    duckdb_data_chunk chunk = nullptr;
    idx_t chunk_row = 0;
    idx_t chunk_rows = 0;
    std::vector<ParquetColumn> columns;
    std::vector<std::string> duck_names;
    std::vector<Mapping> mappings;
    std::uint64_t rows = 0;
    std::uint64_t rows_read = 0;
    // Of the columns that are read.
    struct Output {
        std::size_t target;
        Reader read;
        const void* data = nullptr;
        const std::uint64_t* validity = nullptr;
        std::string scratch;
    };
    std::vector<Output> outputs;
    LoadColumns* targets = nullptr;

    ~Impl() {
        if (chunk != nullptr) duckdb_destroy_data_chunk(&chunk);
        if (has_result) duckdb_destroy_result(&result);
        if (statement != nullptr) duckdb_destroy_prepare(&statement);
        if (connection != nullptr) duckdb_disconnect(&connection);
        if (database != nullptr) duckdb_close(&database);
    }

    Error failed(std::string_view why) const {
        // DuckDB shows the statement, which is none of the user's.
        why = why.substr(0, why.find("\nLINE "));
        while (!why.empty() && why.back() == '\n')
            why.remove_suffix(1);
        std::string text = path + ": ";
        for (const char c : why)
            text += c == '\n' ? ' ' : c;
        return Error(ErrorCode::invalid_argument, std::move(text));
    }
    Result<void> connect();
    Result<void> prepare(const std::string& sql);
    Result<std::vector<std::vector<std::string>>> rows_of(const std::string& sql);
    Result<void> look();
    // Of a column at the top, by the schema of the file.
    struct TopColumn {
        std::string name;     // as the file has it; DuckDB renames those that differ in case only
        std::string refused;  // what is in it that DuckDB would read as something else; empty: nothing
    };
    Result<std::vector<TopColumn>> top_columns();
    Result<bool> next_chunk();
    // The file and no other: the functions of DuckDB take patterns.
    std::string file() const { return quoted(dl::literal_glob(path), '\''); }
    std::string from() const { return "read_parquet(" + file() + ", hive_partitioning=false)"; }
};

Result<void> ParquetSource::Impl::connect() {
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

Result<void> ParquetSource::Impl::prepare(const std::string& sql) {
    if (statement != nullptr) duckdb_destroy_prepare(&statement);
    if (duckdb_prepare(connection, sql.c_str(), &statement) != DuckDBSuccess)
        return failed(duckdb_prepare_error(statement));
    return {};
}

// All rows of a statement about the file, as texts; NULL is empty.
Result<std::vector<std::vector<std::string>>> ParquetSource::Impl::rows_of(const std::string& sql) {
    duckdb_result found{};
    std::vector<std::vector<std::string>> out;
    if (duckdb_query(connection, sql.c_str(), &found) != DuckDBSuccess) {
        auto error = failed(duckdb_result_error(&found));
        duckdb_destroy_result(&found);
        return error;
    }
    const auto width = duckdb_column_count(&found);
    while (auto part = duckdb_fetch_chunk(found)) {
        for (idx_t row = 0; row < duckdb_data_chunk_get_size(part); ++row) {
            auto& texts = out.emplace_back();
            for (idx_t column = 0; column < width; ++column) {
                auto vector = duckdb_data_chunk_get_vector(part, column);
                auto* validity = duckdb_vector_get_validity(vector);
                const bool valid = validity == nullptr || duckdb_validity_row_is_valid(validity, row);
                texts.emplace_back(valid ? string_at(duckdb_vector_get_data(vector), row) : "");
            }
        }
        duckdb_destroy_data_chunk(&part);
    }
    duckdb_destroy_result(&found);
    return out;
}

Result<std::vector<ParquetSource::Impl::TopColumn>> ParquetSource::Impl::top_columns() {
    auto fields = rows_of(
        "SELECT name, coalesce(num_children, 0)::VARCHAR, coalesce(precision, 0)::VARCHAR, "
        "coalesce(converted_type, '') || coalesce(logical_type, '') FROM parquet_schema(" +
        file() + ")");
    if (!fields.ok()) return fields.error();
    std::vector<TopColumn> top;
    // Depth first: what is still to come on each level, and the names it had so far. The root is the first.
    struct Level {
        std::uint64_t left;
        std::map<std::string, std::string> names;  // by their lower case
    };
    std::vector<Level> open;
    for (const auto& field : *fields) {
        const auto& [name, type] = std::tie(field[0], field[3]);
        while (!open.empty() && open.back().left == 0)
            open.pop_back();
        if (open.size() == 1) top.push_back({name, ""});
        std::string refused;
        if (!open.empty()) {
            --open.back().left;
            const auto [twin, fresh] = open.back().names.emplace(dl::ascii_lowercase(name), name);
            // At the top two such columns are one of ours, which says LoadColumns.
            if (!fresh && open.size() > 1)
                refused = "struct with two fields that differ in upper and lower case at most, " +
                          dl::quoted_value(twin->second) + " and " + dl::quoted_value(name);
        }
        if (type.find("DECIMAL") != std::string::npos && std::strtoull(field[2].c_str(), nullptr, 10) > 38)
            refused = "decimal of more than 38 digits";
        if (type.find("TimeType(") != std::string::npos && type.find("NANOS=Nano") != std::string::npos)
            refused = "time of day in nanoseconds";
        if (!refused.empty() && !top.empty() && top.back().refused.empty()) top.back().refused = refused;
        const auto children = std::strtoull(field[1].c_str(), nullptr, 10);
        if (children > 0) open.push_back({children, {}});
    }
    return top;
}

Result<void> ParquetSource::Impl::look() {
    if (auto prepared = prepare("SELECT * FROM " + from()); !prepared.ok()) return prepared;
    auto top = top_columns();
    if (!top.ok()) return top.error();
    std::vector<std::string> durations;
    auto arrow = rows_of("SELECT decode(value) FROM parquet_kv_metadata(" + file() +
                         ") WHERE decode(key) = 'ARROW:schema'");
    if (!arrow.ok()) return arrow.error();
    for (const auto& row : *arrow)
        if (auto message = dl::parse_binary(row[0])) durations = arrow_duration_columns(*message);
    const auto count = duckdb_prepared_statement_column_count(statement);
    if (top->size() != count) return failed("its columns are not those of its schema");
    for (idx_t i = 0; i < count; ++i) {
        const char* name = duckdb_prepared_statement_column_name(statement, i);
        auto type = duckdb_prepared_statement_column_logical_type(statement, i);
        duck_names.emplace_back(name == nullptr ? "" : name);
        ParquetColumn column{.name = (*top)[i].name, .type = "", .file_type = ""};
        auto mapping = map_type(type);
        if (mapping.ours.empty()) column.file_type = type_word(type);
        if (!(*top)[i].refused.empty()) {
            column.file_type = (*top)[i].refused;
            mapping = {};
        } else if (std::find(durations.begin(), durations.end(), column.name) != durations.end()) {
            column.file_type = "duration";
            mapping = {};
        }
        column.type = mapping.ours;
        column.has_text = !mapping.text_cast.empty();
        columns.push_back(std::move(column));
        mappings.push_back(std::move(mapping));
        duckdb_destroy_logical_type(&type);
        duckdb_free(const_cast<char*>(name));
    }
    if (columns.empty()) return failed("no columns found");
    auto counted = rows_of("SELECT sum(num_rows)::VARCHAR FROM parquet_file_metadata(" + file() + ")");
    if (!counted.ok()) return counted.error();
    if (counted->size() == 1) rows = std::strtoull((*counted)[0][0].c_str(), nullptr, 10);
    return {};
}

Result<bool> ParquetSource::Impl::next_chunk() {
    if (chunk != nullptr) duckdb_destroy_data_chunk(&chunk);
    chunk_row = 0;
    chunk_rows = 0;
    chunk = duckdb_fetch_chunk(result);
    if (chunk == nullptr) {
        const char* message = duckdb_result_error(&result);
        if (message != nullptr && *message != '\0')
            return failed("after row " + std::to_string(rows_read) + ": " + message);
        return false;
    }
    chunk_rows = duckdb_data_chunk_get_size(chunk);
    for (idx_t i = 0; i < outputs.size(); ++i) {
        auto vector = duckdb_data_chunk_get_vector(chunk, i);
        outputs[i].data = duckdb_vector_get_data(vector);
        outputs[i].validity = duckdb_vector_get_validity(vector);
    }
    return chunk_rows > 0;
}

ParquetSource::ParquetSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ParquetSource::~ParquetSource() = default;

Result<std::unique_ptr<ParquetSource>> ParquetSource::open(const std::string& path) {
    auto impl = std::make_unique<Impl>();
    impl->path = path;
    if (auto connected = impl->connect(); !connected.ok()) return connected.error();
    if (auto looked = impl->look(); !looked.ok()) return looked.error();
    return std::unique_ptr<ParquetSource>(new ParquetSource(std::move(impl)));
}

const std::vector<ParquetColumn>& ParquetSource::columns() const {
    return impl_->columns;
}
std::uint64_t ParquetSource::rows() const {
    return impl_->rows;
}

std::string ParquetSource::refusal(const ParquetColumn& column) {
    auto text = "column \"" + column.name + "\" is a " + column.file_type + ", for which there is no type";
    if (column.has_text) text += "; --types " + table_column_name(column.name) + ":string takes its text";
    return text;
}

Result<void> ParquetSource::start(LoadColumns& columns, const std::vector<dl::DataType>& types,
                                  const LoadOptions& options) {
    auto& impl = *impl_;
    impl.targets = &columns;
    std::string sql = "SELECT ";
    struct Chosen {
        std::size_t target;
        bool exact;
        bool json;  // read as the JSON of a nested value
        std::string name;
    };
    std::vector<Chosen> chosen;
    for (std::size_t i = 0; i < impl.columns.size(); ++i) {
        const auto& column = impl.columns[i];
        const int found = columns.find(column.name);
        if (found == LoadColumns::kUnknown && options.skip_unknown_fields) continue;
        if (found == LoadColumns::kUnknown)
            return impl.failed("table " + options.table + " has no column " + column.name +
                               ", the file has; add it with alter table, load into another table, or leave "
                               "it out with --unknown-fields skip");
        if (found == LoadColumns::kCrud)
            return impl.failed("a column " + column.name + " is honoured in CSV and JSON files only");
        if (found == LoadColumns::kFilled) return impl.failed(LoadColumns::filled_text(column.name));
        if (found == LoadColumns::kClash) return impl.failed(columns.clash_text(column.name));
        for (const auto& other : chosen)
            if (other.target == static_cast<std::size_t>(found))
                return impl.failed("columns \"" + other.name + "\" and \"" + column.name +
                                   "\" of the file would both be column " + table_column_name(column.name));
        const auto target = static_cast<std::size_t>(found);
        const bool to_string = types[target].kind == dl::TypeKind::string;
        const bool exact = !column.type.empty() && dl::type_name(types[target]) == column.type;
        const auto& mapping = impl.mappings[i];
        if (!exact && (to_string ? mapping.text_cast.empty() : column.type.empty()))
            return impl.failed(column.type.empty() ? refusal(column)
                                                   : "column \"" + column.name + "\" is " + column.type +
                                                         ", which a string cannot hold as it is");
        if (!exact && column.type == "binary")
            return impl.failed("column \"" + column.name + "\" is binary, column " + columns.name(target) +
                               " of the table is not");
        const auto& cast = to_string && !exact ? mapping.text_cast : mapping.cast;
        if (!chosen.empty()) sql += ',';
        const auto name = quoted(impl.duck_names[i], '"');
        sql += cast.empty() ? name : "CAST(" + name + " AS " + cast + ")";
        chosen.push_back({target, exact, cast == "JSON", column.name});
    }
    if (chosen.empty()) return impl.failed("it has no column of the table");
    if (auto prepared = impl.prepare(sql + " FROM " + impl.from()); !prepared.ok()) return prepared;
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
    for (idx_t i = 0; i < chosen.size(); ++i) {
        auto type = duckdb_column_logical_type(&impl.result, i);
        const auto& [target, exact, json, name] = chosen[i];
        impl.outputs.push_back({target, json ? json_reader() : reader_for(type, exact, types[target].kind),
                                nullptr, nullptr, ""});
        duckdb_destroy_logical_type(&type);
    }
    return {};
}

bool ParquetSource::has(std::size_t column) const {
    return std::any_of(impl_->outputs.begin(), impl_->outputs.end(),
                       [&](const auto& output) { return output.target == column; });
}

Result<bool> ParquetSource::next(SourceRow& row) {
    auto& impl = *impl_;
    if (impl.chunk_row == impl.chunk_rows) {
        auto more = impl.next_chunk();
        if (!more.ok() || !*more) return more;
        row.fields.assign(impl.targets->size(), {});
    }
    const auto at = impl.chunk_row++;
    row.line = ++impl.rows_read;
    row.text = {};
    row.problem.clear();
    row.unknown_field.clear();
    row.crud = {};
    row.fields.resize(impl.targets->size());
    for (auto& output : impl.outputs) {
        auto& field = row.fields[output.target];
        if (output.validity != nullptr && ((output.validity[at >> 6] >> (at & 63)) & 1) == 0) {
            field = {{}, FieldKind::null};
        } else if (!output.read(output.data, at, output.scratch, field, row.problem.reason)) {
            row.problem.column = impl.targets->name(output.target);
            row.problem.value = std::string(field.text);
        }
    }
    return true;
}

double ParquetSource::fraction() const {
    return impl_->rows == 0 ? -1 : static_cast<double>(impl_->rows_read) / static_cast<double>(impl_->rows);
}

}  // namespace datalake::cli
