// `VALUES (...)` with expressions among the values, as the engine takes it: there every column has one type,
// while a value of an INSERT is only one of its column. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/types/data_type.h"

namespace dl::master {

// The statement with the values of those columns as texts in which expressions stand beside other values, so
// that each is read by the rules of its column, whatever stands in other rows. nullopt: it is none, or needs
// nothing. `types`: of the columns the values are for.
std::optional<std::string> values_as_texts(std::string_view sql, const std::vector<DataType>& types);

}  // namespace dl::master
