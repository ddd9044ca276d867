// Copies of partitions, seen from outside: what an operator or the controller has done to one, and how far
// they are. docs/formats/rpc.md, docs/flows/replicate.md.
#pragma once

#include <string>
#include <vector>

#include "common/rpc/messages/replica_messages.h"

namespace dl::rpc {

// A copy that its node is to have no longer: others hold the partition, in sync, as of that version of its
// placement. Durable before the answer; idempotent. INVALID_REQUEST, and nothing is removed, when the node
// was told a newer version or is a copy in the one it was told, or is another process than the one named;
// NOT_LEADER as AssignReplicasRequest; CORRUPT_DATA when what is there is of another incarnation.
struct DropCopyRequest {
    static constexpr Method kMethod = Method::drop_copy;
    std::string cluster_id;
    std::string controller;  // as in HeartbeatRequest
    std::string process;     // of the node, as in HeartbeatReply
    ReplicaRef replica;
    std::uint32_t version = 0;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("cluster_id", m.cluster_id, at_most(kClusterIdBytes));
        v("controller", m.controller, at_most(kProcessIdBytes));
        v("process", m.process, at_most(kProcessIdBytes));
        ReplicaRef::members(m.replica, v);
        v("version", m.version, from_to(1, std::numeric_limits<std::uint32_t>::max()));
    }
};
using DropCopyReply = Done<Method::drop_copy>;

// A copy that follows is closed, leaves all sets as one that is damaged does, and is made anew from its
// leader's files; what is there is set aside. The answer comes when it is closed; a node that is started
// before the rest is done opens the copy as it was. UNAVAILABLE when the node knows another version of the
// placement; INVALID_REQUEST when it does not follow.
struct RefillCopyRequest {
    static constexpr Method kMethod = Method::refill_copy;
    std::string cluster_id;
    ReplicaRef replica;
    std::uint32_t version = 0;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("cluster_id", m.cluster_id, at_most(kClusterIdBytes));
        ReplicaRef::members(m.replica, v);
        v("version", m.version, from_to(1, std::numeric_limits<std::uint32_t>::max()));
    }
};
using RefillCopyReply = Done<Method::refill_copy>;

// Copies that are not up to date, for people (cluster_status): as a leader knows its followers, and as copies
// are being made anew, or do not serve, on the node that is asked. At most kCopyProgressMax of each.
inline constexpr std::size_t kCopyProgressMax = 4096;
inline constexpr std::size_t kTroubleBytesMax = 1024;
struct FollowerLag {
    ReplicaRef replica;
    NodeId follower;
    std::uint64_t records = 0;    // behind the leader's log
    std::uint64_t behind_ms = 0;  // since it was last known to be at the end
    bool heard = false;           // in this epoch
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        ReplicaRef::members(m.replica, v);
        v("follower", m.follower);
        v.maybe("records", m.records);
        v.maybe("behind_ms", m.behind_ms);
        v.maybe("heard", m.heard);
    }
};
struct CopyTrouble {
    ReplicaRef replica;
    std::uint64_t bytes_done = 0, bytes_total = 0, elapsed_ms = 0;  // of files of the leader
    std::string error;  // why it does not serve, or does not come forward; "": it does
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        ReplicaRef::members(m.replica, v);
        v.maybe("bytes_done", m.bytes_done);
        v.maybe("bytes_total", m.bytes_total);
        v.maybe("elapsed_ms", m.elapsed_ms);
        v.maybe("error", m.error, at_most(kTroubleBytesMax));
    }
};
struct CopyProgressRequest {
    static constexpr Method kMethod = Method::copy_progress;
    std::string cluster_id;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("cluster_id", m.cluster_id, at_most(kClusterIdBytes));
    }
};
struct CopyProgressReply {
    static constexpr Method kMethod = Method::copy_progress;
    std::vector<FollowerLag> lags;
    std::vector<CopyTrouble> troubles;
    std::uint64_t follower_reads = 0;  // of partitions not led there that were answered, since it started
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v.maybe("lags", m.lags, at_most(kCopyProgressMax));
        v.maybe("troubles", m.troubles, at_most(kCopyProgressMax));
        v.maybe("follower_reads", m.follower_reads);
    }
};

}  // namespace dl::rpc
