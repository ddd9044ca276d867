// Views in SELECTs: each stands for its own SELECT in parentheses, so that everything behind this step (the
// gate, the plan) sees tables alone. Thread-safe; blocking like SelectAst::parse().
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/duck/duck_database.h"
#include "master/catalog/view.h"
#include "master/sql/system_tables.h"

namespace dl::master {

inline constexpr std::size_t kViewDepthMax = 16;        // views in views
inline constexpr std::size_t kViewReferencesMax = 200;  // of views, in one statement

using Views = std::map<std::string, View, std::less<>>;  // by name

// As system.views has them. CORRUPT_DATA.
Result<Views> views_of(const SystemTables& tables);
// The statement with a subquery in the place of each view; nullopt when it names none. Errors of
// SelectAst::parse(); TABLE_NOT_FOUND names the view and the table that it reads and that is gone;
// INVALID_REQUEST for a view that reads itself; LIMIT_EXCEEDED.
Result<std::optional<std::string>> with_views(DuckDatabase& database, std::string_view sql,
                                              const Views& views,
                                              const std::function<bool(const std::string&)>& has_table);

// The statement that makes it.
std::string create_statement(const View& view);

}  // namespace dl::master
