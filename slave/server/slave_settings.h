// The slave's configuration: every key with its default, range and explanation, and the values as a struct.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/log.h"
#include "common/config/properties.h"
#include "common/net/connection.h"
#include "slave/partition/partition.h"
#include "slave/server/scrubber.h"

namespace dl::slave {

struct SlaveSettings {
    std::string node;  // host:port to listen on, and the name masters use
    std::vector<std::string> data_directories;
    PartitionOptions partition;
    std::uint64_t query_memory_bytes = 0;
    std::uint64_t query_spill_bytes = 0;
    std::size_t query_workers = 0;
    unsigned query_threads = 0;
    std::size_t query_concurrent_max = 0;
    std::size_t lookup_cache_bytes = 0;
    std::uint64_t file_memory_bytes = 0;
    std::size_t net_threads = 0;
    std::size_t work_threads = 0;
    std::size_t storage_threads = 0;
    std::size_t background_threads = 0;
    std::size_t compaction_threads = 0;
    std::uint64_t compaction_memory_bytes = 0;
    std::uint64_t compaction_bytes_per_second = 0;
    ScrubSettings scrub;
    std::uint64_t tail_memory_bytes = 0;
    std::uint64_t batch_id_memory_bytes = 0;
    std::size_t connections_max = 0;
    std::size_t request_bytes_max = 0;
    std::size_t requests_bytes_in_flight_max = 0;
    net::TransferLimits transfer;
    std::chrono::milliseconds stop_grace{0};
    std::chrono::milliseconds replica_lag_max{0};
    LogLevel log_level = LogLevel::info;
};

// `machine_memory`: machine_memory_bytes(); a default is a share of it.
std::vector<ConfigKey> slave_config_keys_of(std::optional<std::uint64_t> machine_memory);
// Those of this machine.
const std::vector<ConfigKey>& slave_config_keys();
SlaveSettings slave_settings(const Config& config);
// INVALID_VALUE when one directory of slave.data is another, under whatever name, or lies within it.
Result<void> check_data_directories(const std::vector<std::string>& directories);

}  // namespace dl::slave
