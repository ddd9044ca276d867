// \i, \o and \save (shell.h).
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "data-lake-client/cli/load/new_file.h"
#include "data-lake-client/cli/shell.h"

namespace datalake::cli {

Result<void> Shell::include(const std::string& file) {
    constexpr int kIncludesMax = 16;
    if (includes_ == kIncludesMax)
        return usage_error("i",
                           file + " is the " + std::to_string(kIncludesMax + 1) + "th file within another");
    auto* input = std::fopen(file.c_str(), "re");
    struct stat status {};
    if (input != nullptr && ::fstat(::fileno(input), &status) == 0 && S_ISDIR(status.st_mode)) {
        std::fclose(input);
        return Error(ErrorCode::io_error, file + " cannot be read: it is a directory");
    }
    if (input == nullptr)
        return Error(ErrorCode::io_error, file + " cannot be read: " + std::strerror(errno));
    ++includes_;
    const int worst = run_stream(input);
    --includes_;
    std::fclose(input);
    exit_code_ = worst;
    return {};
}

Result<void> Shell::redirect(const std::string& file) {
    std::FILE* out = nullptr;
    if (!file.empty()) {
        out = std::fopen(file.c_str(), "we");
        if (out == nullptr)
            return Error(ErrorCode::io_error, file + " cannot be written: " + std::strerror(errno));
    }
    const bool written = output_.flush();
    output_.redirect(out == nullptr ? stdout : out);
    settings_.style.terminal = out == nullptr && ::isatty(STDOUT_FILENO) == 1;
    settings_.style.terminal_columns = 0;  // measured for each statement when there is one
    const bool closed = redirected_ == nullptr || std::fclose(redirected_) == 0;
    redirected_ = out;
    if (!written || !closed) return Error(ErrorCode::io_error, "the output cannot be written");
    return {};
}

Shell::~Shell() {
    if (redirected_ == nullptr) return;
    output_.redirect(stdout);
    std::fclose(redirected_);
}

Result<void> Shell::save(const std::string& file) {
    if (!last_query_) return usage_error("save", "there was no query yet");
    if (!only_reads(*last_query_))
        return usage_error("save",
                           "the last rows came from a statement that may change something, which is not run "
                           "again; run a query first");
    const auto dot = file.rfind('.');
    const auto format =
        dot == std::string::npos ? std::nullopt : output_format_from_name(file.substr(dot + 1));
    const auto lines = dot != std::string::npos && file.substr(dot) == ".jsonl"
                           ? std::optional(OutputFormat::ndjson)
                           : format;
    if (!lines || *lines == OutputFormat::table || *lines == OutputFormat::vertical)
        return usage_error("save", "the name must end in .csv, .json, .ndjson or .jsonl");
    NewFile out;
    if (auto opened = out.open(file); !opened.ok()) return opened;
    PrintSettings settings = settings_;
    settings.format = *lines;
    settings.quiet = true;
    settings.progress = false;
    std::uint64_t rows = 0;
    {
        Output output(out.file());
        StatementRunner writer(client_, settings, output);
        if (auto written = writer.run(*last_query_); !written.ok()) return written;
        rows = writer.rows_printed();
    }
    if (auto finished = out.finish(); !finished.ok()) return finished;
    output_.write(fmt::format("{} rows in {}\n", rows, file));
    return {};
}

}  // namespace datalake::cli
