// What a partition remembers of the batches it has applied, so that a repeat answers as the first did and is
// not applied again (INV-11). A batch is remembered for at least `window_us` after it was applied. Of a
// producer the newest limits::producer_batches_max batches are, and older ones that are not known are
// refused.
//
// Newest first: a table in memory for each segment of the tail, then the files that flushes wrote of such
// tables; the manifest names the files, the log has the rest. Time is that of a clock that only runs while
// the partition is open and never goes back: a wrong wall clock, or one that is put right, shortens nothing.
//
// Not thread-safe: under the writer's exclusion. Adding and finding may read a file.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "slave/partition/batch_id_budget.h"
#include "slave/partition/batch_id_file.h"
#include "slave/partition/batch_id_table.h"

namespace dl::slave {

class BatchIdWindow {
  public:
    struct Options {
        std::string label;  // of the partition, for errors
        std::int64_t window_us = limits::batch_id_window_ms_default * 1000;
        std::function<std::int64_t()> uptime_us;  // never goes back, anything between restarts
        BatchIdBudget* budget = nullptr;
    };
    BatchIdWindow();  // remembers nothing, for nobody
    // `files`: what the manifest names, oldest first.
    BatchIdWindow(Options options, std::vector<std::shared_ptr<const BatchIdFile>> files);
    BatchIdWindow(BatchIdWindow&&) noexcept;
    BatchIdWindow& operator=(BatchIdWindow&&) noexcept;
    ~BatchIdWindow();

    // Batches from `first` on lie in another segment of the tail than those before.
    void begin_segment(Offset first);
    // A batch is applied. One that is known is left as it is. When the file that may hold the earlier batches
    // of its producer cannot be read, they count as forgotten.
    void add(const BatchIdEntry& entry);
    // nullopt: a new one. BATCH_ID_EXPIRED: it cannot be told from a forgotten one.
    Result<std::optional<BatchIdEntry>> find(const BatchName& name) const;
    // OVERLOADED when no further id may be remembered; names the limit.
    Result<void> check_room() const;

    // What a flush up to `below`, which is the end of a segment, writes to files.
    std::vector<std::shared_ptr<const BatchIdTable>> sealed_below(Offset below);
    const std::vector<std::shared_ptr<const BatchIdFile>>& files() const { return files_; }
    // On its clock.
    std::int64_t now_us() const;
    // Batches applied before this may be forgotten.
    std::int64_t forget_before_us() const { return now_us() - options_.window_us; }
    // The manifest names these files, which hold all batches that end at or below `below`.
    void spilled(Offset below, std::vector<std::shared_ptr<const BatchIdFile>> files);
    // Lets go of files of which everything may be forgotten; the next flush takes them out of the manifest.
    void drop_expired();

    struct Figures {
        std::uint64_t ids = 0;           // ids and producers in memory, entries of files
        std::uint64_t table_bytes = 0;   // memory of the tables: counts as tail
        std::uint64_t index_bytes = 0;   // memory of the files: slave.batch_id.memory.bytes
        std::uint64_t file_bytes = 0;    // on disk
        std::int64_t expires_in_us = 0;  // until drop_expired() drops the oldest file; 0: there is none
    };
    Figures figures() const;

  private:
    std::size_t table_ids() const;
    void note_files();
    std::uint64_t index_bytes() const;
    // What is known of a producer; `read` holds it when it comes from a file. nullptr: nothing.
    Result<const BatchGroup*> find_producer(const Hash128& id, std::optional<BatchGroup>& read) const;
    BatchIdTable& newest_table(Offset first);

    Options options_;
    std::vector<std::shared_ptr<BatchIdTable>> tables_;  // oldest first; the last one takes what comes
    std::vector<std::shared_ptr<const BatchIdFile>> files_;
    std::uint64_t files_resident_ = 0;
    std::unique_ptr<BatchIdBudget::Share> share_;
    std::int64_t started_us_ = 0;  // of uptime
    std::int64_t base_us_ = 0;     // of this clock, then
};

}  // namespace dl::slave
