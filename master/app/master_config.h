// The keys of master_config.properties and what they mean to the program.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/config/properties.h"

namespace dl::master {

struct MasterConfig {
    std::string address;                  // host:port
    std::vector<std::string> data_paths;  // the first holds the catalog
    std::vector<std::string> slaves;
    std::size_t frame_bytes_max = 0;
    std::chrono::milliseconds statement_timeout{};
    std::chrono::milliseconds compress_timeout{};
    std::chrono::milliseconds slave_wait{};
    std::chrono::milliseconds heartbeat{};
    std::chrono::milliseconds lease{};
    std::chrono::milliseconds failover{};
    std::chrono::milliseconds write_timeout{};
    std::chrono::milliseconds read_timeout{};
    std::chrono::milliseconds shutdown_grace{};
    std::size_t sessions_max = 0;
    std::size_t request_bytes_max = 0;
    std::size_t net_threads = 0;
    std::size_t work_threads = 0;
    std::size_t query_bytes_max = 0;
    unsigned query_threads = 0;
    unsigned queries_max = 0;
    std::size_t query_workers = 0;
    std::string log_level;
    bool begin_anew = false;              // of the command line
    std::vector<Config::Shown> settings;  // all of them, as they were given
};

// `machine_memory`: machine_memory_bytes(); a default is a share of it.
std::vector<ConfigKey> master_config_keys(std::optional<std::uint64_t> machine_memory);
// Checks what no single key can be checked for.
Result<MasterConfig> master_config_from(const Config& config);

}  // namespace dl::master
