// data-lake-client: the prompt.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "data-lake-client/cli/options.h"
#include "data-lake-client/cli/shell.h"

int main(int argc, char** argv) {
    using namespace datalake;
    using namespace datalake::cli;
    const auto parsed = parse_command_line(argc, argv);
    if (parsed.exit_code >= 0) {
        std::fputs(parsed.text.c_str(), parsed.exit_code == kExitOk ? stdout : stderr);
        return parsed.exit_code;
    }
    const auto& line = parsed.command_line;
    Interrupts interrupts;

    std::FILE* input = stdin;
    if (!line.file.empty() && line.file != "-") {
        input = std::fopen(line.file.c_str(), "re");
        if (input == nullptr) {
            std::fprintf(stderr, "ERROR %s cannot be read: %s\n", line.file.c_str(), std::strerror(errno));
            return kExitUsage;
        }
        struct stat status {};
        if (::fstat(::fileno(input), &status) == 0 && S_ISDIR(status.st_mode)) {
            std::fprintf(stderr, "ERROR %s cannot be read: it is a directory\n", line.file.c_str());
            return kExitUsage;
        }
    }
    const bool terminal = line.statements.empty() && line.file.empty() && ::isatty(STDIN_FILENO) == 1;

    Options options;
    if (line.timeout_seconds) options.timeout = time_limit(*line.timeout_seconds).wait;
    // A person is waiting: a master that restarts is waited for, one that is gone is reported soon.
    options.retry_for = std::chrono::seconds(3);
    auto client = Client::connect(line.address, options);
    if (!client.ok()) {
        std::fputs(error_text(client.error(), line.address).c_str(), stderr);
        return client.error().code() == ErrorCode::invalid_argument ? kExitUsage : kExitConnection;
    }
    Shell shell(*client, options, line, interrupts);
    int code = kExitOk;
    if (!line.load.files.empty()) {
        code = shell.run_load(line.load);
    }
    if (code == kExitOk && !line.statements.empty()) {
        code = shell.run_statements(line.statements);
    } else if (code == kExitOk && line.load.files.empty()) {
        code = terminal ? shell.run_terminal() : shell.run_stream(input);
    }
    if (input != stdin) std::fclose(input);
    return code;
}
