// Types in casts of a SELECT, under the names that CREATE TABLE takes them by: `x::number(10,2)`,
// `cast(x as nvarchar(3))`, `x::jsonb`. Those that the engine does not know, or does not take a width of, are
// written as its own; a text with a length as a type of a name of ours, because the engine's parser forgets
// lengths. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "master/sql/query_ast.h"

namespace dl::master {

// Nullopt when every type stays as it is.
std::optional<std::string> with_engine_types(std::string_view sql);

// Does the text name one of ours?
bool names_checked_type(std::string_view sql);
// Of the type of a cast that is one of ours: how many characters a text of it has at most.
std::optional<std::int64_t> characters_of_checked_type(const Json& cast_type);
// With VARCHAR(n) for ours.
std::string as_written(std::string expression);

}  // namespace dl::master
