#include "common/config/unknown_environment.h"

#include <unistd.h>

#include <algorithm>

#include "common/base/nearest_name.h"
#include "common/base/quoted_value.h"

namespace dl {

std::vector<std::string> unknown_environment(std::string_view program, const std::vector<ConfigKey>& spec,
                                             const std::vector<std::string>& others,
                                             const char* const* environment) {
    std::vector<std::string> known;
    const auto group = config_environment_name(program) + "_";
    for (const auto& key : spec)
        known.push_back(config_environment_name(key.name));
    std::vector<std::string> notes;
    for (; environment != nullptr && *environment != nullptr; ++environment) {
        const std::string_view variable(*environment);
        const auto name = variable.substr(0, variable.find('='));
        if (!name.starts_with("DATALAKE_") || std::ranges::find(known, name) != known.end()) continue;
        const bool is_of_others = std::ranges::any_of(
            others, [&](const std::string& key) { return config_environment_name(key) == name; });
        const bool is_of_group = name.starts_with(group);
        // A slip may be in the first words too.
        const auto near = nearest_name(name, known, is_of_group ? name.size() / 3 : 2);
        if (is_of_others || (!is_of_group && near.empty())) continue;
        notes.push_back("environment: " + quoted_value(name) + " is no setting and is ignored" +
                        (near.empty() ? "" : "; did you mean " + near + "?"));
    }
    return notes;
}

std::vector<std::string> unknown_environment(std::string_view program, const std::vector<ConfigKey>& spec,
                                             const std::vector<std::string>& others) {
    return unknown_environment(program, spec, others, ::environ);
}

}  // namespace dl
