// The running master: builds everything in the order of its dependencies, serves until it is told to stop,
// and takes it apart in the reverse order.
#pragma once

#include "common/base/error.h"
#include "master/app/master_config.h"

namespace dl::master {

// Blocks until SIGTERM or SIGINT has been carried out.
Result<void> run_master(const MasterConfig& config);

}  // namespace dl::master
