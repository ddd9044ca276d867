// What a leader knows of the copies of one partition, and what follows from it: the high watermark, and the
// in-sync set it asks the controller for. Pure; time is given in microseconds of a clock that never goes
// back. Not thread-safe.
//
//   high watermark = lowest synced end over in_sync and over those it has asked to add; it moves only while
//   in_sync has min_in_sync members, and never back. Members it has asked to remove count until a newer
//   version says that they are out.
//
// A member whose end is below the high watermark has lost what it had: it is asked out at once. A follower
// lags when it has not been at the end of the log, as it was when it asked before, for `lag_us_max`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "common/base/ids.h"

namespace dl::slave {

struct CopySets {
    std::uint32_t version = 0;
    std::vector<NodeId> in_sync;   // the leader among them
    std::vector<NodeId> replicas;  // of which others may join
    std::uint32_t min_in_sync = 1;
};

class CommitTracker {
  public:
    // `self` begins to lead a log that ends at `log_end`, of which `committed` is known to be committed.
    CommitTracker(NodeId self, CopySets sets, Offset log_end, Offset committed, std::int64_t now_us,
                  std::int64_t lag_us_max);

    // Newer sets; older ones and those known are ignored.
    void set(CopySets sets, std::int64_t now_us);
    const CopySets& sets() const { return sets_; }

    void own_appended(Offset end, std::int64_t now_us);
    void own_synced(Offset end);
    // A follower says, in this leader's epoch and with a log that agrees with this one: synced below `end`.
    // Those that are no replica are ignored.
    void follower_synced(NodeId follower, Offset end, std::int64_t now_us);
    // Its log does not go on from this one as it is: what it said before does not hold.
    void follower_strayed(NodeId follower);

    Offset high_watermark() const { return high_watermark_; }
    // Where the log ended when this leader began: below it others may have committed what it does not know to
    // be committed yet.
    Offset began_at() const { return began_at_; }
    bool may_serve() const { return high_watermark_ >= began_at_; }
    bool may_write() const { return sets_.in_sync.size() >= sets_.min_in_sync; }

    // The set to ask the controller for; nullopt: it has the one it wants. What is asked for counts from now
    // on.
    std::optional<std::vector<NodeId>> wanted(std::int64_t now_us);

    // All replicas are in sync and at the end, and nothing is asked for: until something happens wanted()
    // gives nothing, however late it is.
    bool is_settled() const;

    struct Follower {
        Offset synced_end = 0;
        bool heard = false;  // in this epoch
        Offset end_at_report = 0;
        std::int64_t reported_at_us = 0;
        std::int64_t at_end_us = 0;  // when it was last known to be at the end
    };
    const std::map<NodeId, Follower>& followers() const { return followers_; }
    Offset log_end() const { return log_end_; }

  private:
    void advance();
    bool lags(const Follower& follower, std::int64_t now_us) const;

    const NodeId self_;
    const std::int64_t lag_us_max_;
    CopySets sets_;
    std::vector<NodeId> joining_;  // asked for, not answered yet
    std::map<NodeId, Follower> followers_;
    const Offset began_at_;
    Offset log_end_;
    Offset synced_end_;
    Offset high_watermark_;
};

}  // namespace dl::slave
