// Cuts and queries on them: pin, unpin, query.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/shared_bytes.h"
#include "common/record/broadcast_table.h"
#include "common/record/column_batch.h"
#include "common/rpc/messages/table_messages.h"

namespace dl::rpc {

inline constexpr std::int64_t kQueryTimeMsMax = 24 * 3600 * 1000;  // leases and timeouts
inline constexpr std::size_t kQueryTablesMax = 4096;

struct PinPartition {
    PartitionId partition;
    LeaderEpoch leader_epoch;
    std::optional<Offset> min_offset;  // next offset that must be visible first
    std::optional<Offset> as_of;       // next offset of the cut itself, waited for too; absent: of now
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("partition", m.partition);
        v("leader_epoch", m.leader_epoch);
        v.maybe("min_offset", m.min_offset);
        v.maybe("as_of", m.as_of);
    }
};

// What to pin of one table.
struct PinTable {
    TableRef table;
    SchemaId schema;  // as planned; SCHEMA_MISMATCH when it is newer than known
    std::vector<PinPartition> partitions;
    std::vector<std::string> keys;  // text forms; not empty: only the rows of these keys are wanted
    bool any = false;               // a copy in sync will do, as in ReadRequest
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        TableRef::members(m.table, v);
        v("schema_id", m.schema);
        v("partitions", m.partitions);
        v.maybe("keys", m.keys, ListOfTexts{limits::lookup_keys_max, limits::sql_bytes_max});
        v.maybe("any", m.any);
    }
    std::string complaint() const { return names_each_once(partitions) ? "" : "names a partition twice"; }
};

// A cut of one table: what a query on it sees.
struct CutTable {
    struct Partition {
        PartitionId partition;
        Offset offset = 0;  // next offset
        template <class Self, class Visitor>
        static void fields(Self& m, Visitor& v) {
            v("partition", m.partition);
            v("offset", m.offset);
        }
    };
    TableId table;
    std::vector<Partition> partitions;
    std::uint64_t behind = 0;           // records that were visible beyond the cut
    std::optional<std::uint64_t> rows;  // live ones in it, before any filter; of keys at most these
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("table_id", m.table);
        v("partitions", m.partitions);
        v("behind", m.behind);
        v.maybe("rows", m.rows);
    }
};
using Cut = std::vector<CutTable>;

// Takes one cut of all tables, kept until unpin, or until it was not used for `lease_ms`.
struct PinRequest {
    static constexpr Method kMethod = Method::pin;
    std::vector<PinTable> tables;
    std::int64_t lease_ms = 0;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("tables", m.tables, at_most(kQueryTablesMax));
        v("lease_ms", m.lease_ms, from_to(1, kQueryTimeMsMax));
    }
};

struct PinReply {
    static constexpr Method kMethod = Method::pin;
    std::uint64_t view = 0;
    Cut cut;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("view", m.view);
        v("cut", m.cut, at_most(kQueryTablesMax));
    }
};

// An unknown view is fine: its lease may be over.
struct UnpinRequest {
    static constexpr Method kMethod = Method::unpin;
    std::uint64_t view = 0;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("view", m.view);
    }
};
using UnpinReply = Done<Method::unpin>;

struct NamedTable {
    std::string name;  // in the statement, lower-case
    TableId table;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("name", m.name, at_most(limits::name_bytes_max));
        v("table_id", m.table);
    }
};

struct NamedType {
    std::string name;
    DataType type;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("name", m.name, at_most(limits::sql_bytes_max));  // without an alias the text of the expression
        v("type", m.type);
    }
};

// A table that comes along; the bodies of all batches are attached, one after the other.
struct BroadcastHeader {
    struct Batch {
        std::uint64_t rows = 0, bytes = 0;
        template <class Self, class Visitor>
        static void fields(Self& m, Visitor& v) {
            v("rows", m.rows, from_to(1, std::uint64_t{1} << 62));
            v("bytes", m.bytes, from_to(1, std::uint64_t{1} << 62));
        }
    };
    std::string name;
    std::vector<NamedType> columns;
    std::vector<Batch> batches;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("name", m.name, at_most(limits::name_bytes_max));
        v("columns", m.columns, at_most(limits::columns_max));
        v("batches", m.batches);
    }
};

// On a pinned cut (`view`), or on one that is taken for this query alone (`tables`).
// -> first data frame QueryHead as JSON, further ones u32 rows + ColumnBatch body.
struct QueryRequest {
    static constexpr Method kMethod = Method::query;
    std::optional<std::uint64_t> view;
    std::vector<PinTable> tables;
    std::string sql;
    std::vector<NamedTable> names;
    std::int64_t timeout_ms = 0;
    std::vector<BroadcastHeader> broadcasts;
    std::uint64_t number = 0;  // under which the slave tells what it takes (HeartbeatReply::queries)
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v.maybe("view", m.view);
        v.maybe("tables", m.tables, at_most(kQueryTablesMax));
        v("sql", m.sql, at_most(limits::sql_bytes_max));
        v("names", m.names, at_most(kQueryTablesMax));
        v("timeout_ms", m.timeout_ms, from_to(1, kQueryTimeMsMax));
        v.maybe("broadcasts", m.broadcasts, at_most(limits::broadcast_tables_max));
        v.maybe("number", m.number);
    }
    std::string complaint() const {
        return view.has_value() == !tables.empty() ? "has not one of 'view' and 'tables'" : "";
    }
};

struct QueryHead {
    static constexpr Method kMethod = Method::query;
    std::vector<NamedType> columns;
    Cut cut;  // when it was taken for the query
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("columns", m.columns, at_most(kResultColumnsMax));
        v.maybe("cut", m.cut, at_most(kQueryTablesMax));
    }
    static constexpr std::size_t kResultColumnsMax = 1u << 20;
};

struct QueryReply {
    static constexpr Method kMethod = Method::query;
    std::uint64_t rows = 0;
    template <class Self, class Visitor>
    static void fields(Self& m, Visitor& v) {
        v("rows", m.rows);
    }
};

BroadcastHeader broadcast_header(const BroadcastTable& table);
// The tables that `headers` and the bytes attached to them are. INVALID_REQUEST for a name, column or type
// that cannot be or that `names` has, and for bytes that nothing names; LIMIT_EXCEEDED beyond
// limits::broadcast_*; CORRUPT_DATA for batches that are malformed or have other columns. Batches are slices
// of `attachment`: nothing is sized by a number of the request.
Result<std::vector<BroadcastTable>> read_broadcasts(const std::vector<BroadcastHeader>& headers,
                                                    const std::vector<NamedTable>& names,
                                                    const SharedBytes& attachment);

// Rows of a query: row count, then the body of a batch.
std::vector<SharedBytes> rows_frame(const ColumnBatch& batch);
// `node` sent it; INTERNAL and CORRUPT_DATA name it.
Result<ColumnBatch> decode_rows_frame(const SharedBytes& frame, const std::string& node);

}  // namespace dl::rpc
