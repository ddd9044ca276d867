// Variables that were meant to set a key and set none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/properties.h"

namespace dl {

// A line for each variable in `environment` (NAME=value, ended by a null pointer) that begins as those of
// `program` ("slave": DATALAKE_SLAVE_), or nearly is one of `spec`, and is none, nor one of `others`: keys of
// another program that read alike.
std::vector<std::string> unknown_environment(std::string_view program, const std::vector<ConfigKey>& spec,
                                             const std::vector<std::string>& others,
                                             const char* const* environment);
// Of this process.
std::vector<std::string> unknown_environment(std::string_view program, const std::vector<ConfigKey>& spec,
                                             const std::vector<std::string>& others);

}  // namespace dl
