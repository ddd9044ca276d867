// The tables and partitions of this node, as handlers see them. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/meta/table_meta.h"
#include "slave/partition/partition.h"

namespace dl::slave {

// What is told of a table that is here.
struct HeldTable {
    std::shared_ptr<const TableMeta> meta;
    std::uint32_t partitions = 0;
    std::uint64_t records = 0, bytes = 0;  // stored
};

struct PartitionEntry {
    PartitionId id;
    std::shared_ptr<Partition> partition;  // nullptr: it could not be opened
    std::string failure;
};

// Asked from time to time while something takes long, from any thread: an error ends it.
using StopCheck = std::function<std::optional<Error>()>;

class TableRegistry {
  public:
    virtual ~TableRegistry() = default;
    // TABLE_NOT_FOUND names the id.
    virtual Result<std::shared_ptr<const TableMeta>> table(TableId id) const = 0;
    // TABLE_NOT_FOUND, PARTITION_NOT_FOUND, or the error why it could not be opened at start.
    virtual Result<std::shared_ptr<Partition>> partition(TableId table, PartitionId id) const = 0;
    // All partitions of the table on this node, by id; empty for an unknown table.
    virtual std::vector<PartitionEntry> partitions(TableId table) const = 0;
    virtual std::size_t table_count() const = 0;
    // Whether the schema of that number and digest (schema_digest()) is one of the table's: the one here, or
    // one it has had here since the start. Newer ones pass, and so do tables that are not here. CORRUPT_DATA
    // as of foreign_schema() when it is another one, SCHEMA_MISMATCH when it is older than what is
    // remembered.
    virtual Result<void> check_schema(TableId table, SchemaId schema, std::uint64_t digest) const = 0;
    // All tables here, by id.
    virtual std::vector<HeldTable> held() const = 0;
    // The highest table id that anything here belongs to, served or not; 0: nothing is here.
    virtual TableId highest_table() const = 0;

    // Blocking (work pool). All idempotent, all durable on return.
    // The partitions to create, with their leader epochs. Older schemas and epochs are ignored here and
    // below. Of a table that was not here nothing is left when it fails, or is ended by `stop`. `replicated`:
    // they have copies on other nodes, and lead nothing before they are told to.
    virtual Result<void> create(const TableMeta& table, const LeaderEpochs& partitions, bool replicated,
                                const StopCheck& stop) = 0;
    // Epochs of partitions that are not here are ignored too, and those of partitions with copies elsewhere,
    // which are told otherwise (slave/replication/).
    // Another incarnation than the one here is an error, as in check_incarnation(), and a schema of another
    // line, as in foreign_schema().
    virtual Result<void> update(const TableMeta& table, const LeaderEpochs& epochs) = 0;
    virtual Result<void> drop(TableId table, std::uint64_t incarnation) = 0;
    // What a partition has lost that does not serve because acknowledged records are gone from its log. With
    // `accept` it serves without them from then on, in that leader epoch or the one it has if that is newer.
    // INVALID_REQUEST when it serves, or when nothing is provably gone.
    virtual Result<std::vector<LostRange>> lost_records(TableId table, std::uint64_t incarnation,
                                                        PartitionId id,
                                                        std::optional<LeaderEpoch> accept) = 0;
    // Gives a table of a release without incarnations the one that its catalog has given it.
    virtual Result<void> adopt(TableId table, std::uint64_t incarnation) = 0;
};

// CORRUPT_DATA when a request is for a table that only has the number in common with the one here: catalog
// and slave do not fit together.
Result<void> check_incarnation(const TableMeta& here, std::uint64_t asked, std::string_view name);
// CORRUPT_DATA: the schema here and the master's have gone different ways.
Error foreign_schema(const TableMeta& here);

}  // namespace dl::slave
