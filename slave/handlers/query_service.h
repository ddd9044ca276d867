// Pinned cuts and query fragments, as handlers see them. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/async/query_cancel.h"
#include "common/base/error.h"
#include "common/record/broadcast_table.h"
#include "common/rpc/messages/query_messages.h"
#include "slave/partition/partition.h"

namespace dl::slave {

// What to pin of one table, found.
struct TableToPin {
    std::shared_ptr<const TableMeta> table;
    std::vector<std::pair<PartitionId, std::shared_ptr<Partition>>> partitions;
    std::map<PartitionId, Offset> as_of;           // cuts of the past, for those of `partitions` it names
    std::optional<std::vector<std::string>> keys;  // text forms; set: only the rows of these keys are wanted
};

struct QueryStatement {
    std::string sql;
    std::map<std::string, TableId> names;    // lower-case table name in the SQL -> table of the cut
    std::vector<BroadcastTable> broadcasts;  // further tables it may name; checked
    std::uint64_t number = 0;                // of rpc::QueryRequest
};

// One query under way. Blocking calls on the query pool, one at a time.
class QueryRun {
  public:
    virtual ~QueryRun() = default;
    virtual const std::vector<rpc::NamedType>& columns() const = 0;
    // nullopt at the end.
    virtual Result<std::optional<ColumnBatch>> next() = 0;
    // All rows are found already and are few: next() costs nothing.
    virtual bool is_whole() const { return false; }
};

struct PinnedRun {
    rpc::Cut cut;
    std::unique_ptr<QueryRun> run;
};

class QueryService {
  public:
    virtual ~QueryService() = default;
    // Blocks (query pool) when a table has `as_of`; INVALID_REQUEST and NOT_FOUND as Partition::pin_at().
    virtual Result<rpc::PinReply> pin(const std::vector<TableToPin>& tables,
                                      std::chrono::milliseconds lease) = 0;
    // An unknown view is fine: its lease may be over.
    virtual void unpin(std::uint64_t view) = 0;

    // Blocking (query pool). NOT_FOUND for an unknown or expired view; QUERY_ERROR, TIMEOUT, CANCELLED from
    // the engine, which stops when `cancel` is cancelled (never null) and at the deadline.
    virtual Result<std::unique_ptr<QueryRun>> start(std::uint64_t view, const QueryStatement& statement,
                                                    std::chrono::steady_clock::time_point deadline,
                                                    const std::shared_ptr<QueryCancel>& cancel) = 0;
    // A cut for this query alone, let go with it.
    virtual Result<PinnedRun> start_pinned(const std::vector<TableToPin>& tables,
                                           const QueryStatement& statement,
                                           std::chrono::steady_clock::time_point deadline,
                                           const std::shared_ptr<QueryCancel>& cancel) = 0;
    // How many statements have ended the process that ran them.
    virtual std::uint64_t crashes() const { return 0; }
    // Memory that statements take now, in bytes, by their numbers.
    virtual std::map<std::uint64_t, std::uint64_t> memory() const { return {}; }
};

}  // namespace dl::slave
