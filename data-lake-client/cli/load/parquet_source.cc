#include "data-lake-client/cli/load/parquet_source.h"

#include <duckdb.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "common/base/ascii.h"
#include "common/base/glob_text.h"
#include "data-lake-client/cli/load/arrow_schema.h"
#include "data-lake-client/cli/load/parquet_nested.h"
#include "data-lake-client/cli/load/parquet_values.h"

namespace datalake::cli {
namespace {

// A type whose values hold durations, as a list of them.
constexpr const char* kDurations = "list, map or structure with durations";

std::string quoted(std::string_view text, char quote) {
    std::string out(1, quote);
    for (const char c : text) {
        if (c == quote) out += quote;
        out += c;
    }
    return out + quote;
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
    std::vector<ParquetMapping> mappings;
    std::uint64_t rows = 0;
    std::uint64_t rows_read = 0;
    // Of the columns that are read.
    struct Output {
        std::size_t target;
        ParquetValueReader read;
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
                texts.emplace_back(valid ? duck_string_at(duckdb_vector_get_data(vector), row) : "");
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
    std::vector<ArrowDuration> durations;
    auto arrow = rows_of("SELECT decode(value) FROM parquet_kv_metadata(" + file() +
                         ") WHERE decode(key) = 'ARROW:schema'");
    if (!arrow.ok()) return arrow.error();
    for (const auto& row : *arrow)
        if (auto message = dl::parse_binary(row[0])) durations = arrow_durations(*message);
    auto described = rows_of("SELECT column_type FROM (DESCRIBE SELECT * FROM " + from() + ")");
    if (!described.ok()) return described.error();
    const auto count = duckdb_prepared_statement_column_count(statement);
    if (top->size() != count || described->size() != count)
        return failed("its columns are not those of its schema");
    for (idx_t i = 0; i < count; ++i) {
        const char* name = duckdb_prepared_statement_column_name(statement, i);
        auto type = duckdb_prepared_statement_column_logical_type(statement, i);
        duck_names.emplace_back(name == nullptr ? "" : name);
        ParquetColumn column{.name = (*top)[i].name, .type = "", .file_type = ""};
        auto mapping = map_parquet_type(type);
        if (mapping.ours.empty()) column.file_type = parquet_type_word(type);
        if (!(*top)[i].refused.empty()) {
            column.file_type = (*top)[i].refused;
            mapping = {};
        } else if (const auto duration = std::ranges::find(durations, column.name, &ArrowDuration::column);
                   duration != durations.end()) {
            const bool whole = duckdb_get_type_id(type) == DUCKDB_TYPE_BIGINT;
            column.file_type = whole ? "duration" : kDurations;
            if (whole) column.counts = duration->unit;
            mapping = {};
        } else if (mapping.text_cast == "JSON") {
            mapping.wide = with_wide_decimals((*described)[i][0]).value_or("");
            mapping.has_map = may_have_map((*described)[i][0]);
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
    if (!column.counts.empty())
        text += "; --create --types " + table_column_name(column.name) + ":long takes its number of " +
                column.counts;
    if (column.file_type == kDurations)
        text += "; convert its durations to int64 where the file is made (pyarrow, of a list: table[\"" +
                column.name + "\"].cast(pa.list_(pa.int64()))), then a string column takes it as JSON";
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
        bool has_map;
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
        // Only where it is said: nobody is to take the number of one unit for that of another.
        const bool number = !column.counts.empty() && types[target].kind == dl::TypeKind::int64 &&
                            std::ranges::any_of(options.types, [&](const auto& given) {
                                return table_column_name(given.first) == columns.name(target);
                            });
        if (!exact && !number && (to_string ? mapping.text_cast.empty() : column.type.empty()))
            return impl.failed(column.type.empty() ? refusal(column)
                                                   : "column \"" + column.name + "\" is " + column.type +
                                                         ", which a string cannot hold as it is");
        if (!exact && column.type == "binary")
            return impl.failed("column \"" + column.name + "\" is binary, column " + columns.name(target) +
                               " of the table is not");
        const auto& cast = to_string && !exact ? mapping.text_cast : mapping.cast;
        if (!chosen.empty()) sql += ',';
        const auto name = quoted(impl.duck_names[i], '"');
        const bool json = cast == "JSON";
        const auto value =
            json && !mapping.wide.empty() ? "CAST(" + name + " AS " + mapping.wide + ")" : name;
        sql += cast.empty() ? value : "CAST(" + value + " AS " + cast + ")";
        chosen.push_back({target, exact, json, mapping.has_map, column.name});
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
        const auto& [target, exact, json, has_map, name] = chosen[i];
        impl.outputs.push_back(
            {target,
             json ? parquet_json_reader(has_map) : parquet_value_reader(type, exact, types[target].kind),
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
