// The command line of data-lake-client.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data-lake-client/cli/load/load_options.h"
#include "data-lake-client/cli/result_writer.h"

namespace datalake::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitStatementFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitConnection = 3;
inline constexpr int kExitPartlyLoaded = 4;

// What a statement may take, and how long its answer is waited for: longer, so that it is the server that
// says what became of it.
struct TimeLimit {
    std::int64_t statement_ms = 0;      // options.timeout_ms
    std::chrono::milliseconds wait{0};  // Options::timeout; 0: for ever
};
inline constexpr double kTimeLimitSecondsMax = 86'400;
// 0: as long as the protocol allows.
TimeLimit time_limit(double seconds);

struct CommandLine {
    std::string address = "127.0.0.1:7853";
    std::vector<std::string> statements;  // -c
    std::string file;                     // -f
    OutputFormat format = OutputFormat::table;
    std::optional<double> timeout_seconds;  // --timeout
    bool header = true;
    bool quiet = false;
    bool continue_on_error = false;
    LoadOptions load;  // load.files empty: no load
};

struct ParsedCommandLine {
    CommandLine command_line;
    int exit_code = -1;  // >= 0: nothing to do, `text` says why (on stdout for 0, else on stderr)
    std::string text;
};
ParsedCommandLine parse_command_line(int argc, const char* const* argv);

}  // namespace datalake::cli
