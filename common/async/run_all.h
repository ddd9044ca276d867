// Runs coroutines side by side on the caller's executor and waits for all of them. Cancelling the caller
// cancels each. What a task throws is an INTERNAL defect of that task; tasks store their results themselves.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <vector>

namespace dl {

using Task = std::function<boost::asio::awaitable<void>()>;

// The tasks and what they refer to live until this completes.
boost::asio::awaitable<void> run_all(std::vector<Task> tasks);
// The same, but as soon as one task has ended with true, the others are cancelled (and still waited for).
using RaceTask = std::function<boost::asio::awaitable<bool>()>;
boost::asio::awaitable<void> run_until_first(std::vector<RaceTask> tasks);

}  // namespace dl
