// DuckDB's parser as warm prepared statements: json_serialize_sql without planning it anew for each text.
// Belongs to one database; thread-safe. Internal to common/duck.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/duck/duck_handle.h"

namespace dl::duck {

class SelectParser {
  public:
    // The tree of a statement as JSON, or DuckDB's error as JSON. The database stays open meanwhile.
    Result<std::string> tree_json(duckdb_database database, std::string_view sql);

  private:
    struct Warm {
        Connection connection;
        Prepared statement;
    };
    static Result<std::unique_ptr<Warm>> open(duckdb_database database);

    std::mutex mutex_;
    std::vector<std::unique_ptr<Warm>> idle_;
};

}  // namespace dl::duck
