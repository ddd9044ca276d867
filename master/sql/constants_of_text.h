// A statement's text without its constants, so that statements which differ in these alone are known to be
// alike. Pure.
#pragma once

#include <string>
#include <string_view>

namespace dl::master {

// Numbers, and texts that are compared with (behind `=`, `<`, `>`, LIKE, ILIKE, BETWEEN, AND) or follow a
// type of time (DATE, INTERVAL ...), each become one byte; all else stays as it is written. A text in another
// place may name a table (FROM 't') and stays. Empty when the statement has such bytes itself.
std::string without_constants(std::string_view sql);

// Without what may stand behind a statement: blanks and semicolons.
std::string_view without_end(std::string_view sql);

}  // namespace dl::master
