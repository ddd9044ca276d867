#pragma once

namespace dl::master::test {

// The process that hostile_worker_test.cc starts; main() of the tests calls it.
[[noreturn]] void serve_hostile_selects();

}  // namespace dl::master::test
