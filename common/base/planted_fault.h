// Defects of the product that tests switch on by name, to prove that they would be seen: compiled in with
// -DDL_FAILPOINTS=ON only, off unless the environment variable DL_PLANTED_FAULT names it or plant() was
// called. What each does, and what caught it: tests/sim/README.md.
#pragma once

#include <string>

namespace dl {
bool is_planted(const char* name);
// In place of the one before; "": none. Not while other threads run.
void plant(std::string name);
}  // namespace dl

#ifdef DL_FAILPOINTS
#define DL_PLANTED(name) (::dl::is_planted(name))
#else
#define DL_PLANTED(name) (false)
#endif
