#pragma once

namespace dl::slave::test {

// The process that hostile_worker_test.cc starts; main() of the tests calls it.
[[noreturn]] void serve_hostile_fragments();

}  // namespace dl::slave::test
