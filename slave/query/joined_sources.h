// Several sources with the same columns read as one.
#pragma once

#include <memory>
#include <vector>

#include "common/duck/scan_source.h"

namespace dl::slave {

// The units of each source, in the order of the sources; what one of them fails with is an error of all. Not
// empty.
std::shared_ptr<ScanSource> one_after_the_other(std::vector<std::shared_ptr<ScanSource>> sources);

}  // namespace dl::slave
