#include "common/base/glob_text.h"

namespace dl {

std::string literal_glob(std::string_view path) {
    std::string pattern;
    for (const char c : path) {
        // A class of one character matches that character.
        if (c == '*' || c == '?' || c == '[')
            pattern.append("[").append(1, c).append("]");
        else
            pattern += c;
    }
    return pattern;
}

}  // namespace dl
