// Tables that describe the database itself: information_schema.* and system.*. In a SELECT each stands for
// its rows as they are when the statement is read, so that the rest of it runs like any other.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/duck/duck_database.h"

namespace dl::master {

struct SystemTable {
    std::vector<std::pair<std::string, std::string>> columns;  // name and SQL type
    std::string rows;                                          // a JSON array of objects with these members
};

// Thread-safe.
class SystemTables {
  public:
    virtual ~SystemTables() = default;
    // Names in lower case. TABLE_NOT_FOUND lists what there is.
    virtual Result<SystemTable> read(const std::string& schema, const std::string& table) const = 0;
};

// Could the statement name one? Cheap; sometimes true for one that does not.
bool may_name_system_table(std::string_view sql);
// The statement with a subquery in the place of each of these tables; nullopt when it names none. Errors of
// SelectAst::parse().
Result<std::optional<std::string>> with_system_rows(DuckDatabase& database, std::string_view sql,
                                                    const SystemTables& tables);

}  // namespace dl::master
