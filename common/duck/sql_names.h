// Names in a SQL text beyond ASCII. DuckDB compares names without regard to case, but for the letters of
// ASCII only; those of tables and columns are kept folded (types/schema.h), so what is written in upper case
// is folded before DuckDB sees it. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace dl {

// Is there a name, quoted or not, with a letter beyond ASCII that is not in lower case?
bool has_names_to_fold(std::string_view sql);

// `sql` with each such name folded for which `is_known` of the folded name is true. Literals and comments
// stay.
std::string fold_names(std::string_view sql, const std::function<bool(const std::string&)>& is_known);

}  // namespace dl
