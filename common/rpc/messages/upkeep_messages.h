// Upkeep of partitions: compress, check, stats.
#pragma once

#include <string>
#include <vector>

#include "common/rpc/messages/read_messages.h"

namespace dl::rpc {

inline constexpr std::int64_t kUpkeepTimeMsMax = 24 * 3600 * 1000;

// -> data frames CompressProgress as JSON, twice a second.
struct CompressRequest {
    static constexpr Method kMethod = Method::compress;
    TableRef table;
    std::vector<PartitionId> partitions;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        TableRef::members(m.table, v);
        v("partitions", m.partitions);
    }
    std::string complaint() const { return names_each_once(partitions) ? "" : "names a partition twice"; }
};

// All partitions of the request together; also the end of the reply.
struct CompressProgress {
    static constexpr Method kMethod = Method::compress;
    std::uint64_t rows_done = 0, rows_total = 0, bytes = 0;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("rows_done", m.rows_done);
        v("rows_total", m.rows_total);
        v("bytes", m.bytes);
    }
};

// -> a data frame CheckRow as JSON for each partition, in this order.
struct CheckRequest {
    static constexpr Method kMethod = Method::check;
    TableRef table;
    std::vector<PartitionId> partitions;
    bool repair = false;
    std::int64_t timeout_ms = 0;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        TableRef::members(m.table, v);
        v("partitions", m.partitions);
        v("repair", m.repair);
        v("timeout_ms", m.timeout_ms, from_to(1, kUpkeepTimeMsMax));
    }
    std::string complaint() const { return names_each_once(partitions) ? "" : "names a partition twice"; }
};

struct CheckRow {
    static constexpr Method kMethod = Method::check;
    PartitionId partition;
    std::uint64_t live_rows = 0, records = 0, bytes = 0;
    std::string hash;                   // 16 hex digits
    std::vector<std::string> problems;  // what is wrong
    Offset end_offset = 0;              // of the cut that was checked
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("partition", m.partition);
        v("live_rows", m.live_rows);
        v("records", m.records);
        v("bytes", m.bytes);
        v("hash", m.hash, at_most(16));
        v("problems", m.problems, ListOfTexts{1u << 20, 1u << 20});
        v.maybe("end_offset", m.end_offset);
    }
};
using CheckReply = Done<Method::check>;

// What copies of a partition have in common: the batches of its log that lie within [from, end), of what is
// committed there. With from = end nothing is read: where the log begins and ends. Any copy answers.
struct LogDigestRequest {
    static constexpr Method kMethod = Method::log_digest;
    TableRef table;
    PartitionId partition;
    Offset from = 0, end = 0;
    std::int64_t timeout_ms = 0;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        TableRef::members(m.table, v);
        v("partition", m.partition);
        v("from", m.from, from_to(0, std::numeric_limits<std::int64_t>::max()));
        v("end", m.end, from_to(0, std::numeric_limits<std::int64_t>::max()));
        v("timeout_ms", m.timeout_ms, from_to(1, kUpkeepTimeMsMax));
    }
    std::string complaint() const { return from <= end ? "" : "ends before it begins"; }
};
struct LogDigestReply {
    static constexpr Method kMethod = Method::log_digest;
    Offset first = 0, end = 0;  // of the log, of what is committed of it
    std::uint64_t batches = 0;  // that were read
    std::uint64_t digest = 0;   // of their offsets and checksums
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("first", m.first);
        v("end", m.end);
        v("batches", m.batches);
        v("digest", m.digest);
    }
};

// Records that are gone from the log of a partition which does not serve because of that. With `accept` it
// serves without them from then on, in this leader epoch.
struct AcceptLossRequest {
    static constexpr Method kMethod = Method::accept_loss;
    TableRef table;
    PartitionId partition;
    LeaderEpoch leader_epoch;
    bool accept = false;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        TableRef::members(m.table, v);
        v("partition", m.partition);
        v("leader_epoch", m.leader_epoch);
        v("accept", m.accept);
    }
};

// Offsets [from, end).
struct LostRecords {
    static constexpr Method kMethod = Method::accept_loss;
    Offset from = 0, end = 0;
    bool end_is_known = true;  // false: there may have been fewer
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("from", m.from);
        v("end", m.end);
        v("end_is_known", m.end_is_known);
    }
};

struct AcceptLossReply {
    static constexpr Method kMethod = Method::accept_loss;
    std::vector<LostRecords> lost;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("lost", m.lost);
    }
};

struct StatsRequest {
    static constexpr Method kMethod = Method::stats;
    TableRef table;
    std::vector<PartitionId> partitions;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        TableRef::members(m.table, v);
        v("partitions", m.partitions);
    }
    std::string complaint() const { return names_each_once(partitions) ? "" : "names a partition twice"; }
};

// Counters for monitoring and tests, all partitions of the request together.
struct StatsReply {
    static constexpr Method kMethod = Method::stats;
    std::int64_t rows = 0;     // offsets between the first and the end
    std::int64_t flushed = 0;  // offsets below which records are in files
    std::uint64_t segments = 0, log_bytes = 0, files = 0, file_rows = 0, file_dead_rows = 0, file_bytes = 0;
    std::uint64_t tail_rows = 0, tail_bytes = 0, index_bytes_resident = 0, index_bytes_mapped = 0;
    // Remembered batch ids, their memory within that of the tail and within slave.batch_id.memory.bytes, and
    // their files.
    std::uint64_t batch_ids = 0, batch_id_tail_bytes = 0, batch_id_bytes_resident = 0,
                  batch_id_file_bytes = 0;
    std::uint64_t appends = 0, appended_rows = 0, syncs = 0, flushes = 0, compactions = 0;
    std::uint64_t joins = 0, scrubbed_bytes = 0, scrub_findings = 0;
    std::uint64_t query_crashes = 0;  // of the slave: processes for queries that a statement ended
    std::vector<PartitionOffsets> partitions;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("rows", m.rows);
        v("flushed", m.flushed);
        v("segments", m.segments);
        v("log_bytes", m.log_bytes);
        v("files", m.files);
        v("file_rows", m.file_rows);
        v("file_dead_rows", m.file_dead_rows);
        v("file_bytes", m.file_bytes);
        v("tail_rows", m.tail_rows);
        v("tail_bytes", m.tail_bytes);
        v("index_bytes_resident", m.index_bytes_resident);
        v("index_bytes_mapped", m.index_bytes_mapped);
        v.maybe("batch_ids", m.batch_ids);
        v.maybe("batch_id_tail_bytes", m.batch_id_tail_bytes);
        v.maybe("batch_id_bytes_resident", m.batch_id_bytes_resident);
        v.maybe("batch_id_file_bytes", m.batch_id_file_bytes);
        v("appends", m.appends);
        v("appended_rows", m.appended_rows);
        v("syncs", m.syncs);
        v("flushes", m.flushes);
        v("compactions", m.compactions);
        v.maybe("joins", m.joins);
        v.maybe("scrubbed_bytes", m.scrubbed_bytes);
        v.maybe("scrub_findings", m.scrub_findings);
        v.maybe("query_crashes", m.query_crashes);
        v("partitions", m.partitions);
    }
};

}  // namespace dl::rpc
