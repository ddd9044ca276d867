#include "data-lake-client/cli/commands.h"

#include <algorithm>
#include <array>

#include "common/base/nearest_name.h"
#include "data-lake-client/cli/load/load_settings.h"

namespace datalake::cli {
namespace {

constexpr std::size_t kAny = ~std::size_t{0};
constexpr std::array kCommands = {
    CommandHelp{"dt", "[PATTERN]", "tables and views; of those of a PATTERN (peo*)", 1},
    CommandHelp{"d", "[TABLE|PATTERN]",
                "columns of a table or view; without one, or with a pattern, their names", 1},
    CommandHelp{"l", "[TABLE]", "nodes: where the partitions of the tables are", kAny},
    CommandHelp{"cluster", "", "how the slaves and the copies of partitions are", 0},
    CommandHelp{"load", "FILE TABLE [key=COLUMN|row_number] [create] [SETTING=VALUE ...]",
                "load CSV, JSON or Parquet; the settings are those of --load (--help lists them)", kAny},
    CommandHelp{
        "tail",
        "TABLE [--from beginning|end|OFFSET | --since TIME|15m|2h|3d] [--partition N[,N]] [--count N]",
        "follow the records of a table, until Ctrl-C", kAny},
    CommandHelp{"save", "FILE", "run the last query again and write its rows to FILE (.csv .json .ndjson)",
                1},
    CommandHelp{"i", "FILE", "run the statements of FILE", 1},
    CommandHelp{"o", "[FILE]", "write what statements print to FILE; without one to the terminal again", 1},
    CommandHelp{"format", "[table|json|csv|ndjson|vertical]", "how results are printed", 1},
    CommandHelp{"x", "[on|off]", "one column per line; without a word the other way", 1},
    CommandHelp{"timing", "[on|off]", "time of each statement; without a word the other way", 1},
    CommandHelp{"timeout", "[SECONDS]", "what a statement may take, 0 a day; without a number what it is", 1},
    CommandHelp{"?", "", "this help", kAny},
    CommandHelp{"q", "", "quit", 0},
};

// A setting that is given by its name alone.
bool is_load_flag(std::string_view name) {
    if (name == "header" || name == "no-header") return true;
    const auto all = load_settings();
    return std::any_of(all.begin(), all.end(), [&](const LoadSetting& setting) {
        return setting.name == name && setting.argument.empty();
    });
}

Result<std::vector<std::string>> split(std::string_view line) {
    std::vector<std::string> words;
    bool inside = false;
    for (std::size_t at = 0; at < line.size(); ++at) {
        const char c = line[at];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            inside = false;
            continue;
        }
        if (!inside) words.emplace_back();
        inside = true;
        if (c != '\'' && c != '"') {
            words.back() += c;
            continue;
        }
        const auto close = line.find(c, at + 1);
        if (close == std::string_view::npos)
            return Error(ErrorCode::invalid_argument, std::string("a ") + c + " is not closed");
        words.back() += line.substr(at + 1, close - at - 1);
        at = close;
    }
    return words;
}

}  // namespace

std::span<const CommandHelp> command_list() {
    return kCommands;
}

Error usage_error(std::string_view command, std::string_view why) {
    std::string text = "\\" + std::string(command) + ": " + std::string(why);
    for (const auto& help : command_list())
        if (help.name == command)
            text += "; usage: \\" + std::string(command) + " " + std::string(help.arguments);
    return Error(ErrorCode::invalid_argument, std::move(text));
}

Result<Command> parse_command(std::string_view line) {
    auto words = split(line);
    if (!words.ok()) return words.error();
    Command command;
    if (words->empty() || (*words)[0].empty() || (*words)[0][0] != '\\')
        return Error(ErrorCode::invalid_argument, "a command begins with \\; \\? lists them");
    command.name = (*words)[0].substr(1);
    // \q; as one types it
    while (!command.name.empty() && command.name.back() == ';')
        command.name.pop_back();
    if (command.name == "help" || command.name == "h") command.name = "?";
    const bool known = std::any_of(kCommands.begin(), kCommands.end(),
                                   [&](const CommandHelp& help) { return help.name == command.name; });
    if (command.name == "copy")
        return Error(ErrorCode::invalid_argument,
                     "there is no command \\copy; \\load FILE TABLE reads a file into a table, \\save FILE "
                     "writes the last query into one");
    if (!known) {
        std::vector<std::string_view> names;
        for (const auto& help : kCommands)
            names.push_back(help.name);
        const auto near = dl::nearest_name(command.name, names);
        return Error(ErrorCode::invalid_argument,
                     "there is no command \\" + command.name +
                         (near.empty() ? std::string() : "; did you mean \\" + near + "?") +
                         "; \\? lists them");
    }
    for (std::size_t i = 1; i < words->size(); ++i) {
        const auto& word = (*words)[i];
        if (word.starts_with("--") && word.size() > 2) {
            const auto equals = word.find('=');
            if (equals != std::string::npos) {
                command.settings[word.substr(2, equals - 2)] = word.substr(equals + 1);
            } else if (is_load_flag(word.substr(2))) {
                command.settings[word.substr(2)] = "";
            } else if (i + 1 < words->size()) {
                command.settings[word.substr(2)] = (*words)[++i];
            } else {
                return Error(ErrorCode::invalid_argument, word + " needs a value");
            }
            continue;
        }
        const auto equals = word.find('=');
        if (equals != std::string::npos && equals > 0 && i > 2) {
            command.settings[word.substr(0, equals)] = word.substr(equals + 1);
        } else {
            command.arguments.push_back(word);
        }
    }
    // What is not looked at would be taken as done.
    const auto& help = *std::find_if(kCommands.begin(), kCommands.end(),
                                     [&](const CommandHelp& one) { return one.name == command.name; });
    if (command.arguments.size() > help.words_max)
        return usage_error(command.name, "what is " + command.arguments[help.words_max] + "?");
    if (help.name != "load" && help.name != "tail" && !command.settings.empty())
        return usage_error(command.name, "there is no --" + command.settings.begin()->first);
    return command;
}

}  // namespace datalake::cli
