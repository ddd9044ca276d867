// Runs statements and backslash commands one after the other, from the terminal, a file or the command line,
// and says how it went. Main thread only.
#pragma once

#include <cstdio>
#include <istream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data-lake-client/cli/commands.h"
#include "data-lake-client/cli/completer.h"
#include "data-lake-client/cli/interrupt.h"
#include "data-lake-client/cli/load/loader.h"
#include "data-lake-client/cli/options.h"
#include "data-lake-client/cli/statement_runner.h"

namespace datalake::cli {

class Shell {
  public:
    Shell(Client& client, Options client_options, const CommandLine& command_line, Interrupts& interrupts);

    // Exit codes of options.h.
    ~Shell();
    Shell(const Shell&) = delete;
    Shell& operator=(const Shell&) = delete;

    int run_statements(const std::vector<std::string>& texts);
    int run_stream(std::FILE* input);
    int run_terminal();
    int run_load(const LoadOptions& options);

  private:
    enum class Next : std::uint8_t { go_on, quit };
    // Runs one statement, prints an error; its exit code in exit_code_.
    Next run(const Statement& statement);
    Result<Next> run_command(const Command& command);
    // Tables and views whose names a pattern of * and ? takes.
    Result<void> print_names(const std::string& pattern);
    Result<void> save(const std::string& file);
    // \i: the statements of a file; the code of the worst in exit_code_.
    Result<void> include(const std::string& file);
    // \o: where results go; empty: the standard output.
    Result<void> redirect(const std::string& file);
    // \timeout
    Result<void> limit_time(const std::vector<std::string>& words);
    Result<void> tail(const Command& command);
    Result<void> load(const Command& command);
    Result<void> load(const LoadOptions& options);
    void print_preview(const LoadOptions& options, const LoadPreview& preview);
    void print_help();
    void forget_names();

    Client& client_;
    Options client_options_;
    const CommandLine command_line_;
    Interrupts& interrupts_;
    Output output_;
    PrintSettings settings_;
    OutputFormat format_before_x_ = OutputFormat::table;
    StatementRunner runner_;
    std::optional<Statement> last_query_;  // that gave rows, or was to give them
    int exit_code_ = kExitOk;
    int includes_ = 0;                 // files that are being run, one within the other
    std::FILE* redirected_ = nullptr;  // where results go instead of the standard output
    bool partly_loaded_ = false;       // by the last load
    // For completion.
    bool tables_known_ = false;
    std::vector<std::string> tables_;
    std::map<std::string, std::vector<std::string>> columns_;
};

// What does what a statement that failed was meant to do; empty for most.
std::string hint_for(const Statement& statement);

// Of a mistake where another statement seems to begin: two were run as one.
std::string missing_end_hint(const Statement& statement, const Error& error);

// "ERROR CODE: message", then hints: what a maybe means, what to do when nothing listens.
// `only_reads`: of a statement that changes nothing.
std::string error_text(const Error& error, const std::string& address, bool only_reads = false);

}  // namespace datalake::cli
