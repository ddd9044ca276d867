// The binary batch of PROTOCOL 3.2.
#pragma once

#include <string>
#include <string_view>

#include "master/catalog/catalog_table.h"
#include "master/routing/partitioned_batch.h"

namespace dl {

// Raw snappy block -> plain bytes; the announced length is checked against `plain_bytes_max` before
// allocating.
Result<std::string> snappy_uncompress_checked(std::string_view compressed, std::size_t plain_bytes_max);
// What a block announces, when its size makes that possible; else its own size.
std::size_t snappy_plain_bytes(std::string_view compressed);
// The table a plain binary batch is for (its first string), original case.
Result<std::string> binary_batch_table(std::string_view plain);
// NULL (`/~|`) in a column with a DEFAULT means the DEFAULT here. Refuses anything that does not parse
// exactly to its end.
Result<PartitionedBatch> parse_binary_batch(std::string_view plain, const master::CatalogTable& table);

}  // namespace dl
