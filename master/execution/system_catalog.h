// What information_schema.* and system.* show: the catalog and where its partitions lie.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "master/catalog/catalog_cache.h"
#include "master/execution/query_list.h"
#include "master/routing/route_table.h"
#include "master/sql/system_tables.h"

namespace dl::master {

class SystemCatalog final : public SystemTables {
  public:
    struct Setting {
        std::string name;
        std::string value;
        std::string source;  // "default", "file:12", "environment", "command line"
        std::string help;
    };
    // `routes` and `queries` outlive it.
    SystemCatalog(const RouteTable& routes, const QueryList& queries, std::vector<Setting> settings)
        : routes_(routes), queries_(queries), settings_(std::move(settings)) {}
    Result<SystemTable> read(const std::string& schema, const std::string& table) const override;

  private:
    const RouteTable& routes_;
    const QueryList& queries_;
    const std::vector<Setting> settings_;
};

// The rows of system.views with one more view, in the place of the one of its name if there is one.
std::string view_rows(const std::string& rows, const View& view);

}  // namespace dl::master
