// Numbers that a run of the tests is given from outside, such as seeds and durations.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace dl::test {

// `otherwise` when the variable is not set, or empty; 0 for what is no number.
inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace dl::test
