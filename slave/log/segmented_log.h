// PartitionLog over segment files. The writer's state belongs to the one thread that appends; what readers
// need is copied out under `mutex_`, which is never held across a file operation.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <optional>

#include "slave/log/log_recovery.h"
#include "slave/log/partition_log.h"
#include "slave/log/retention_floors.h"

namespace dl::slave {

class SegmentedLog final : public PartitionLog {
  public:
    SegmentedLog(FileSystem& files, LogIdentity identity, const LogOptions& options,
                 LogRecovery::Outcome recovered);

    Result<void> append(std::span<StoredBatch> batches) override;
    Result<void> append_given(std::span<const StoredBatch> batches) override;
    Result<void> sync() override;
    Result<void> roll() override;
    Result<void> seal(Seal kind) override;
    Result<Offset> truncate_from(Offset offset, LeaderEpoch epoch) override;
    bool failed() const override { return failed_.load(std::memory_order_acquire); }
    bool failed_cleanly() const override { return clean_.load(std::memory_order_acquire); }
    void stop_writing() override;

    Offset first_offset() const override;
    Offset end_offset() const override { return end_offset_.load(std::memory_order_acquire); }
    std::vector<SegmentInfo> segments() const override;
    std::vector<SegmentInfo> segments_from(Offset from) const override;
    Result<std::vector<StoredBatch>> read(Offset from, Offset end, std::uint64_t max_bytes) const override;
    Result<Offset> offset_for_time(std::int64_t time_us) const override;
    std::vector<EpochStart> epoch_history() const override;
    std::optional<EpochEnd> epoch_end(LeaderEpoch epoch) const override;
    LeaderEpoch newest_epoch() const override;
    Result<std::unique_ptr<RetentionHold>> retain_from(Offset from) override;
    Offset retention_floor() const override;
    Result<void> remove_before(Offset offset) override;
    Result<void> pack(Offset first, Offset end) override;

  private:
    // Where to begin reading: a batch at a known position, and how far the segment reaches.
    struct Place {
        std::shared_ptr<LogSegment> segment;
        Offset first_offset = 0;  // of the segment, whose index is not read without the lock
        IndexEntry entry;
        std::uint64_t end_position = 0;
        Offset end_offset = 0;
        std::uint64_t wanted_position = 0;  // what is asked for ends before it
    };
    struct RecentBatch {
        Offset offset;
        std::uint64_t position;
    };
    struct Piece {
        const char* external;  // nullptr: in scratch_
        std::size_t offset;
        std::size_t size;
    };

    // What the next write may take of batches that go on at end_offset().
    std::size_t fitting(std::span<const StoredBatch> batches) const;
    Result<void> check_given(std::span<const StoredBatch> batches) const;
    Result<void> write_run(std::span<const StoredBatch> run);
    Result<void> write_parts(std::uint64_t total);
    void gather(std::span<const StoredBatch> run);
    void publish(std::span<const StoredBatch> run);
    Result<void> sync_active();
    // The old segment stays the active one after an error that is none of its own bytes.
    Result<void> change_segment();
    Result<std::unique_ptr<PooledWriter>> create_segment(const LogSegment& segment);
    // The same when a batch of `next_bytes` is to follow: an error that leaves the log as it was puts the
    // change off until more than that one is written.
    Result<void> try_change_segment(std::uint64_t next_bytes);
    // A full disk: what was written of a run is taken back.
    bool take_back_run();
    Result<void> put_seal(const LogSeal& seal);
    Result<void> lower_seal(Offset end);
    // Before anything is written to a log without a seal, or behind one that says that nothing is.
    Result<void> open_seal();
    Result<void> cut_files(const std::shared_ptr<LogSegment>& last, std::uint64_t bytes);
    // Takes the log out of service and what was not synced out of the file; the error to return.
    Error fail(Error cause, bool disk_is_known);
    // The error of an append that began at `begin`.
    Error in_part(Error error, Offset begin);
    // Why nothing can be written any more.
    Error out_of_service() const;

    // The closed segments from `first` up to `end`; empty when they are not there. Under mutex_.
    std::vector<std::shared_ptr<LogSegment>> closed_between(Offset first, Offset end) const;
    // What was read of them, checked, as one index.
    Result<SegmentIndex> write_packed(const std::vector<std::shared_ptr<LogSegment>>& segments,
                                      const std::string& path) const;
    Result<void> name_packed(const std::vector<std::shared_ptr<LogSegment>>& segments, SegmentIndex index,
                             const std::string& draft);
    // The segment is not one of the log any more: its records are in another one, or gone.
    bool was_replaced(const std::shared_ptr<LogSegment>& segment) const;

    // `end`: of what is to be read.
    std::optional<Place> find(Offset offset, Offset end) const;
    Result<std::shared_ptr<ReadableFile>> reader_of(const Place& place) const;
    Result<void> read_run(const Place& place, Offset from, Offset end, std::uint64_t max_bytes,
                          std::uint64_t& taken, std::vector<StoredBatch>& out) const;

    FileSystem& files_;
    const LogIdentity identity_;
    const LogOptions options_;

    // Writer only.
    std::shared_ptr<LogSegment> active_;  // the last of segments_
    std::unique_ptr<PooledWriter> active_file_;
    std::uint64_t roll_at_bytes_;  // of the active segment
    Offset synced_end_;
    std::optional<LogSeal> sealed_;   // as it lies on the disk
    std::optional<LogSeal> doubted_;  // or this one, whose writing failed
    std::uint64_t synced_bytes_;      // of the active segment
    std::optional<Error> failure_;
    bool stopped_ = false;
    std::string scratch_;
    std::vector<Piece> pieces_;
    std::vector<std::string_view> parts_;

    std::mutex files_mutex_;  // of who removes or replaces files of segments; taken before mutex_
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<LogSegment>> segments_;  // never empty; the last one is active
    std::deque<RecentBatch> recent_;                     // the newest batches of the active segment
    EpochHistory epochs_;
    std::atomic<Offset> end_offset_;
    std::atomic<bool> failed_ = false;
    std::atomic<bool> clean_ = true;  // what was not synced when it failed is gone
    const std::shared_ptr<RetentionFloors> floors_ = std::make_shared<RetentionFloors>();
};

}  // namespace dl::slave
