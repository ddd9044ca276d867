// How much a part of a request may hold, checked before it is read. Pure.
#pragma once

#include <cstddef>
#include <string_view>

#include "common/base/error.h"
#include "common/json/json_tape.h"

namespace dl {

// LIMIT_EXCEEDED when the object or array has more members than `max`. `what` names it in messages.
Result<void> check_member_count(const JsonTape& tape, JsonTape::Index value, std::string_view what,
                                std::size_t max);
// The same of an object; INVALID_REQUEST when it is none, or has a key twice.
Result<void> check_object(const JsonTape& tape, JsonTape::Index value, std::string_view what,
                          std::size_t members_max);

}  // namespace dl
