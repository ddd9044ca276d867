// What a partition with other copies asks before and after it writes: when a record is committed, and whether
// it may be written and served here. Implemented by who knows the other copies (slave/replication/). Any
// thread; returns at once and calls nothing of the partition back.
#pragma once

#include <span>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "slave/log/partition_log.h"

namespace dl::slave {

class CommitGate {
  public:
    virtual ~CommitGate() = default;
    // Before a group is written. UNAVAILABLE: too few copies are in sync; nothing was done.
    virtual Result<void> check_writable() const = 0;
    // The log goes on with these, at least one, which need not be synced yet.
    virtual void appended(std::span<const StoredBatch> batches) = 0;
    // Everything below `end` is synced here. What is committed now: at most `end`, and never less than the
    // time before.
    virtual Offset synced(Offset end) = 0;
    // The partition takes no writes any more, for an error of its disk.
    virtual void failed() = 0;
    // Before records up to `visible_end` are served. NOT_LEADER: not by this copy, or not yet.
    virtual Result<void> check_serving(Offset visible_end) const = 0;
};

// What a copy of a partition does.
enum class CopyPart : std::uint8_t {
    alone,     // there is no other: what is synced is committed
    none,      // there are others, and nobody has said yet who leads
    leader,    // takes writes; its gate says what is committed
    follower,  // takes batches of the leader as they are there
};

}  // namespace dl::slave
