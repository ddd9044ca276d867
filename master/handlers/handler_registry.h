// Which handler answers which statement.
#pragma once

#include "master/handlers/statement.h"

namespace dl::master {

Handler handler_of(JsonRequest::Kind kind);

}  // namespace dl::master
