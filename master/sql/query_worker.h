// The process that reads, plans and finishes SELECTs for a master: the master's own program, started with one
// argument. The parser, the gate, the planner and the engine run here and nowhere else; tables and slaves are
// asked of the master.
#pragma once

#include <optional>

namespace dl::master {

// First thing in main(): nullopt unless this process was started as a worker; else the status to exit with.
std::optional<int> run_as_query_worker(int argc, char** argv);

}  // namespace dl::master
