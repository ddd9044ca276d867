// Copies of partitions: who leads them, leases, and what followers fetch. docs/formats/rpc.md, docs/flows/
// replicate.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/rpc/messages/table_messages.h"

namespace dl::rpc {

inline constexpr std::size_t kCopiesMax = 5;
inline constexpr std::size_t kReplicaListMax = 4 * kCopiesMax;  // with those that come and go
inline constexpr std::size_t kAssignmentsMax = 8192;            // of one request; more go in several
inline constexpr std::size_t kProcessIdBytes = 16;              // hex digits

// A partition that has, or had, more than one copy: TableRef::members without the name, and the partition.
struct ReplicaRef {
    TableId table;
    std::uint64_t incarnation = 0;
    PartitionId partition;
    template <class Self, class Visitor>
    static void members(Self& m, Visitor& v) {
        v("table_id", m.table);
        v.maybe("incarnation", m.incarnation);
        v("partition", m.partition);
    }
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        members(m, v);
    }
    friend auto operator<=>(const ReplicaRef&, const ReplicaRef&) = default;
};

// Whether nodes are told of a placement: it has, or had, more than one copy. Partitions that never had need
// no assignment, no lease and no digest: who has the copy leads it.
inline bool is_assigned(const PartitionPlacement& placement) {
    return placement.replicas.size() > 1 || placement.version > 1;
}

// What a copy is told of its partition: a part of its placement (common/meta/placement.h), for each of its
// nodes_of(). A node that is in none of the lists any more keeps its copy and follows nobody.
struct ReplicaAssignment {
    ReplicaRef replica;
    LeaderEpoch leader_epoch;
    std::uint32_t version = 0;  // of the placement; an older one is ignored
    NodeId leader;              // 0: none at the moment
    std::vector<NodeId> in_sync;
    std::vector<NodeId> replicas;  // including those that are being added, or removed
    std::uint32_t min_in_sync = 1;
    std::vector<NodeId> eligible;  // left in_sync with nothing acknowledged since
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        ReplicaRef::members(m.replica, v);
        v("leader_epoch", m.leader_epoch);
        v("version", m.version, from_to(1, std::numeric_limits<std::uint32_t>::max()));
        v.maybe("leader", m.leader);
        v("in_sync", m.in_sync, at_most(kReplicaListMax));
        v("replicas", m.replicas, at_most(kReplicaListMax));
        v("min_in_sync", m.min_in_sync, from_to(1, kCopiesMax));
        v.maybe("eligible", m.eligible, at_most(kReplicaListMax));
    }
    friend bool operator==(const ReplicaAssignment&, const ReplicaAssignment&) = default;
};

struct NodeAddress {
    NodeId node;
    std::string address;  // host:port
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("node_id", m.node);
        v("address", m.address, at_most(limits::name_bytes_max));
    }
    friend bool operator==(const NodeAddress&, const NodeAddress&) = default;
};

// New assignments of copies on this node, durable before the answer; idempotent. Each is taken or ignored on
// its own: one of a partition that is not here, or of another incarnation, is ignored. NOT_LEADER when
// `controller` is not the one whose heartbeats this node answers.
struct AssignReplicasRequest {
    static constexpr Method kMethod = Method::assign_replicas;
    std::string cluster_id;
    std::string controller;          // as in HeartbeatRequest
    std::vector<NodeAddress> nodes;  // all of the cluster
    std::vector<ReplicaAssignment> partitions;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("cluster_id", m.cluster_id, at_most(kClusterIdBytes));
        v("controller", m.controller, at_most(kProcessIdBytes));
        v("nodes", m.nodes);
        v("partitions", m.partitions, at_most(kAssignmentsMax));
    }
};

// What a node was told of a partition.
struct KnownAssignment {
    ReplicaRef replica;
    LeaderEpoch leader_epoch;
    std::uint32_t version = 0;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        ReplicaRef::members(m.replica, v);
        v("leader_epoch", m.leader_epoch);
        v("version", m.version, from_to(1, std::numeric_limits<std::uint32_t>::max()));
    }
};

