#include "common/base/byte_io.h"

#include <bit>

static_assert(std::endian::native == std::endian::little,
              "formats are little-endian and copied, not swapped");
