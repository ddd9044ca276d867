// dl_alive(handle, number): a RowFilter as a predicate. Internal to common/duck.
#pragma once

#include "common/duck/duck_registry.h"

namespace dl::duck {

Result<void> register_row_alive(duckdb_connection connection, HandleRegistry* registry);

}  // namespace dl::duck
