// The committed files of a partition for another copy of it (PartitionCopy::export_files).
#pragma once

#include "slave/partition/partition_copy.h"
#include "slave/partition/partition_core.h"

namespace dl::slave {

Result<PartitionCopy::Export> export_partition(PartitionCore& core);

}  // namespace dl::slave
