// The daemon's side of queries in processes of their own (query_worker.h). Plain lookups by key are answered
// here, from the key index, without one. Pins, deadline and cancel stay here; what a worker sends is checked
// before it is used. A query ends at the latest half a second after its deadline or cancel.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "slave/query/fragment_engine.h"

namespace dl::slave {

struct QueryWorkerSettings {
    std::size_t ready = 2;           // processes that stand by
    std::size_t concurrent_max = 8;  // queries that run at a time
    unsigned threads = 1;            // of the engine, each
    std::uint64_t memory_bytes = 512u << 20;
    std::uint64_t spill_bytes = 0;
    std::string spill_folder;  // with one folder a worker in it; emptied at start
    std::vector<std::string> readable_folders;
    std::string program = "/proc/self/exe";  // whose main() calls run_as_query_worker()
};

class WorkerExecutor : public FragmentEngine {
  public:
    // Logs what the kernel cannot protect. Fails when no worker can be started.
    static Result<std::unique_ptr<WorkerExecutor>> create(QueryWorkerSettings settings);
    virtual std::size_t ready_now() const = 0;  // workers that stand by
};

}  // namespace dl::slave
