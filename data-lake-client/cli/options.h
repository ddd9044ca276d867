// The command line of data-lake-client.
#pragma once

#include <cstdint>
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

struct CommandLine {
    std::string address = "127.0.0.1:7853";
    std::vector<std::string> statements;  // -c
    std::string file;                     // -f
    OutputFormat format = OutputFormat::table;
    double timeout_seconds = 90;
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