struct AssignReplicasReply {
    static constexpr Method kMethod = Method::assign_replicas;
    // Of those that were told: known here in a newer version, or otherwise in the same one; nothing was taken
    // from the request. The catalog is older than what was decided before (a backup of it was put back).
    std::vector<KnownAssignment> newer;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v.maybe("newer", m.newer, at_most(kAssignmentsMax));
    }
};

// From the controller to every node, every master.heartbeat.ms. Prolongs the node's lease: it ends `lease_ms`
// after the node *sent* the reply that `answers` names, by the node's own clock. So whoever waits, from the
// arrival of the last reply that he ever named, for lease_ms and what clocks may differ, knows that it is
// over. A lease is of one pair of processes: a request of another controller, or of a node that was started
// anew, begins without one.
struct HeartbeatRequest {
    static constexpr Method kMethod = Method::heartbeat;
    std::string cluster_id;
    std::string controller;     // random, of the controller's process
    std::string process;        // of the node, as its last reply said; "": none yet
    std::uint64_t answers = 0;  // HeartbeatReply::sequence of the last reply that arrived; 0: none
    std::uint32_t lease_ms = 0;
    std::vector<ReplicaRef> asked;  // of these the reply is to say what it has (CopyReport)
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("cluster_id", m.cluster_id, at_most(kClusterIdBytes));
        v("controller", m.controller, at_most(kProcessIdBytes));
        v.maybe("process", m.process, at_most(kProcessIdBytes));
        v.maybe("answers", m.answers);
        v("lease_ms", m.lease_ms, from_to(1, 3'600'000));
        v.maybe("asked", m.asked, at_most(kAssignmentsMax));
    }
    std::string complaint() const {
        return controller.size() == kProcessIdBytes ? "" : "names no controller";
    }
};

// What a leader asks for. `in_sync`: the set it wants (members that have fallen behind are left out, those
// that have caught up are in); it counts the wider of the old and the new one until it is told a newer
// version. `resigns`: it cannot lead in this epoch any more (its process was started anew, its log was opened
// anew after an error): another member, or itself in a newer epoch.
// The controller answers each with a new version, also one that it refuses or that changes nothing: only that
// ends the counting of the wider set.
struct ReplicaProposal {
    ReplicaRef replica;
    LeaderEpoch leader_epoch;
    std::uint32_t version = 0;  // of the assignment it is about; for any other it is void
    std::vector<NodeId> in_sync;
    bool resigns = false;
    // Of in_sync or eligible, with a copy that cannot be opened for damage: in neither from now on.
    std::vector<NodeId> lost;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        ReplicaRef::members(m.replica, v);
        v("leader_epoch", m.leader_epoch);
        v("version", m.version);
        v.maybe("in_sync", m.in_sync, at_most(kReplicaListMax));
        v.maybe("resigns", m.resigns);
        v.maybe("lost", m.lost, at_most(kReplicaListMax));
    }
};

// What a node has of a partition for which a leader is to be found: asked for by the controller.
struct CopyReport {
    ReplicaRef replica;
    std::uint32_t last_epoch = 0;  // of the last batch of its log; 0: it is empty
    Offset log_end = 0;            // synced
    Offset committed = 0;          // what it knows to be committed
    // Since it was opened it has led, or has had all that its leader knew to be committed: what it has is not
    // of an earlier life.
    bool heard = false;
    bool serves = false;  // false: it is not here, or cannot be opened; the rest is void
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        ReplicaRef::members(m.replica, v);
        v.maybe("last_epoch", m.last_epoch);
        v.maybe("log_end", m.log_end);
        v.maybe("committed", m.committed);
        v.maybe("heard", m.heard);
        v.maybe("serves", m.serves);
    }
    friend bool operator==(const CopyReport&, const CopyReport&) = default;
};

// Of a statement that runs on the node.
struct QueryMemory {
    std::uint64_t number = 0;  // QueryRequest::number
    std::uint64_t bytes = 0;   // of its processes
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("number", m.number, from_to(1, std::uint64_t{1} << 62));
        v("bytes", m.bytes);
    }
};

