// What other systems write that is no SQL of the engine's, and the form here. Pure.
#pragma once

#include <string_view>

#include "common/base/error.h"

namespace dl::master {

// A SYNTAX_ERROR with the form of the first such word in the statement behind it; an error about a name
// (NOT_SUPPORTED, INVALID_VALUE, TABLE_NOT_FOUND) with what there is instead; others as they are.
Error with_syntax_hint(Error error, std::string_view sql);

}  // namespace dl::master
