// Which functions the SQL engine has, as far as planning needs to know.
#pragma once

#include <set>
#include <string>

#include "common/duck/duck_database.h"

namespace dl::master {

struct SqlFunctions {
    std::set<std::string> aggregates;
    // Scalar ones whose every form gives the same for the same arguments, wherever and whenever it runs.
    std::set<std::string> deterministic;
    // Scalar ones of any kind: no aggregate and no macro that could hide one.
    std::set<std::string> scalars;

    // Asks DuckDB; names are lower-case.
    static Result<SqlFunctions> load(DuckDatabase& database);
};

}  // namespace dl::master
