// Backslash commands: their list, their words, and what a mistyped one was meant to be.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datalake/error.h"

namespace datalake::cli {

struct CommandHelp {
    std::string_view name;
    std::string_view arguments;
    std::string_view what;
    std::size_t words_max;  // more of them are refused
};
std::span<const CommandHelp> command_list();

struct Command {
    std::string name;                             // without the backslash
    std::vector<std::string> arguments;           // positional
    std::map<std::string, std::string> settings;  // key=value, and --key value
};
// Words are split at blanks; '...' and "..." hold blanks. INVALID_ARGUMENT names the nearest command for an
// unknown one.
Result<Command> parse_command(std::string_view line);

// INVALID_ARGUMENT: what is wrong with a command, and how it is used.
Error usage_error(std::string_view command, std::string_view why);

}  // namespace datalake::cli
