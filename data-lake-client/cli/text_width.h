// Cell texts as a terminal shows them.
#pragma once

#include <string>
#include <string_view>

namespace datalake::cli {

// Columns a text takes: wide characters two, combining ones none, bytes that are no UTF-8 one each.
std::size_t display_width(std::string_view text);
// Control characters as \n, \t, \x1b and so on, so that a value can neither break the table nor steer the
// terminal.
std::string printable(std::string_view text);
// Cut to `width` columns, with … as the last one when something was cut.
std::string cut_to_width(std::string_view text, std::size_t width);
void append_padded(std::string& out, std::string_view text, std::size_t width, bool right);

}  // namespace datalake::cli
