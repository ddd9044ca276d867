// ReadView over the newest published state of a partition. What it finds damaged wakes the partition.
#pragma once

#include <memory>

#include "slave/partition/partition_core.h"

namespace dl::slave {

std::shared_ptr<const ReadView> make_pinned_view(const PartitionCore& core);

}  // namespace dl::slave
