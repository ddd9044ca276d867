// Reads of the log: read, wait, offsets.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/rpc/messages/table_messages.h"

namespace dl::rpc {

struct PartitionPosition {
    PartitionId partition;
    LeaderEpoch leader_epoch;
    Offset offset = 0;
    // Of a read with `any`: next offset that a copy must show to answer. One that leads shows all there is.
    std::optional<Offset> min_offset = std::nullopt;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("partition", m.partition);
        v("leader_epoch", m.leader_epoch);
        v("offset", m.offset);
        v.maybe("min_offset", m.min_offset);
    }
};

// -> data frames exactly as the client gets them (without the i32 length).
struct ReadRequest {
    static constexpr Method kMethod = Method::read;
    TableRef table;
    SchemaId schema;  // SCHEMA_MISMATCH when it is newer than known
    std::vector<PartitionPosition> partitions;
    std::uint64_t read_count = 1;                              // records of each partition at most
    std::string format;                                        // "rows", "json", "columnar"
    std::uint64_t bytes_max = limits::stream_reply_bytes_max;  // soft; cut at a record
    bool check_end = false;  // a position beyond the end of its partition is OFFSET_OUT_OF_RANGE
    // A copy in sync will do, at its high watermark, in the epoch named. NOT_LEADER: it is none, or has not
    // come to a position, or its min_offset, in half a second.
    bool any = false;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        TableRef::members(m.table, v);
        v("schema_id", m.schema);
        v("partitions", m.partitions);
        v("read_count", m.read_count, from_to(1, std::numeric_limits<std::int64_t>::max()));
        v("format", m.format);
        v("bytes_max", m.bytes_max, from_to(1, std::uint64_t{1} << 40));
        v.maybe("check_end", m.check_end);
        v.maybe("any", m.any);
    }
    std::string complaint() const { return names_each_once(partitions) ? "" : "names a partition twice"; }
};

struct ReadResult {
    PartitionId partition;
    Offset next = 0;             // where to go on
    std::optional<Error> error;  // why it ended before its share was read
    // First and last of the offsets read over whose records compaction has dropped; both or none.
    std::optional<Offset> dropped_first = std::nullopt;
    std::optional<Offset> dropped_last = std::nullopt;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("partition", m.partition);
        v("next", m.next);
        v.maybe("error", m.error);
        v.maybe("dropped_first", m.dropped_first);
        v.maybe("dropped_last", m.dropped_last);
    }
    std::string complaint() const {
        return dropped_first.has_value() == dropped_last.has_value() ? "" : "names half a range";
    }
};

struct ReadReply {
    static constexpr Method kMethod = Method::read;
    std::vector<ReadResult> partitions;  // those of the request
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("partitions", m.partitions);
    }
};

// Answered when at least `min_rows` records at or after the offsets are visible, all partitions together, or
// after `wait_ms`; TABLE_NOT_FOUND at once when the table is dropped meanwhile.
struct WaitRequest {
    static constexpr Method kMethod = Method::wait;
    TableRef table;
    std::vector<PartitionPosition> partitions;
    std::uint64_t min_rows = 1;
    std::int64_t wait_ms = 0;
    bool check_end = false;  // as in ReadRequest, at once
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        TableRef::members(m.table, v);
        v("partitions", m.partitions);
        v("min_rows", m.min_rows, from_to(0, std::numeric_limits<std::int64_t>::max()));
        v("wait_ms", m.wait_ms, from_to(0, limits::long_poll_wait_ms_max));
        v.maybe("check_end", m.check_end);
    }
    std::string complaint() const { return names_each_once(partitions) ? "" : "names a partition twice"; }
};

struct WaitReply {
    static constexpr Method kMethod = Method::wait;
    std::uint64_t available = 0;  // records there are
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("available", m.available);
    }
};

struct OffsetsRequest {
    static constexpr Method kMethod = Method::offsets;
    TableRef table;
    std::vector<PartitionEpoch> partitions;
    std::optional<std::int64_t> since_us = std::nullopt;  // microseconds UTC: asks for `since`, too
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        TableRef::members(m.table, v);
        v("partitions", m.partitions);
        v.maybe("since_us", m.since_us);
    }
    std::string complaint() const { return names_each_once(partitions) ? "" : "names a partition twice"; }
};

struct PartitionOffsets {
    PartitionId partition;
    Offset first = 0;                            // of the oldest stored record; `end` when there is none
    Offset history = 0;                          // from here on every record is stored
    Offset end = 0;                              // of the next record
    std::optional<Offset> since = std::nullopt;  // of the first record appended then or later, or `end`
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("partition", m.partition);
        v("first", m.first);
        v("history", m.history);
        v("end", m.end);
        v.maybe("since", m.since);
    }
};

struct OffsetsReply {
    static constexpr Method kMethod = Method::offsets;
    std::vector<PartitionOffsets> partitions;  // those of the request
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("partitions", m.partitions);
    }
};

}  // namespace dl::rpc
