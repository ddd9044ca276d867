// The tables of catalog.db and how an older form becomes the present one (docs/formats/catalog.md).
#pragma once

#include <string>

#include "common/base/error.h"
#include "master/catalog/sqlite_database.h"

namespace dl::master {

// A new file gets its tables and a new cluster id; format 1 is brought up to date, in one transaction.
// CORRUPT_DATA for a format this program does not know, and for a file that fails SQLite's quick_check.
Result<void> prepare_catalog_format(SqliteDatabase& database);

// 32 hex digits, random.
std::string new_cluster_id();
// Random, not 0.
std::uint64_t new_incarnation();

}  // namespace dl::master
