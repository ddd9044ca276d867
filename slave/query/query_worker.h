// The process that runs queries for a slave: the slave's own program, started with one argument. It takes one
// statement at a time over a socket, runs it with QueryExecutor, and ends with its daemon.
#pragma once

#include <optional>

namespace dl::slave {

// First thing in main(): nullopt unless this process was started as a worker; else the status to exit with.
std::optional<int> run_as_query_worker(int argc, char** argv);

}  // namespace dl::slave
