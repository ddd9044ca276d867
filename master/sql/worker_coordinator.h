// QueryCoordinator whose statements are read, planned and finished in processes of their own
// (query_worker.h): no thread of the master runs the engine or its parser. The plainest lookups by key are
// understood without them, and rows of a statement that one slave runs as it is do not pass the process.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "common/worker/worker_host.h"
#include "master/sql/query_coordinator.h"

namespace dl::master {

class WorkerCoordinator : public QueryCoordinator {
  public:
    // Logs what the kernel cannot protect. Fails when no process can be started. `runner` outlives the
    // coordinator.
    static Result<std::unique_ptr<WorkerCoordinator>> start(
        WorkerSettings settings, FragmentRunner& runner,
        std::shared_ptr<const SystemTables> system_tables = nullptr);
    // How many statements have ended the process that ran them.
    virtual std::uint64_t crashes() const = 0;
    virtual std::size_t ready_now() const = 0;  // processes that stand by
    // Memory of the processes that run statements now, in bytes, by QueryOptions::number.
    virtual std::map<std::uint64_t, std::uint64_t> memory() const = 0;
};

}  // namespace dl::master
