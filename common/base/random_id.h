// Names that nobody else has drawn. Thread-safe.
#pragma once

#include <string>

namespace dl {

// So many random hex digits, 4 bits each, of the system's random numbers.
std::string random_hex(int digits);

}  // namespace dl
