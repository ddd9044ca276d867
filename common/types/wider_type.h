// Which column types hold every value of another one, so that a column can change to them while its records
// stay as they were written (docs/formats/column-batch.md). Pure.
#pragma once

#include <string_view>

#include "common/types/data_type.h"

namespace dl {

// Every value of `narrow` has one of `wide`, another type, that is equal to it: int to long, double or a
// decimal with ten digits in front; long to a decimal with nineteen; float to double; decimal(p,s) with no
// fewer digits on either side; date to timestamp.
bool is_wider_type(DataType wide, DataType narrow);
// The one that holds the values of both; `a` when neither does.
DataType wider_type_of(DataType a, DataType b);
// "long, double or decimal(10,0)": what a column of the type can become; empty when nothing.
std::string_view wider_types_text(DataType type);

}  // namespace dl
