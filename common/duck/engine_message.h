// Messages of the engine as a user is told them: without its settings, which nobody can set here. Pure.
#pragma once

#include <string>

#include "common/base/error.h"

namespace dl {

// Drops sentences and clauses that advise to SET something or to use a PRAGMA, and names what is written here
// where the engine means another way. `code` unless the message is of a limit: LIMIT_EXCEEDED.
Error engine_error(ErrorCode code, std::string message);

}  // namespace dl
