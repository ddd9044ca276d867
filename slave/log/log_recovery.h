// Opens the segments of a partition's log: decides what is a torn end and what is damage, and changes nothing
// on the disk before everything has been checked. One use, one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/io/open_file_pool.h"
#include "slave/log/epoch_history.h"
#include "slave/log/log_seal.h"
#include "slave/log/packed_segment.h"
#include "slave/log/partition_log.h"
#include "slave/log/segment_index.h"

namespace dl::slave {

struct LogSegment {
    std::string path;
    SegmentIndex index;
    bool closed = false;
    bool packed = false;             // closed ones only; positions are those of the plain bytes
    std::uint64_t stored_bytes = 0;  // of the file of a packed one
    PooledReader reader;             // empty until somebody reads, and when that was long ago
};

class LogRecovery {
  public:
    using Replay = std::function<Result<void>(const StoredBatch&)>;
    struct Outcome {
        std::vector<std::shared_ptr<LogSegment>> segments;  // the last one is active
        std::unique_ptr<PooledWriter> active_file;          // everything in it is synced
        EpochHistory epochs;
        std::optional<LogSeal> seal;  // as it lies on the disk
        PartitionLog::Recovered summary;
    };

    LogRecovery(FileSystem& files, LogIdentity identity, const LogOptions& options, Offset replay_from,
                Offset start_if_empty, const Replay& replay)
        : files_(files),
          identity_(std::move(identity)),
          garbage_below_(options.garbage_below),
          complete_from_(options.complete_from),
          replay_from_(replay_from),
          start_if_empty_(start_if_empty),
          replay_(replay) {}

    Result<Outcome> run();

  private:
    Result<void> find_files();
    // That nothing is missing at the beginning.
    Result<void> check_beginning() const;
    Result<void> recover_closed(Offset first, Offset next_first);
    Result<SegmentFile> open(const std::string& path, Offset first) const;
    // Segments whose batches a packed file before them has, too.
    Result<void> leave_out_packed(std::set<Offset>& firsts);
    Result<void> recover_last(Offset first);
    Result<void> apply_changes();
    Result<void> create_first();
    void collect_batch_ids();
    // The epoch of the batch at `position`; 0: what lies there cannot be read, which its readers will tell.
    LeaderEpoch epoch_at(const ReadableFile& file, const IndexEntry& entry) const;
    Result<void> check_epoch(const RecordBatchHeader& header);
    Result<void> collect_epochs();
    Result<void> find_epochs(const LogSegment& segment, std::optional<LeaderEpoch> until);
    std::shared_ptr<LogSegment> new_segment(Offset first) const;
    // The segment's index file, if it is intact and about this segment.
    std::unique_ptr<SegmentIndex> load_index(Offset first) const;
    Error damaged(std::string what) const;

    FileSystem& files_;
    LogIdentity identity_;
    Offset garbage_below_;
    Offset complete_from_;
    Offset replay_from_;
    Offset start_if_empty_;
    const Replay& replay_;

    std::vector<Offset> firsts_;
    std::vector<std::string> leftovers_;  // names of files to remove
    std::vector<std::shared_ptr<LogSegment>> reindexed_;
    LeaderEpoch newest_epoch_{0};            // of the batches read so far
    std::vector<LeaderEpoch> first_epochs_;  // by segment; 0: it is empty
    Outcome outcome_;
    bool cut_ = false;
};

}  // namespace dl::slave