struct HeartbeatReply {
    static constexpr Method kMethod = Method::heartbeat;
    NodeId node_id;  // 0: not registered
    std::string incarnation;
    std::string process;         // random, of this process
    std::uint64_t sequence = 0;  // of this reply, > 0
    // assignments_digest() of those it has of its partitions; another one than the controller's own: it is to
    // be told all.
    std::uint64_t assignments = 0;
    bool stopping = false;                   // asked to end: leaderships are to go elsewhere first
    std::vector<ReplicaProposal> proposals;  // at most kAssignmentsMax; the rest with the next
    std::vector<CopyReport> reports;         // of HeartbeatRequest::asked
    static constexpr std::size_t kQueriesTold = 1024;
    std::vector<QueryMemory> queries;  // at most kQueriesTold
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v.maybe("node_id", m.node_id);
        v("incarnation", m.incarnation);
        v("process", m.process, at_most(kProcessIdBytes));
        v("sequence", m.sequence, from_to(1, std::numeric_limits<std::int64_t>::max()));
        v.maybe("assignments", m.assignments);
        v.maybe("stopping", m.stopping);
        v.maybe("proposals", m.proposals, at_most(kAssignmentsMax));
        v.maybe("reports", m.reports, at_most(kAssignmentsMax));
        v.maybe("queries", m.queries, at_most(kQueriesTold));
    }
};

// assignments: the sum, modulo 2^64, over what is_assigned() and has this node in its nodes_of(), of a hash
// of (table, incarnation, partition, version): whoever has the same assignments has the same, in any order.
std::uint64_t assignment_digest(const ReplicaRef& replica, std::uint32_t version);

// fetch: what a follower asks one leader for, for all partitions it follows there. One request at a time for
// each pair of nodes: a session, which the leader keeps, so that a request names only what has changed.
struct FetchPosition {
    ReplicaRef replica;
    LeaderEpoch leader_epoch;      // in which it follows
    Offset offset = 0;             // behind the last record of its log
    Offset synced_end = 0;         // of its log
    Offset high_watermark = 0;     // what it knows to be committed
    std::uint32_t last_epoch = 0;  // of the last batch of its log; 0: the log is empty
    std::uint32_t losses = 0;      // tells apart what was given up by `accept loss`; 0: nothing
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        ReplicaRef::members(m.replica, v);
        v("leader_epoch", m.leader_epoch);
        v("offset", m.offset, from_to(0, std::numeric_limits<std::int64_t>::max()));
        v("synced_end", m.synced_end, from_to(0, std::numeric_limits<std::int64_t>::max()));
        v.maybe("high_watermark", m.high_watermark);
        v.maybe("last_epoch", m.last_epoch);
        v.maybe("losses", m.losses);
    }
};

