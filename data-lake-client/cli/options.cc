#include "data-lake-client/cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <sstream>

#include "data-lake-client/cli/load/load_settings.h"

namespace datalake::cli {

TimeLimit time_limit(double seconds) {
    constexpr std::int64_t kMsMax = 86'400'000;
    constexpr std::chrono::milliseconds kLonger{5'000};
    if (seconds <= 0) return {kMsMax, std::chrono::milliseconds(0)};
    const auto ms = std::clamp(static_cast<std::int64_t>(std::min(seconds, kTimeLimitSecondsMax) * 1000),
                               std::int64_t{1}, kMsMax);
    return {ms, std::chrono::milliseconds(ms) + kLonger};
}

ParsedCommandLine parse_command_line(int argc, const char* const* argv) {
    ParsedCommandLine parsed;
    auto& line = parsed.command_line;
    CLI::App app{
        "The prompt of DataLakeDB. Reads SQL and JSON statements from -c, -f, the standard input or the "
        "terminal."};
    app.name("data-lake-client");
    std::string format = "table";
    app.add_option("address", line.address, "host:port of the master; a port alone is one of this machine")
        ->capture_default_str();
    app.add_option("-c,--command", line.statements, "run STATEMENT and exit; may be given several times")
        ->type_name("STATEMENT")
        ->allow_extra_args(false);
    app.add_option("-f,--file", line.file, "run the statements of FILE and exit; - is the standard input")
        ->type_name("FILE");
    app.add_option(
           "--format", format,
           "how results are printed: table (so by default), json, csv, ndjson or vertical; with --load what "
           "the files are, when their names do not say: csv, tsv, json, ndjson, jsonl or parquet")
        ->type_name("FORMAT")
        ->check(CLI::IsMember({"table", "json", "csv", "ndjson", "vertical", "tsv", "jsonl", "parquet"})
                    .description(""));
    double timeout_seconds = 0;
    app.add_option("--timeout", timeout_seconds,
                   "seconds that a statement may take, sent as its timeout_ms; 0: a day, the most there is. "
                   "Without it the time is the server's (60 s) and an answer is waited for 90 s")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.0, kTimeLimitSecondsMax).description(""));
    bool no_header = false;
    app.add_flag("--no-header,!--header", no_header, "tables and CSV without column names");
    app.add_flag("-q,--quiet", line.quiet, "results only: no OK, row counts and times");
    app.add_flag("--continue-on-error", line.continue_on_error,
                 "go on with the next statement after a failed one");
    std::vector<std::string> load_files;
    app.add_option(
           "--load", load_files,
           "load a CSV, JSON or Parquet FILE (a path, a pattern, a directory, - for the standard input) "
           "and exit; may be given several times. With --no-header the fields of CSV are columns by position")
        ->type_name("FILE")
        ->allow_extra_args(false)
        ->group("Loading");
    std::map<std::string_view, std::vector<std::string>> values;
    std::map<std::string_view, bool> flags;
    for (const auto& setting : load_settings()) {
        auto name = "--" + std::string(setting.name);
        if (setting.name == "delimiter") name += ",--delim";
        const std::string help(setting.help);
        if (setting.argument.empty()) {
            app.add_flag(name, flags[setting.name], help)->group("Loading");
        } else {
            auto* option = app.add_option(name, values[setting.name], help)
                               ->type_name(std::string(setting.argument))
                               ->allow_extra_args(false)
                               ->group("Loading");
            if (setting.name != "null" && setting.name != "types" && setting.name != "true" &&
                setting.name != "false")
                option->expected(1);
        }
    }
    app.set_version_flag("-V,--version,-v", std::string("data-lake-client ") + DL_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::ostringstream out, problem;
        parsed.exit_code = app.exit(error, out, problem) == 0 ? kExitOk : kExitUsage;
        parsed.text = out.str() + problem.str();
        return parsed;
    }
    // A number alone is a port of this machine.
    if (!line.address.empty() && line.address.find_first_not_of("0123456789") == std::string::npos)
        line.address.insert(0, "127.0.0.1:");
    line.header = !no_header;
    if (app.count("--timeout") > 0) line.timeout_seconds = timeout_seconds;
    const auto refuse = [&](std::string text) {
        parsed.exit_code = kExitUsage;
        parsed.text = std::move(text) + "\nRun with --help for more information.\n";
    };
    auto& load = line.load;
    load.files = std::move(load_files);
    bool any_setting = false;
    const auto set = [&](std::string_view name, const std::string& value) {
        any_setting = true;
        if (auto done = set_load_option(load, name, value); !done.ok()) refuse("--" + done.error().message());
    };
    for (const auto& [name, texts] : values)
        for (const auto& text : texts)
            set(name, text);
    for (const auto& [name, given] : flags)
        if (given) set(name, "");
    if (load.files.empty()) {
        if (any_setting) refuse("the options of loading go with --load");
        const auto known = output_format_from_name(format);
        if (!known)
            refuse("--format " + format +
                   " goes with --load; results are printed as table, json, csv, ndjson or vertical");
        line.format = known.value_or(OutputFormat::table);
    } else {
        load.csv.header = !no_header;
        if (app.count("--format") > 0) set("format", format);
        if (load.table.empty()) refuse("--load needs --table");
    }
    if (!line.statements.empty() && !line.file.empty()) refuse("-c and -f exclude each other");
    return parsed;
}

}  // namespace datalake::cli
