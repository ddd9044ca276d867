// What replication needs of the partitions of this node. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/meta/placement.h"
#include "slave/partition/partition.h"

namespace dl::slave {

class CopyStore {
  public:
    virtual ~CopyStore() = default;

    struct Opened {
        std::shared_ptr<Partition> partition;
        std::string name;  // "partition 3 of table t"
        // The newest epoch it may have written in before it was opened, in an earlier life of this process or
        // of its log: it leads in newer ones only. 0: it was created in this life.
        LeaderEpoch recovered;
    };
    // TABLE_NOT_FOUND, PARTITION_NOT_FOUND, CORRUPT_DATA (another incarnation), or why it does not serve.
    virtual Result<Opened> opened(TableId table, std::uint64_t incarnation, PartitionId id) const = 0;
    // It is here and cannot be opened, because what it holds is damaged or lacks acknowledged records.
    virtual bool is_damaged(TableId table, std::uint64_t incarnation, PartitionId id) const = 0;
    // Another number whenever opened() or is_damaged() of some partition may tell something else.
    virtual std::uint64_t changes() const = 0;
    // These partitions have, or had, other copies, and these leader epochs: when they are opened again they
    // lead nothing before they are told to. Older epochs and partitions that are not here are ignored.
    // Durable on return; blocks (work pool).
    virtual Result<void> note_copies(TableId table, std::uint64_t incarnation,
                                     const LeaderEpochs& epochs) = 0;

    // Partitions that are here and do not serve, or take no writes, and why: the first of them.
    struct Trouble {
        TableId table;
        std::uint64_t incarnation = 0;
        PartitionId partition;
        Error error;
    };
    virtual std::vector<Trouble> troubles(std::size_t count_max) const = 0;
    // The partition is gone from this node, with the last one of it the table; durable on return, fine when
    // it is not here. CORRUPT_DATA: of another incarnation. After an error it does not serve, and the order
    // is repeated. Blocks.
    virtual Result<void> drop_copy(TableId table, std::uint64_t incarnation, PartitionId id) = 0;

    // The partition is closed, as one that is damaged: it serves nothing, and is set aside once it is made
    // anew. `why`, for people: "by order". Kept in memory alone. Blocks.
    virtual Result<void> condemn(TableId table, std::uint64_t incarnation, PartitionId id,
                                 const std::string& why) = 0;

    // An empty directory in which a partition is made anew from the files of its leader, in place of the one
    // that is here, which goes on meanwhile: files, and where to. Blocks.
    struct Refill {
        FileSystem* files = nullptr;
        std::string directory;
    };
    virtual Result<Refill> begin_refill(TableId table, std::uint64_t incarnation, PartitionId id) = 0;
    // The partition is closed, and serves nothing until what lies there, durable, has taken its place:
    // finish() follows. Both block.
    class Replacement {
      public:
        virtual ~Replacement() = default;
        // The one before is removed, or set aside when it could not be opened. Once.
        virtual Result<void> finish() = 0;
    };
    virtual Result<std::unique_ptr<Replacement>> begin_replacement(TableId table, std::uint64_t incarnation,
                                                                   PartitionId id) = 0;
};

}  // namespace dl::slave
