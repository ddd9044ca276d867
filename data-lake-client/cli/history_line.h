// A statement of several lines as the one line that the history gives back.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace datalake::cli {

// The same statement: line breaks become blanks, `--` comments `/* */`. nullopt when there is none, because a
// line ends within a text or a quoted name. Pure.
std::optional<std::string> history_line(std::string_view statement);

}  // namespace datalake::cli
