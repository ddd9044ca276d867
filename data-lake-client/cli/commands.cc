#include "data-lake-client/cli/commands.h"

#include <algorithm>
#include <array>

namespace datalake::cli {
namespace {

constexpr std::array kCommands = {
    CommandHelp{"dt", "", "tables"},
    CommandHelp{"d", "TABLE", "columns of a table"},
    CommandHelp{"l", "[TABLE]", "nodes: where the partitions of the tables are"},
    CommandHelp{"load",
                "FILE TABLE [key=COLUMN|row_number] [create] [partitions=N] [batch_rows=N] [connections=N] "
                "[rejects=FILE]",
                "load CSV, JSON lines or Parquet"},
    CommandHelp{"tail", "TABLE [--from beginning|end|OFFSET] [--count N]",
                "follow the records of a table, until Ctrl-C"},
    CommandHelp{"save", "FILE", "run the last query again and write its rows to FILE (.csv .json .ndjson)"},
    CommandHelp{"format", "[table|json|csv|ndjson|vertical]", "how results are printed"},
    CommandHelp{"x", "", "one column per line, on and off"},
    CommandHelp{"timing", "", "time of each statement, on and off"},
    CommandHelp{"?", "", "this help"},
    CommandHelp{"q", "", "quit"},
};

std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        auto diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row[b.size()];
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

std::string_view nearest_name(std::string_view word, std::span<const std::string_view> names) {
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const auto name : names) {
        const auto steps = distance(word, name);
        if (steps < best_distance) {
            best = name;
            best_distance = steps;
        }
    }
    return best;
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
    const bool known = std::any_of(kCommands.begin(), kCommands.end(),
                                   [&](const CommandHelp& help) { return help.name == command.name; });
    if (!known) {
        std::vector<std::string_view> names;
        for (const auto& help : kCommands)
            names.push_back(help.name);
        const auto near = nearest_name(command.name, names);
        return Error(ErrorCode::invalid_argument,
                     "there is no command \\" + command.name +
                         (near.empty() ? std::string() : "; did you mean \\" + std::string(near) + "?") +
                         " \\? lists them");
    }
    for (std::size_t i = 1; i < words->size(); ++i) {
        const auto& word = (*words)[i];
        if (word.starts_with("--") && word.size() > 2) {
            const auto equals = word.find('=');
            if (equals != std::string::npos) {
                command.settings[word.substr(2, equals - 2)] = word.substr(equals + 1);
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
    return command;
}

}  // namespace datalake::cli
