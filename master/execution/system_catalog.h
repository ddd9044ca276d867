// What information_schema.* and system.* show: the catalog and where its partitions lie.
#pragma once

#include "master/catalog/catalog_cache.h"
#include "master/routing/route_table.h"
#include "master/sql/system_tables.h"

namespace dl::master {

class SystemCatalog final : public SystemTables {
  public:
    // Outlives it.
    explicit SystemCatalog(const RouteTable& routes) : routes_(routes) {}
    Result<SystemTable> read(const std::string& schema, const std::string& table) const override;

  private:
    const RouteTable& routes_;
};

// The statement that makes a table like it.
std::string create_statement(const TableMeta& table);

}  // namespace dl::master
