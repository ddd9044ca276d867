// A table as the statement that makes one like it.
#pragma once

#include <string>

#include "common/meta/placement.h"
#include "master/catalog/catalog_table.h"

namespace dl::master {

// With every option that is not what it would be without. `placement`: where it lies; nullptr: not known, and
// how many copies have to be in sync is left out.
std::string create_statement(const CatalogTable& table, const TablePlacement* placement);

}  // namespace dl::master
