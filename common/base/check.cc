#include "common/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace dl {

void check_failed(const char* expression, const char* file, int line, const char* why) {
    std::fprintf(stderr, "check failed: %s (%s) at %s:%d\n", why, expression, file, line);
    std::fflush(stderr);
    std::abort();
}

}  // namespace dl
