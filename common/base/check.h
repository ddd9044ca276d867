// Checks that stay on in release builds. A failed check is a defect of the program itself, never of its
// input: it logs file, line and text to stderr and aborts, so that no wrong state reaches the disk.
#pragma once

namespace dl {
[[noreturn]] void check_failed(const char* expression, const char* file, int line, const char* why);
}  // namespace dl

// `why` cites the invariant of docs/invariants.md where there is one, e.g. "INV-2 offsets are dense".
#define DL_CHECK(expression, why)                                     \
    do {                                                              \
        if (!(expression)) [[unlikely]]                               \
            ::dl::check_failed(#expression, __FILE__, __LINE__, why); \
    } while (false)
