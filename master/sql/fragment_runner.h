// What the query coordinator needs from the slaves, without the network in sight: pin a cut, run SQL on it,
// let go. Routing implements it over the RPCs pin, query and unpin; tests implement it in memory. All calls
// block (query pool) and are thread-safe. Errors are those of the slave, with its name in them; UNAVAILABLE
// names a slave that cannot be reached, TIMEOUT the deadline, CANCELLED / TIMEOUT what `cancel` says.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/async/query_cancel.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/duck/duck_database.h"
#include "common/meta/table_meta.h"
#include "common/record/broadcast_table.h"
#include "common/rpc/messages/query_messages.h"

namespace dl::master {

// How long one call may take and who can stop it. `cancel` is never null and outlives what it is given to.
struct FragmentCall {
    std::chrono::steady_clock::time_point deadline;
    std::shared_ptr<QueryCancel> cancel;
    std::uint64_t number = 0;  // QueryOptions::number
};

// What to pin on one slave.
struct FragmentPin {
    struct Table {
        std::shared_ptr<const TableMeta> meta;  // as planned; the slave learns it when it has an older one
        rpc::PinTable asked;                    // the epochs are set by who sends it
    };
    std::string node;
    std::vector<Table> tables;
};

// A pinned cut of one slave.
struct PinnedFragment {
    std::string node;
    std::uint64_t view = 0;
    rpc::Cut cut;
    bool any = false;  // of a copy that need not lead
};

// What a slave runs on a pinned cut.
struct FragmentStatement {
    std::string sql;
    std::map<std::string, TableId> names;  // of the tables of the cut that it names
    // Further tables that it names: their rows go along. Within limits::broadcast_*.
    std::vector<std::shared_ptr<const BroadcastTable>> broadcasts;
};

// Result of one fragment. One thread pulls; destroying it early ends the fragment on the slave (closes the
// connection). It reads one frame ahead at most.
class FragmentStream {
  public:
    virtual ~FragmentStream() = default;
    virtual const std::vector<ResultColumn>& columns() const = 0;
    // FieldIds in the batches are 1, 2, ... in select order. nullopt is the end.
    virtual Result<std::optional<ColumnBatch>> next() = 0;
};

// A fragment over a cut that was taken for it.
struct PinnedStream {
    PinnedFragment cut;  // without a view: nothing to let go of
    std::unique_ptr<FragmentStream> stream;
};

class FragmentRunner {
  public:
    virtual ~FragmentRunner() = default;
    // The slave that leads a partition, as FragmentPin names it; does not block. UNAVAILABLE when none does.
    virtual Result<std::string> leader_of(const TableMeta& table, PartitionId partition) const = 0;
    // Pins all at the same time, all or nothing: on an error those already pinned are let go before it
    // returns. Answers in the order asked. `lease` is how long a slave keeps the cut for a master that has
    // gone away.
    virtual Result<std::vector<PinnedFragment>> pin(const std::vector<FragmentPin>& pins,
                                                    std::chrono::milliseconds lease,
                                                    const FragmentCall& call) = 0;
    // Runs a statement on a pinned cut. Returns when the columns are known.
    virtual Result<std::unique_ptr<FragmentStream>> query(const PinnedFragment& pinned,
                                                          const FragmentStatement& statement,
                                                          const FragmentCall& call) = 0;
    // Both in one step, for a statement that needs one slave only; the cut lives as long as the stream.
    virtual Result<PinnedStream> pin_and_query(const FragmentPin& pin, const std::string& sql,
                                               const std::map<std::string, TableId>& names,
                                               const FragmentCall& call) = 0;
    // Lets go of cuts. Does not wait for the slaves and cannot fail: what is lost ends with its lease.
    virtual void unpin(const std::vector<PinnedFragment>& pinned) = 0;
};

}  // namespace dl::master
