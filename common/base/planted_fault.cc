#include "common/base/planted_fault.h"

#include <cstdlib>
#include <utility>

namespace dl {
namespace {

std::string& planted() {
    static std::string name = [] {
        const char* text = std::getenv("DL_PLANTED_FAULT");
        return std::string(text == nullptr ? "" : text);
    }();
    return name;
}

}  // namespace

bool is_planted(const char* name) {
    return !planted().empty() && planted() == name;
}

void plant(std::string name) {
    planted() = std::move(name);
}

}  // namespace dl
