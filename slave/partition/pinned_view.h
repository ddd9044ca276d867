// ReadView over one published state of a partition.
#pragma once

#include <memory>

#include "slave/partition/partition_core.h"

namespace dl::slave {

std::shared_ptr<const ReadView> make_pinned_view(std::shared_ptr<const PartitionState> state);

}  // namespace dl::slave
