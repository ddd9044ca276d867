// dl_alive(handle, number): a RowFilter as a predicate, and dl_kept(handle, number), which is asked once for
// each row and never for anything else. Internal to common/duck.
#pragma once

#include "common/duck/duck_registry.h"

namespace dl::duck {

Result<void> register_row_alive(duckdb_connection connection, HandleRegistry* registry);

}  // namespace dl::duck
