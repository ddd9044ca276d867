// Reads everything this slave has on the disk again in the course of a period, so that rot is found while
// what could replace it is still there: one partition after the other, at most so many bytes a second, on a
// thread of its own. Where it stands follows from the clock alone, so that a restart loses nothing of it.
// What is found is logged and counted, and made again where that is possible (slave/partition/scrub.h).
// Before all of that, at once, it reads what the start has not read and nobody has used since.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "slave/compaction/io_budget.h"
#include "slave/handlers/table_registry.h"

namespace dl::slave {

struct ScrubSettings {
    std::chrono::milliseconds period{0};  // in which everything is read once; 0: never
    std::uint64_t bytes_per_second = 0;   // 0: no limit
};

// Which partition the clock says, pure: `weights` are the bytes of each, `since_epoch` the wall clock.
std::size_t scrub_position(const std::vector<std::uint64_t>& weights, std::chrono::milliseconds since_epoch,
                           std::chrono::milliseconds period);

class Scrubber {
  public:
    // The registry outlives it. `first_wait`: until it begins to read again what was read already.
    Scrubber(const TableRegistry& registry, ScrubSettings settings,
             std::chrono::milliseconds first_wait = std::chrono::minutes(1));
    ~Scrubber() { stop(); }
    // Ends within one read.
    void stop();

  private:
    struct Place {
        TableId table;
        PartitionId id;
        std::shared_ptr<Partition> partition;
        std::uint64_t weight = 0;
        friend bool operator<(const Place& a, const Place& b) {
            return std::pair(a.table, a.id) < std::pair(b.table, b.id);
        }
    };
    void run();
    std::vector<Place> places() const;
    // Of every partition what has not been compared since it was opened.
    void prove();
    // nullopt: it could not be read to its end, which was logged unless it is gone or everything stops.
    std::optional<ScrubReport> scrub(const Place& place, bool unproven_only);
    bool still_there(const Place& place) const;
    // False when it is to stop.
    bool wait_until(std::chrono::steady_clock::time_point due);

    const TableRegistry& registry_;
    const ScrubSettings settings_;
    const std::chrono::milliseconds first_wait_;
    IoBudget budget_;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::jthread thread_;
};

}  // namespace dl::slave
