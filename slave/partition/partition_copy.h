// A partition as one of several copies: who leads, what a follower takes over, how far it has come. Calls
// from any thread; those that are said to block wait for a group that is being written, or for the disk.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "slave/log/partition_log.h"
#include "slave/partition/commit_gate.h"

namespace dl::slave {

class PartitionCopy {
  public:
    virtual ~PartitionCopy() = default;

    // What it does from now on, in this epoch; an older epoch than it knows changes nothing. `gate`: of a
    // leader. Requests that wait for other copies are answered with UNKNOWN_OUTCOME when it leads no more.
    // Who calls it has made the epoch durable. Blocks.
    virtual void set_part(CopyPart part, LeaderEpoch epoch, std::shared_ptr<CommitGate> gate) = 0;
    virtual CopyPart part() const = 0;

    struct Ends {
        Offset log_end = 0;
        Offset synced_end = 0;
        Offset high_watermark = 0;
        LeaderEpoch newest_epoch;  // of the last batch of the log; 0: it is empty
        // What was given up for good, as losses_digest(): of copies that differ in it the one has records
        // that the other will never have, whatever their logs say. 0: nothing.
        std::uint32_t losses = 0;
    };
    virtual Ends ends() const = 0;

    // Of a follower in `epoch`: batches of the leader's log, which go on where this log ends. Written,
    // synced, not applied yet. Checked as PartitionLog::append_given() says before anything is written; also
    // NOT_LEADER (not a follower in that epoch), SCHEMA_MISMATCH (a schema that is not known here yet),
    // DISK_FULL. Blocks.
    virtual Result<void> take(LeaderEpoch epoch, const std::vector<StoredBatch>& batches) = 0;
    // Of a follower in `epoch`: removes what reaches beyond `end` and what is of newer epochs than `newest`;
    // returns where the log ends then. CORRUPT_DATA below the high watermark: what is committed is never cut.
    // Blocks.
    virtual Result<Offset> cut(LeaderEpoch epoch, Offset end, LeaderEpoch newest) = 0;
    // Records below `end`, as far as they are synced here, are committed: they are applied on the storage
    // pool. Returns at once.
    virtual void commit_up_to(Offset end) = 0;

    // For followers: read from it up to its end, synced or not. Lives as long as the partition.
    virtual const SharedLog& log() const = 0;
    // Keeps records from `from` on in the log while it lives; nullptr: they are not all there.
    virtual std::unique_ptr<RetentionHold> retain_from(Offset from) = 0;
    // What another copy needs to begin with: the manifest, and open, so that they can be read to the end
    // whatever becomes of them here, the files it names and then the log files of the history before its
    // flushed_end, the newest first, as they lie here (packed or not). `log` keeps the records behind them.
    // Key indexes and delete vectors are derived anew by who opens them. Blocks.
    struct Export {
        std::string manifest;
        struct File {
            std::string name;
            std::shared_ptr<ReadableFile> file;
        };
        std::vector<File> files;
        std::unique_ptr<RetentionHold> log;
    };
    virtual Result<Export> export_files() = 0;
    // Runs `work` on the storage pool of the partition's disk; false: the node is stopping.
    virtual bool post(std::function<void()> work) = 0;
};

}  // namespace dl::slave
