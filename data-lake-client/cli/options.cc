#include "data-lake-client/cli/options.h"

#include <CLI/CLI.hpp>
#include <sstream>

namespace datalake::cli {

ParsedCommandLine parse_command_line(int argc, const char* const* argv) {
    ParsedCommandLine parsed;
    auto& line = parsed.command_line;
    CLI::App app{
        "The prompt of DataLakeDB. Reads SQL and JSON statements from -c, -f, the standard input or the "
        "terminal."};
    app.name("data-lake-client");
    std::string format = "table";
    app.add_option("address", line.address, "host:port of the master")->capture_default_str();
    app.add_option("-c,--command", line.statements, "run STATEMENT and exit; may be given several times")
        ->type_name("STATEMENT")
        ->allow_extra_args(false);
    app.add_option("-f,--file", line.file, "run the statements of FILE and exit; - is the standard input")
        ->type_name("FILE");
    app.add_option("--format", format, "how results are printed")
        ->check(CLI::IsMember({"table", "json", "csv", "ndjson", "vertical"}))
        ->capture_default_str();
    app.add_option("--timeout", line.timeout_seconds,
                   "longest wait in seconds for an answer; 0 waits for ever")
        ->check(CLI::Range(0.0, 1e6))
        ->capture_default_str();
    bool no_header = false;
    app.add_flag("--no-header", no_header, "tables and CSV without column names");
    app.add_flag("-q,--quiet", line.quiet, "results only: no OK, row counts and times");
    app.add_flag("--continue-on-error", line.continue_on_error,
                 "go on with the next statement after a failed one");
    auto& load = line.load;
    app.add_option("--load", load.file, "load a CSV, JSON lines or Parquet FILE and exit")
        ->type_name("FILE")
        ->group("Loading");
    app.add_option("--table", load.table, "the table to load into")->group("Loading");
    app.add_option("--key", load.key,
                   "key: a column, row_number, or row_number:COLUMN (COLUMN is id by default)")
        ->group("Loading");
    app.add_flag("--create", load.create, "create the table, types from the file")->group("Loading");
    app.add_option("--partitions", load.partitions, "partitions of the created table")
        ->check(CLI::Range(1, 4096))
        ->capture_default_str()
        ->group("Loading");
    app.add_option("--batch-rows", load.batch_rows, "rows per batch")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str()
        ->group("Loading");
    app.add_option("--rows", load.rows_max, "load only the first N rows of the file")
        ->type_name("N")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40))
        ->group("Loading");
    app.add_option("--connections", load.connections,
                   "connections that send; default 2 with row_number, else 1, which keeps the order of rows "
                   "with the same key")
        ->check(CLI::Range(1, 16))
        ->group("Loading");
    app.add_option("--rejects", load.rejects_file, "write refused rows (row, message) to FILE as CSV")
        ->type_name("FILE")
        ->group("Loading");
    app.add_option("--max-rejects", load.refused_max, "stop after this many refused rows")
        ->capture_default_str()
        ->group("Loading");
    app.set_version_flag("-V,--version,-v", std::string("data-lake-client ") + DL_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::ostringstream out, problem;
        parsed.exit_code = app.exit(error, out, problem) == 0 ? kExitOk : kExitUsage;
        parsed.text = out.str() + problem.str();
        return parsed;
    }
    line.header = !no_header;
    line.format = *output_format_from_name(format);
    const auto refuse = [&](std::string text) {
        parsed.exit_code = kExitUsage;
        parsed.text = std::move(text) + "\nRun with --help for more information.\n";
    };
    if (!load.file.empty() && load.table.empty()) refuse("--load needs --table");
    if (load.file.empty() && !load.table.empty()) refuse("--table goes with --load");
    if (!line.statements.empty() && !line.file.empty()) refuse("-c and -f exclude each other");
    return parsed;
}

}  // namespace datalake::cli
