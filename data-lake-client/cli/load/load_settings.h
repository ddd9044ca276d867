// The settings of a load by name and text, the same for --NAME VALUE of the command line and NAME=VALUE of
// \load.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "data-lake-client/cli/load/load_options.h"
#include "datalake/error.h"

namespace datalake::cli {

struct LoadSetting {
    std::string_view name;      // as on the command line, without --
    std::string_view argument;  // empty: a flag
    std::string_view help;
};
std::span<const LoadSetting> load_settings();

// `_` counts as `-`. INVALID_ARGUMENT says what the value may be, or that there is no such setting.
Result<void> set_load_option(LoadOptions& options, std::string_view name, const std::string& value);
std::string_view format_name(FileFormat format);

}  // namespace datalake::cli
