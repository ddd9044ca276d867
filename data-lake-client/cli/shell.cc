#include "data-lake-client/cli/shell.h"

#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "common/base/ascii.h"
#include "common/net/address.h"
#include "data-lake-client/cli/line_editor.h"
#include "data-lake-client/src/statement.h"

namespace datalake::cli {
namespace {

bool is_pattern(std::string_view name) {
    return name.find_first_of("*?") != std::string_view::npos;
}

// What a command that is on or off is to be: `on`, `off`, or the other way.
Result<bool> switched(std::string_view command, const std::vector<std::string>& words, bool now) {
    if (words.empty()) return !now;
    if (words.size() == 1 && (words[0] == "on" || words[0] == "off")) return words[0] == "on";
    return usage_error(command, "it is on or off, not " + words[0]);
}

std::size_t terminal_columns() {
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

// 127.x, ::1, localhost, the name of this machine.
bool is_this_machine(const std::string& host) {
    char own[256] = {};
    if (::gethostname(own, sizeof own - 1) == 0 && host == own) return true;
    return host == "localhost" || host == "::1" || host == "0.0.0.0" || host == "::" ||
           host.starts_with("127.");
}

std::string connect_hint(const Error& error, const std::string& address) {
    const auto parsed = dl::net::parse_address(address, {.port = 7853});
    const auto host = parsed.has_error() ? address : (*parsed).host;
    if (error.message().starts_with("cannot resolve "))
        return "HINT: is the name " + host + " spelled right? An address is host:port\n";
    if (is_this_machine(host))
        return "HINT: is the master running at " + address + "? Start it with: cd build/master && ./master\n";
    return "HINT: is the address spelled right, the master running at " + address +
           ", and its port open to this machine? One that listens on 127.0.0.1 (master.data.port) takes its "
           "own machine only\n";
}

}  // namespace

std::string error_text(const Error& error, const std::string& address, bool only_reads) {
    auto text = "ERROR " + error.to_text() + "\n";
    if (error.code() == ErrorCode::connect_failed) {
        text += connect_hint(error, address);
    } else if (only_reads) {
        return text;
    } else if (error.outcome() == Outcome::maybe_done) {
        text += "HINT: it may have been done\n";
    }
    // What was done in part says itself which.
    return text;
}

std::string hint_for(const Statement& statement) {
    if (statement.kind != Statement::Kind::sql) return "";
    const auto verb = sql_first_word(statement.text);
    if (verb != "update" && verb != "merge" && verb != "upsert" && verb != "replace") return "";
    return "HINT: insert into replaces the row that has the same key; delete from TABLE where KEY = VALUE "
           "removes "
           "one\n";
}

std::string missing_end_hint(const Statement& statement, const Error& error) {
    if (statement.kind != Statement::Kind::sql || error.code() != ErrorCode::syntax_error) return "";
    // "at position 37 near ..." counts from 1, "(at byte 36)" from 0.
    const auto number_behind = [&](std::string_view words) -> std::optional<std::size_t> {
        const auto at = error.message().find(words);
        if (at == std::string::npos) return std::nullopt;
        std::size_t number = 0;
        const auto* begin = error.message().data() + at + words.size();
        const auto read = std::from_chars(begin, error.message().data() + error.message().size(), number);
        return read.ec == std::errc() ? std::optional(number) : std::nullopt;
    };
    auto at = number_behind("at byte ");
    if (!at) {
        at = number_behind("at position ");
        if (!at || *at == 0) return "";
        --*at;
    }
    const std::string_view text = statement.text;
    if (*at >= text.size()) return "";
    const auto line_end = text.substr(0, *at).rfind('\n');
    if (line_end == std::string_view::npos) return "";
    const auto word_at = text.find_first_not_of(" \t", line_end + 1);
    if (word_at == std::string_view::npos || word_at > *at) return "";
    const auto word = sql_first_word(text.substr(word_at));
    constexpr std::array<std::string_view, 6> kBegins = {"insert",   "delete",   "create",
                                                         "truncate", "describe", "compress"};
    // A statement of several lines has these at the begin of a line, too; but a mistake is not at them then.
    constexpr std::array<std::string_view, 7> kMayGoOn = {"select", "with", "show_table", "show",
                                                          "desc",   "drop", "alter"};
    const auto among = [&](const auto& words) {
        return std::find(words.begin(), words.end(), word) != words.end();
    };
    if (!among(kBegins) && (*at != word_at || !among(kMayGoOn))) return "";
    return "HINT: is a ; missing before the line that begins with " + word + "?\n";
}

Shell::Shell(Client& client, Options client_options, const CommandLine& command_line, Interrupts& interrupts)
    : client_(client),
      client_options_(client_options),
      command_line_(command_line),
      interrupts_(interrupts),
      output_(stdout),
      runner_(client, settings_, output_) {
    if (command_line.timeout_seconds)
        settings_.timeout_ms = time_limit(*command_line.timeout_seconds).statement_ms;
    settings_.format = command_line.format;
    settings_.quiet = command_line.quiet;
    settings_.style.header = command_line.header;
    settings_.style.terminal = ::isatty(STDOUT_FILENO) == 1;
    settings_.progress = ::isatty(STDERR_FILENO) == 1 && !settings_.quiet;
    if (settings_.style.terminal) settings_.style.terminal_columns = terminal_columns();
}

Shell::Next Shell::run(const Statement& statement) {
    if (settings_.style.terminal) settings_.style.terminal_columns = terminal_columns();
    interrupts_.take();
    Result<void> done;
    Next next = Next::go_on;
    if (statement.kind == Statement::Kind::command) {
        auto command = parse_command(statement.text);
        if (command.ok()) {
            auto ran = run_command(*command);
            if (ran.ok()) {
                next = *ran;
            } else {
                done = ran.error();
            }
        } else {
            done = command.error();
        }
        output_.flush();
    } else {
        InterruptAction cancel(interrupts_, [this] { client_.cancel(); });
        done = runner_.run(statement);
        // What failed is remembered as well: \save must not write the rows of a query before it.
        if (only_reads(statement) || runner_.gave_rows()) last_query_ = statement;
        forget_names();
    }
    if (done.ok()) return next;
    output_.flush();
    auto text = error_text(done.error(), client_.address(), only_reads(statement));
    if (!done.error().is_connection_error())
        text += hint_for(statement) + missing_end_hint(statement, done.error());
    std::fwrite(text.data(), 1, text.size(), stderr);
    exit_code_ = done.error().is_connection_error() ? kExitConnection : kExitStatementFailed;
    return next;
}

int Shell::run_statements(const std::vector<std::string>& texts) {
    int worst = kExitOk;
    for (const auto& text : texts) {
        StatementReader reader(false);
        reader.add_line(text);
        while (auto statement = reader.finish()) {
            exit_code_ = kExitOk;
            const auto next = run(*statement);
            worst = std::max(worst, exit_code_);
            if (next == Next::quit || interrupts_.terminated()) return worst;
            if (exit_code_ != kExitOk && (!command_line_.continue_on_error || exit_code_ == kExitConnection))
                return worst;
        }
    }
    return worst;
}

int Shell::run_stream(std::FILE* input) {
    bool first = true;
    StatementReader reader(false);
    int worst = kExitOk;
    char* line = nullptr;
    std::size_t capacity = 0;
    bool stop = false;
    const auto run_one = [&](const Statement& statement) {
        exit_code_ = kExitOk;
        stop = run(statement) == Next::quit || interrupts_.terminated();
        worst = std::max(worst, exit_code_);
        if (exit_code_ == kExitConnection || (exit_code_ != kExitOk && !command_line_.continue_on_error))
            stop = true;
    };
    ssize_t length = 0;
    while (!stop && (length = ::getline(&line, &capacity, input)) >= 0) {
        std::string_view text(line, static_cast<std::size_t>(length));
        while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
            text.remove_suffix(1);
        // Editors of Windows write a mark in front.
        if (first && text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
        if (first && (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))) {
            std::fputs("ERROR the statements are UTF-16; save them as UTF-8\n", stderr);
            worst = kExitUsage;
            break;
        }
        first = false;
        reader.add_line(text);
        while (auto statement = stop ? std::nullopt : reader.next())
            run_one(*statement);
    }
    while (auto statement = stop ? std::nullopt : reader.finish())
        run_one(*statement);
    std::free(line);
    return worst;
}

int Shell::run_terminal() {
    const Completer completer(
        [this] {
            if (!tables_known_) {
                auto tables = client_.tables();
                if (tables.ok()) tables_ = *tables;
                tables_known_ = true;
            }
            return tables_;
        },
        [this](const std::string& table) {
            auto at = columns_.find(table);
            if (at == columns_.end()) {
                std::vector<std::string> names;
                if (auto info = client_.describe(table); info.ok())
                    for (const auto& column : info->columns)
                        names.push_back(column.name);
                at = columns_.emplace(table, std::move(names)).first;
            }
            return at->second;
        });
    interrupts_.set_at_prompt(true);
    StatementReader reader(true);
    LineEditor editor(interrupts_, completer, [&] { return reader.buffer(); });
    if (!settings_.quiet) {
        output_.write(fmt::format(
            "DataLakeDB at {}. End SQL with ; or paste JSON commands. \\? for help, \\q to quit.\n",
            client_.address()));
        output_.flush();
    }
    bool asked = false;  // Ctrl-C at an empty prompt
    for (;;) {
        std::string line;
        const auto read = editor.read_line(std::string(prompt_of(reader)), line);
        if (interrupts_.terminated()) return kExitOk;
        if (read == LineEditor::Read::end) {
            output_.write("\n");
            return kExitOk;
        }
        if (read == LineEditor::Read::interrupted) {
            if (asked && !reader.pending()) output_.write("Type \\q or press Ctrl-D to quit.\n");
            asked = !reader.pending();
            reader.reset();
            output_.flush();
            continue;
        }
        asked = false;
        reader.add_line(line, editor.is_pasting());
        while (auto statement = reader.next()) {
            editor.add_history(statement->kind == Statement::Kind::sql ? statement->text + ";"
                                                                       : statement->text);
            if (run(*statement) == Next::quit) return kExitOk;
            if (interrupts_.terminated()) return kExitOk;
        }
    }
}

void Shell::forget_names() {
    tables_known_ = false;
    columns_.clear();
}

void Shell::print_help() {
    std::string text =
        "SQL ends with ; (or an empty line); desc t, max_offset t, drop t, compress t and show_table need "
        "none.\n"
        "JSON commands may be pasted over several lines.\n\n";
    for (const auto& help : command_list()) {
        auto usage_text = fmt::format("  \\{} {}", help.name, help.arguments);
        text += usage_text.size() < 28 ? fmt::format("{:<28}{}\n", usage_text, help.what)
                                       : fmt::format("{}\n{:28}{}\n", usage_text, "", help.what);
    }
    text += "\nCtrl-C cancels what runs, Tab completes, Ctrl-R searches the history, Ctrl-D quits.\n";
    output_.write(text);
}

Result<Shell::Next> Shell::run_command(const Command& command) {
    const auto& words = command.arguments;
    if (command.name == "i") {
        if (words.size() != 1) return usage_error("i", "name one file");
        if (auto included = include(words[0]); !included.ok()) return included.error();
        return Next::go_on;
    }
    InterruptAction cancel(interrupts_, [this] { client_.cancel(); });
    if (command.name == "q") return Next::quit;
    if (command.name == "?") {
        print_help();
    } else if (command.name == "dt" || (command.name == "d" && !words.empty() && is_pattern(words[0]))) {
        if (!words.empty()) {
            if (auto printed = print_names(words[0]); !printed.ok()) return printed.error();
            return Next::go_on;
        }
        auto ran = runner_.run({Statement::Kind::sql, "show_table"});
        if (!ran.ok()) return ran.error();
    } else if (command.name == "cluster") {
        auto ran = runner_.run({Statement::Kind::sql, "cluster_status"});
        if (!ran.ok()) return ran.error();
    } else if (command.name == "d") {
        auto ran = runner_.run({Statement::Kind::sql, words.empty() ? "show_table" : "desc " + words[0]});
        if (!ran.ok()) return ran.error();
    } else if (command.name == "l") {
        std::vector<std::string> names = words;
        if (names.empty()) {
            auto tables = client_.tables();
            if (!tables.ok()) return tables.error();
            names = *tables;
        }
        std::vector<TableInfo> tables;
        for (const auto& name : names) {
            auto table = client_.describe(name);
            if (!table.ok()) return table.error();
            tables.push_back(std::move(*table));
        }
        runner_.print_nodes(tables);
    } else if (command.name == "timing") {
        const auto on = switched("timing", words, settings_.timing);
        if (!on.ok()) return on.error();
        settings_.timing = *on;
        output_.write(settings_.timing ? "Timing is on.\n" : "Timing is off.\n");
    } else if (command.name == "timeout") {
        if (auto limited = limit_time(words); !limited.ok()) return limited.error();
    } else if (command.name == "x") {
        const bool now = settings_.format == OutputFormat::vertical;
        const auto on = switched("x", words, now);
        if (!on.ok()) return on.error();
        if (*on && !now) format_before_x_ = settings_.format;
        if (*on != now) settings_.format = *on ? OutputFormat::vertical : format_before_x_;
        output_.write(*on ? "One column per line is on.\n" : "One column per line is off.\n");
    } else if (command.name == "format") {
        if (words.empty()) {
            output_.write(fmt::format("The format is {}.\n", output_format_name(settings_.format)));
        } else {
            const auto format = output_format_from_name(words[0]);
            if (!format) return usage_error("format", "there is no format " + words[0]);
            settings_.format = *format;
        }
    } else if (command.name == "save") {
        if (words.size() != 1) return usage_error("save", "name one file");
        if (auto saved = save(words[0]); !saved.ok()) return saved.error();
    } else if (command.name == "o") {
        if (auto redirected = redirect(words.empty() ? "" : words[0]); !redirected.ok())
            return redirected.error();
    } else if (command.name == "tail") {
        if (auto tailed = tail(command); !tailed.ok()) return tailed.error();
    } else if (command.name == "load") {
        if (auto loaded = load(command); !loaded.ok()) return loaded.error();
    }
    return Next::go_on;
}

Result<void> Shell::limit_time(const std::vector<std::string>& words) {
    if (!words.empty()) {
        double seconds = -1;
        const auto& text = words[0];
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
        if (error != std::errc() || end != text.data() + text.size() || !(seconds >= 0) ||
            seconds > kTimeLimitSecondsMax)
            return usage_error("timeout", "it is a number of seconds from 0 to 86400, not " + text);
        const auto limit = time_limit(seconds);
        settings_.timeout_ms = limit.statement_ms;
        client_options_.timeout = limit.wait;
        client_.set_timeout(limit.wait);
    }
    output_.write(settings_.timeout_ms ? fmt::format("A statement may take {:g} s.\n",
                                                     static_cast<double>(*settings_.timeout_ms) / 1000)
                                       : "A statement may take as long as the server allows.\n");
    return {};
}

Result<void> Shell::print_names(const std::string& pattern) {
    auto names = client_.tables();
    if (!names.ok()) return names.error();
    std::vector<std::vector<Cell>> rows;
    for (const auto& name : *names)
        if (::fnmatch(dl::ascii_lowercase(pattern).c_str(), name.c_str(), 0) == 0)
            rows.push_back({text_cell(name)});
    runner_.print_list("table_name", rows);
    return {};
}

}  // namespace datalake::cli
