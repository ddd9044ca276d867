// The columns of a file that several are merged into. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "common/meta/table_meta.h"
#include "slave/snapshot/manifest.h"

namespace dl::slave {

// The fields that any of the files has, but for those dropped since, by id; each with the widest type that it
// has in the table and the files.
std::vector<Field> merged_fields(const std::vector<const ManifestFile*>& files, const TableMeta& table);

// The value of such a field in files that have it, maybe in a narrower type, and in files that do not.
std::string merged_value_sql(const std::vector<const ManifestFile*>& files, const Field& field);

}  // namespace dl::slave
