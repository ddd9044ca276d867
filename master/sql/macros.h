// Functions of other systems that the engine does not have, in SELECTs: each call becomes an expression of
// functions that it has, before anything is planned, so that slaves and master see the same. Thread-safe;
// blocking like SelectAst::parse().
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/duck/duck_database.h"

namespace dl::master {

// The statement without them; nullopt when it calls none. A column without a name keeps the one it has as it
// is written. Errors of SelectAst::parse(); NOT_SUPPORTED for functions that are known elsewhere and have no
// such form, and for patterns of to_char() and date_format() that have none: both name the way.
Result<std::optional<std::string>> with_macros(DuckDatabase& database, std::string_view sql);

// Patterns of times, as strftime() has them. NOT_SUPPORTED names the part that has no counterpart.
Result<std::string> strftime_of_to_char(std::string_view pattern);
Result<std::string> strftime_of_date_format(std::string_view pattern);

}  // namespace dl::master
