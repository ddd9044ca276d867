// How far one partition is. Each end is the first offset behind what it counts:
//   log end         appended
//   synced end      as durable as the options ask for: on the disk with `sync`, else handed to the system
//   high watermark  committed: synced by as many copies as are needed; with one copy the synced end
//   visible end     applied: what queries and readers see
// visible end <= high watermark <= synced end <= log end (checked at every step, INV-9). The last two never
// move back; a truncation moves the first two, not below the high watermark.
//
// Changed under the writer's exclusion only, read by any thread.
#pragma once

#include <atomic>

#include "common/base/ids.h"

namespace dl::slave {

class LogProgress {
  public:
    // After recovery: everything in the log is synced; `visible` is what the files hold.
    void start(Offset log_end, Offset visible);

    void appended(Offset end);
    void synced(Offset end);
    // False: it was there already.
    bool advance_high_watermark(Offset end);
    void applied(Offset end);
    // The log was cut and ends at `end`, with everything in it synced.
    void truncated(Offset end);

    Offset log_end() const { return log_end_.load(std::memory_order_acquire); }
    Offset synced_end() const { return synced_end_.load(std::memory_order_acquire); }
    Offset high_watermark() const { return high_watermark_.load(std::memory_order_acquire); }
    Offset visible_end() const { return visible_end_.load(std::memory_order_acquire); }

  private:
    std::atomic<Offset> log_end_{0}, synced_end_{0}, high_watermark_{0}, visible_end_{0};
};

}  // namespace dl::slave
