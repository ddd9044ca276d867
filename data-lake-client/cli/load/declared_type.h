// Types that the server keeps as they are declared (smallint, varchar(20), json) and what it stores them as.
// Pure.
#pragma once

#include <string_view>

#include "common/types/data_type.h"
#include "datalake/error.h"

namespace datalake::cli {

// Of a declared type or one of ours. INVALID_ARGUMENT names the valid ones; what is declared wrongly
// (varchar(0)) is refused by the server, which makes the table before a row is sent.
Result<dl::DataType> stored_type(std::string_view type);
// The server has to be told it as it is written.
bool is_declared_type(std::string_view type);

}  // namespace datalake::cli
