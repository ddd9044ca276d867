// Parameters of a statement, `$1`, `$2`, ..., and the values a client gives for them. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/types/data_type.h"
#include "master/sql/ddl_statement.h"

namespace dl::master {

// `$1` is the first; text, number, boolean or null.
using SqlParameters = std::vector<SqlLiteral>;

inline constexpr std::size_t kSqlParametersMax = 65'535;

// One place of a parameter in the text of a statement.
struct ParameterUse {
    std::uint32_t number = 0;  // from 1
    std::size_t begin = 0;
    std::size_t end = 0;
};

// Outside of quotes and comments. INVALID_REQUEST when a number below the highest is not used.
Result<std::vector<ParameterUse>> find_parameters(std::string_view sql);
// How many parameters there are: the highest number.
std::size_t parameter_count(const std::vector<ParameterUse>& uses);
// INVALID_REQUEST unless every parameter has its value and every value its parameter.
Result<void> check_parameter_count(std::size_t used, std::size_t given);

// The value as a literal of SQL; of `type` when the statement tells what it must be. INVALID_VALUE names the
// parameter.
Result<std::string> parameter_literal(std::uint32_t number, const SqlLiteral& value,
                                      const std::optional<DataType>& type);
// The text with literals for its parameters, the first for `$1`.
std::string with_literals(std::string_view sql, const std::vector<ParameterUse>& uses,
                          const std::vector<std::string>& literals);

// The error of a value as one of the parameter.
Error parameter_error(std::uint32_t number, const Error& error);

}  // namespace dl::master
