// A table's metadata as the replies of desc and metadata show it. Pure.
#pragma once

#include <string>

#include "common/meta/table_meta.h"
#include "master/catalog/catalog_table.h"
#include "master/routing/route_table.h"
#include "master/sql/statement_shape.h"

namespace dl::master {

// {"0":[{"address":"host:port","info":"Leader"},...],...}
std::string partition_address_json(const TableMeta& table, const TableRoutes& routes);
// The flat object of desc: all values strings, no key but the columns and the four fixed ones.
std::string desc_json(const CatalogTable& table, const TableRoutes& routes);
// The same of a view: no key, no partitions; a type that depends on what it reads is "json" or "unknown".
std::string desc_json(const std::string& view, const StatementShape& shape);
// The object of metadata.
std::string metadata_json(const CatalogTable& table, const TableRoutes& routes);

}  // namespace dl::master
