// The cast of texts to TIMESTAMP, in place of the engine's own, which leaves a zone in the text out of
// account: "12:00:00+02:00" is 10:00 here, as in INSERT (docs/protocol.md 2.1). Also for literals that a
// comparison turns into timestamps.
#pragma once

#include "common/duck/duck_registry.h"

namespace dl::duck {

// What the engine reads without a zone is read as it does. A zone is Z, UTC, GMT or an offset of hours,
// minutes and seconds; the name of another is an error that says what to write.
Result<void> register_timestamp_cast(duckdb_connection connection);

}  // namespace dl::duck
