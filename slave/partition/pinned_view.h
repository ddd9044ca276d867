// ReadView over one published state of a partition.
#pragma once

#include <memory>

#include "slave/partition/partition_core.h"

namespace dl::slave {

// `guides` (may be null) outlives the view.
std::shared_ptr<const ReadView> make_pinned_view(std::shared_ptr<const PartitionState> state,
                                                 ChunkGuideCache* guides);

}  // namespace dl::slave
