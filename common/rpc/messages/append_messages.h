// append: the rows of one batch for the partitions that one node leads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/rpc/messages/table_messages.h"

namespace dl::rpc {

// One encoded ColumnBatch; the bodies are attached one after the other, in this order.
struct AppendPart {
    PartitionId partition;
    LeaderEpoch leader_epoch;
    std::uint32_t count = 0;  // rows
    std::uint32_t bytes = 0;  // of the body
    std::uint32_t crc = 0;    // CRC-32C of the body
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("partition", m.partition);
        v("leader_epoch", m.leader_epoch);
        v("count", m.count, from_to(1, std::numeric_limits<std::uint32_t>::max()));
        v("bytes", m.bytes, from_to(1, limits::record_batch_bytes_max));
        v("crc", m.crc);
    }
};

// Checked as a whole before anything is written: an error frame means that nothing was.
struct AppendRequest {
    static constexpr Method kMethod = Method::append;
    TableRef table;
    SchemaId schema;             // SCHEMA_MISMATCH when it is newer than known
    std::string batch_id;        // "": none
    std::uint64_t sequence = 0;  // > 0: batch_id is that of a producer, and this the number of its batch
    std::vector<AppendPart> partitions;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        TableRef::members(m.table, v);
        v("schema_id", m.schema);
        v.maybe("batch_id", m.batch_id, at_most(limits::batch_id_bytes_max));
        v.maybe("sequence", m.sequence);
        v("partitions", m.partitions);
    }
    std::string complaint() const {
        if (sequence != 0 && batch_id.empty()) return "has a 'sequence' of no 'batch_id'";
        if (partitions.empty()) return "names no partition";
        return names_each_once(partitions) ? "" : "names a partition twice";
    }
};

struct Appended {
    Offset first = 0, last = 0;
    bool duplicate = false;  // the batch id was applied before; the offsets are those of then
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("first", m.first);
        v("last", m.last);
        v.maybe("duplicate", m.duplicate);
    }
};

// Either the offsets or why there are none; the error says which outcome holds (error_outcome).
struct AppendResult {
    PartitionId partition;
    std::optional<Appended> appended;
    std::optional<Error> error;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("partition", m.partition);
        v.maybe("appended", m.appended);
        v.maybe("error", m.error);
    }
    std::string complaint() const {
        return appended.has_value() == error.has_value() ? "has not one of 'appended' and 'error'" : "";
    }
};

struct AppendReply {
    static constexpr Method kMethod = Method::append;
    std::vector<AppendResult> partitions;  // those of the request
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("partitions", m.partitions);
    }
    std::string complaint() const { return names_each_once(partitions) ? "" : "names a partition twice"; }
};

}  // namespace dl::rpc
