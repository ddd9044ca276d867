// \load and --load (shell.h).
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "data-lake-client/cli/load/load_settings.h"
#include "data-lake-client/cli/progress.h"
#include "data-lake-client/cli/shell.h"

namespace datalake::cli {
namespace {

constexpr std::size_t kRefusedShown = 10;

}  // namespace

Result<void> Shell::load(const Command& command) {
    if (command.arguments.size() < 2) return usage_error("load", "name a file and a table");
    LoadOptions options;
    options.files = {command.arguments[0]};
    options.table = command.arguments[1];
    for (std::size_t i = 2; i < command.arguments.size(); ++i)
        if (auto set = set_load_option(options, command.arguments[i], ""); !set.ok())
            return usage_error("load", "what is " + command.arguments[i] + "?");
    for (const auto& [name, value] : command.settings)
        if (auto set = set_load_option(options, name, value); !set.ok())
            return usage_error("load", set.error().message());
    return load(options);
}

void Shell::print_preview(const LoadOptions& options, const LoadPreview& preview) {
    std::string text =
        fmt::format("{} {} (\n", options.create ? "would create table" : "table", options.table);
    for (std::size_t i = 0; i < preview.columns.size(); ++i)
        text += fmt::format("  {} {}{}\n", preview.columns[i].first, preview.columns[i].second,
                            i + 1 < preview.columns.size() ? "," : "");
    output_.write(text + ")\n");
    auto writer = ResultWriter::make(settings_.format, settings_.style, output_);
    std::vector<std::string> names;
    for (const auto& [name, type] : preview.columns)
        names.push_back(name);
    writer->begin(std::move(names));
    for (const auto& row : preview.rows) {
        std::vector<Cell> cells;
        for (const auto& value : row)
            cells.push_back(value ? text_cell(*value) : Cell{});
        writer->row(cells);
    }
    writer->end();
    output_.flush();
}

Result<void> Shell::load(const LoadOptions& options) {
    auto client_options = client_options_;
    client_options.retry_for = std::chrono::seconds(60);
    Loader loader(client_.address(), client_options, options);
    InterruptAction cancel(interrupts_, [&] { loader.cancel(); });
    Progress progress(::isatty(STDERR_FILENO) == 1 && !settings_.quiet);
    LoadResult result;
    auto done = loader.run(result, [&](const LoadProgress& now) {
        progress.update(options.create ? (now.looking ? "types" : "rows") : "", now.fraction, now.rows);
    });
    progress.clear();
    forget_names();
    std::string text;
    for (const auto& note : result.notes)
        text += "NOTE: " + note + "\n";
    for (std::size_t i = 0; i < std::min(result.refused.size(), kRefusedShown); ++i)
        text += "refused: " + result.refused[i].message() + "\n";
    if (result.refused.size() > kRefusedShown)
        text += fmt::format("and {} more{}\n", result.refused.size() - kRefusedShown,
                            options.rejects_file.empty() ? "; --rejects FILE has them all" : "");
    std::fwrite(text.data(), 1, text.size(), stderr);
    partly_loaded_ = !result.removed && result.rows_loaded > 0;
    if (done.ok() && options.dry_run) {
        print_preview(options, result.preview);
    } else if (!settings_.quiet && (done.ok() || result.rows_loaded > 0)) {
        const double rate = result.seconds > 0 ? static_cast<double>(result.rows_loaded) / result.seconds : 0;
        output_.write(fmt::format(
            "{} rows into {}, {} refused, {}, {} rows/s\n", format_count(result.rows_loaded), options.table,
            format_count(result.refused.size()), format_seconds(result.seconds), format_rate(rate)));
        output_.flush();
    }
    if (!done.ok()) return done;
    if (!result.refused.empty() && options.dry_run)
        return Error(ErrorCode::invalid_argument,
                     fmt::format("{} of {} rows would be refused; nothing was loaded", result.refused.size(),
                                 result.rows_read));
    if (!result.refused.empty())
        return Error(ErrorCode::partial,
                     fmt::format("{} of {} rows were refused", result.refused.size(), result.rows_read));
    return {};
}

int Shell::run_load(const LoadOptions& options) {
    auto done = load(options);
    if (done.ok()) return kExitOk;
    const auto text = error_text(done.error(), client_.address());
    std::fwrite(text.data(), 1, text.size(), stderr);
    if (partly_loaded_) return kExitPartlyLoaded;
    return done.error().is_connection_error() ? kExitConnection : kExitStatementFailed;
}

}  // namespace datalake::cli
