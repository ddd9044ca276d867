// The tables of catalog.db and how an older form becomes the present one (docs/formats/catalog.md).
#pragma once

#include <string>

#include "common/base/error.h"
#include "master/catalog/sqlite_database.h"

namespace dl::master {

// Sees to it that the directory has a catalog.db: a new one, with a new cluster id, comes into being whole by
// a rename. CORRUPT_DATA when a master has used the directory before and its catalog is missing or empty,
// unless `begin_anew`.
Result<void> prepare_catalog_file(const std::string& directory, bool used_before, bool begin_anew);
// Brings format 1 up to date, in one transaction. CORRUPT_DATA for a format this program does not know, and
// for a file that fails SQLite's quick_check.
Result<void> upgrade_catalog(SqliteDatabase& database);

// 32 hex digits, random.
std::string new_cluster_id();
// Random, not 0.
std::uint64_t new_incarnation();

}  // namespace dl::master