// -> data frames, one a partition with news: u32 length (little-endian) | FetchedPartition as JSON | record
// batches as in the log, each padded to 8 bytes; then the end.
struct FetchRequest {
    static constexpr Method kMethod = Method::fetch;
    static constexpr std::size_t kPositionsMax = 8192;
    static constexpr std::uint32_t kLanesMax = 4;
    std::string cluster_id;
    NodeId follower;
    std::string process;                   // of the follower, as in HeartbeatReply
    std::uint32_t lane = 0;                // a follower may have so many sessions side by side
    std::uint64_t session = 0;             // 0: a new one, the positions are all there are
    std::uint64_t number = 0;              // of the request within its session, 1, 2, ...
    std::vector<FetchPosition> positions;  // of a session: those that changed
    std::vector<ReplicaRef> left;          // not followed here any more
    std::vector<ReplicaRef> damaged;       // cannot be opened here: nothing of them counts
    std::uint32_t wait_ms = 0;             // answered when there is news, at the latest after this
    std::uint64_t bytes_max = 0;           // of batches, about; one batch of one partition is always given
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("cluster_id", m.cluster_id, at_most(kClusterIdBytes));
        v("follower", m.follower, from_to(1, std::numeric_limits<std::uint32_t>::max()));
        v("process", m.process, at_most(kProcessIdBytes));
        v.maybe("lane", m.lane, from_to(0, kLanesMax - 1));
        v.maybe("session", m.session);
        v.maybe("number", m.number);
        v("positions", m.positions, at_most(kPositionsMax));
        v.maybe("left", m.left, at_most(kPositionsMax));
        v.maybe("damaged", m.damaged, at_most(kPositionsMax));
        v("wait_ms", m.wait_ms, from_to(0, 60'000));
        v("bytes_max", m.bytes_max, from_to(1, 1u << 30));
    }
};

// What the follower is to do with one partition. `error` stands alone: NOT_LEADER (another epoch, or no
// lease: it waits to be told), NOT_FOUND (the log here begins above its end: it needs files).
struct FetchedPartition {
    ReplicaRef replica;
    LeaderEpoch leader_epoch;
    Offset high_watermark = 0;
    Offset log_start = 0;
    // The follower's log has no common end with the leader's: the newest epoch of the leader's that is not
    // above the follower's last, and where it ends there. It cuts to the smaller end and asks again.
    std::optional<std::uint32_t> diverged_epoch;
    std::optional<Offset> diverged_end;
    // Other records were given up here than in the follower's copy (FetchPosition::losses): that is set aside
    // and made anew. With NOT_FOUND.
    std::optional<std::uint32_t> losses;
    std::optional<Error> error;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        ReplicaRef::members(m.replica, v);
        v("leader_epoch", m.leader_epoch);
        v.maybe("high_watermark", m.high_watermark);
        v.maybe("log_start", m.log_start);
        v.maybe("diverged_epoch", m.diverged_epoch);
        v.maybe("diverged_end", m.diverged_end);
        v.maybe("losses", m.losses);
        v.maybe("error", m.error);
    }
};

// The files of a copy, for a follower whose log cannot go on from the leader's: they stay readable, whatever
// the leader does with its own, until nobody has read from them for kExportIdle. NOT_LEADER; OVERLOADED when
// as many are being read as may.
struct ExportCopyRequest {
    static constexpr Method kMethod = Method::export_copy;
    std::string cluster_id;
    NodeId follower;
    ReplicaRef replica;
    LeaderEpoch leader_epoch;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("cluster_id", m.cluster_id, at_most(kClusterIdBytes));
        v("follower", m.follower, from_to(1, std::numeric_limits<std::uint32_t>::max()));
        ReplicaRef::members(m.replica, v);
        v("leader_epoch", m.leader_epoch);
    }
};
struct ExportedFile {
    std::string name;  // in the partition's snapshots directory; the first is the manifest
    std::uint64_t bytes = 0;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("name", m.name, at_most(limits::name_bytes_max));
        v("bytes", m.bytes);
    }
};
inline constexpr std::size_t kExportedFilesMax = 1u << 16;
struct ExportCopyReply {
    static constexpr Method kMethod = Method::export_copy;
    std::uint64_t export_id = 0;
    std::vector<ExportedFile> files;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("export_id", m.export_id);
        v("files", m.files, at_most(kExportedFilesMax));
    }
};

inline constexpr std::uint64_t kExportReadBytesMax = 4u << 20;
// -> one data frame: `length` bytes from `offset` on, fewer at the end of the file. NOT_FOUND: no such
// export, any more.
struct ReadExportRequest {
    static constexpr Method kMethod = Method::read_export;
    std::uint64_t export_id = 0;
    std::uint32_t file = 0;  // position in ExportCopyReply::files
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("export_id", m.export_id);
        v.maybe("file", m.file);
        v.maybe("offset", m.offset);
        v("length", m.length, from_to(1, kExportReadBytesMax));
    }
};
using ReadExportReply = Done<Method::read_export>;

struct FetchReply {
    static constexpr Method kMethod = Method::fetch;
    std::uint64_t session = 0;  // 0: the session is not known here, begin another
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v.maybe("session", m.session);
    }
};

}  // namespace dl::rpc
