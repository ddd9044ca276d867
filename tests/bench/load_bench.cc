// How fast the client reads CSV and JSON lines: bytes to fields, to checked values in a batch, and the types
// of a file, beside DuckDB's read_csv over the same file in the same run. No server takes part.
//   load_micro_bench [rows [file.parquet]]
#include <duckdb.h>
#include <time.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "data-lake-client/cli/load/byte_source.h"
#include "data-lake-client/cli/load/csv_source.h"
#include "data-lake-client/cli/load/json_source.h"
#include "data-lake-client/cli/load/load_batch.h"
#include "data-lake-client/cli/load/parquet_source.h"
#include "data-lake-client/cli/load/type_guess.h"
#include "data-lake-client/cli/load/value_converter.h"

namespace {

using namespace datalake::cli;
using Clock = std::chrono::steady_clock;

struct Files {
    std::string csv, json;
};

Files write_files(std::uint64_t rows) {
    const auto folder = std::filesystem::temp_directory_path() / "dl_load_bench";
    std::filesystem::create_directories(folder);
    const Files files{(folder / "t.csv").string(), (folder / "t.jsonl").string()};
    std::ofstream csv(files.csv), json(files.json);
    csv << "id,at,delay,amount,origin,note\n";
    std::mt19937_64 random(1);
    for (std::uint64_t i = 0; i < rows; ++i) {
        const auto delay = static_cast<int>(random() % 2000) - 60;
        const auto cents = random() % 100;
        char line[256];
        const char a = static_cast<char>('A' + random() % 26), b = static_cast<char>('A' + random() % 26);
        std::snprintf(line, sizeof line, "%llu,2024-03-%02d %02d:15:00,%d,%llu.%llu5,%cQ%c,\"late, by %d\"\n",
                      static_cast<unsigned long long>(i), static_cast<int>(random() % 28) + 1,
                      static_cast<int>(random() % 24), delay,
                      static_cast<unsigned long long>(random() % 10000),
                      static_cast<unsigned long long>(cents), a, b, delay);
        csv << line;
        std::snprintf(
            line, sizeof line,
            "{\"id\":%llu,\"at\":\"2024-03-11 10:15:00\",\"delay\":%d,\"amount\":%llu.5,\"origin\":\"%cQ%c\","
            "\"note\":\"late, by %d\"}\n",
            static_cast<unsigned long long>(i), delay, static_cast<unsigned long long>(cents), a, b, delay);
        json << line;
    }
    return files;
}

double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// On a machine with other work the time of the processor says more than that of the clock.
template <class Run>
void measure(const char* what, const std::string& file, double* baseline, Run run) {
    const auto start = Clock::now();
    const double cpu_start = cpu_seconds();
    const auto rows = run();
    const double cpu = cpu_seconds() - cpu_start;
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const double megabytes = static_cast<double>(std::filesystem::file_size(file)) / 1e6;
    const bool is_baseline = baseline != nullptr && *baseline == 0;
    if (is_baseline) *baseline = megabytes / cpu;
    std::printf("%-44s %6.0f MB/s %6.2f M rows/s %6.0f MB per CPU second", what, megabytes / seconds,
                static_cast<double>(rows) / 1e6 / seconds, megabytes / cpu);
    if (baseline != nullptr && !is_baseline) std::printf(" (%.2f x DuckDB)", megabytes / cpu / *baseline);
    std::printf("\n");
}

std::uint64_t duck_rows(const std::string& file, const char* options) {
    duckdb_database database = nullptr;
    duckdb_connection connection = nullptr;
    duckdb_result result{};
    std::uint64_t rows = 0;
    if (duckdb_open(nullptr, &database) != DuckDBSuccess ||
        duckdb_connect(database, &connection) != DuckDBSuccess ||
        duckdb_query(connection, "SET threads = 2", nullptr) != DuckDBSuccess)
        std::abort();
    const auto sql = "SELECT * FROM read_csv('" + file + "'" + options + ")";
    if (duckdb_query(connection, sql.c_str(), &result) != DuckDBSuccess) std::abort();
    while (auto chunk = duckdb_fetch_chunk(result)) {
        rows += duckdb_data_chunk_get_size(chunk);
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
    return rows;
}

std::unique_ptr<RowSource> open(const std::string& file, bool json, LoadColumns& columns) {
    static ReadProgress progress;
    auto bytes = open_bytes(file, file, "", progress);
    if (json) return std::make_unique<JsonSource>(file, std::move(*bytes), columns);
    return std::move(*CsvSource::open(file, std::move(*bytes), {}, FileFormat::csv, columns, true));
}

std::uint64_t convert_rows(const std::string& file, bool json) {
    LoadColumns columns(true);
    auto source = open(file, json, columns);
    std::vector<ValueConverter> converters;
    for (const auto* type : {"long", "timestamp", "int", "double", "string", "string"})
        converters.emplace_back(*dl::parse_type(type), TextOptions{});
    datalake::cli::LoadBatch batch("t", {"id", "at", "delay", "amount", "origin", "note"},
                                   std::vector<bool>(6));
    SourceRow row;
    std::string scratch, reason;
    std::string_view out;
    std::uint64_t rows = 0;
    while (*source->next(row)) {
        for (std::size_t i = 0; i < converters.size(); ++i) {
            if (!converters[i].convert(row.fields[i], scratch, out, reason)) std::abort();
            batch.put(out);
        }
        batch.finish(datalake::Operation::insert, {}, row.text);
        ++rows;
        if (batch.rows() == 20'000) batch.clear();
    }
    return rows;
}

std::uint64_t guess_rows(const std::string& file, bool json) {
    LoadColumns columns(true);
    auto source = open(file, json, columns);
    std::vector<TypeGuess> guesses(6);
    SourceRow row;
    std::uint64_t rows = 0;
    while (*source->next(row)) {
        for (std::size_t i = 0; i < row.fields.size(); ++i)
            guesses[i].see(row.fields[i], !json, {});
        ++rows;
    }
    return rows;
}

std::uint64_t split_rows(const std::string& file) {
    ReadProgress progress;
    auto reader = CsvReader::open(std::move(*open_bytes(file, file, "", progress)), {});
    CsvRecord record;
    std::uint64_t rows = 0;
    while (*(*reader)->next(record))
        ++rows;
    return rows - 1;
}

std::uint64_t parquet_rows(const std::string& file) {
    auto source = std::move(*ParquetSource::open(file));
    LoadColumns columns(true);
    std::vector<dl::DataType> types;
    std::vector<std::string> names;
    for (const auto& column : source->columns()) {
        columns.find(column.name);
        types.push_back(*dl::parse_type(column.type));
        names.push_back(column.name);
    }
    if (!source->start(columns, types, {}).ok()) std::abort();
    datalake::cli::LoadBatch batch("t", names, std::vector<bool>(names.size()));
    SourceRow row;
    std::uint64_t rows = 0;
    while (*source->next(row)) {
        for (const auto& field : row.fields) {
            if (field.kind == FieldKind::null)
                batch.put_null();
            else
                batch.put(field.text);
        }
        batch.finish(datalake::Operation::insert, {}, {});
        ++rows;
        if (batch.rows() == 20'000) batch.clear();
    }
    return rows;
}

}  // namespace

int main(int argc, char** argv) {
    const auto rows = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 2'000'000;
    const auto files = write_files(rows);
    double baseline = 0, text_baseline = 0;
    measure("DuckDB read_csv, 2 threads, types sniffed", files.csv, &baseline,
            [&] { return duck_rows(files.csv, ""); });
    measure("DuckDB read_csv, 2 threads, all text", files.csv, &text_baseline,
            [&] { return duck_rows(files.csv, ", all_varchar=true"); });
    measure("CSV, 1 thread: fields", files.csv, &text_baseline, [&] { return split_rows(files.csv); });
    measure("CSV, 1 thread: types of the whole file", files.csv, &baseline,
            [&] { return guess_rows(files.csv, false); });
    measure("CSV, 1 thread: checked values into batches", files.csv, &baseline,
            [&] { return convert_rows(files.csv, false); });
    measure("JSON lines, 1 thread: checked values", files.json, nullptr,
            [&] { return convert_rows(files.json, true); });
    const std::string flights = argc > 2 ? argv[2] : "";
    if (!flights.empty())
        measure("Parquet: values into batches", flights, nullptr, [&] { return parquet_rows(flights); });
    std::filesystem::remove_all(std::filesystem::path(files.csv).parent_path());
    return 0;
}
