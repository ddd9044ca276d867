// The daemon's side of queries in processes of their own (query_worker.h). Plain lookups by key are answered
// here, from the key index, without one. Pins stay here; what a worker sends is checked before it is used. A
// query ends at the latest half a second after its deadline or cancel.
#pragma once

#include <memory>

#include "common/worker/worker_host.h"
#include "slave/query/fragment_engine.h"

namespace dl::slave {

class WorkerExecutor : public FragmentEngine {
  public:
    // Logs what the kernel cannot protect. Fails when no worker can be started.
    static Result<std::unique_ptr<WorkerExecutor>> create(WorkerSettings settings);
    virtual std::size_t ready_now() const = 0;  // workers that stand by
};

}  // namespace dl::slave
