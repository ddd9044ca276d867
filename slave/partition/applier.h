// What becomes of a batch once it is committed: it goes into tail and index, marks the rows it replaces, its
// id into the window, and a new state is published. Whoever moves the high watermark has it applied here, on
// the same thread: with one copy the appender after each sync. Nothing above the high watermark is applied,
// so nothing above it is flushed, compacted or shown. Keeps nothing of its own; each call under the writer's
// exclusion, which the Hold proves.
#pragma once

#include "slave/partition/partition_core.h"

namespace dl::slave {

class Applier {
  public:
    explicit Applier(PartitionCore& core) : core_(core) {}

    struct Applied {
        bool segment_closed = false;  // a segment of the tail takes nothing more: it can be flushed
    };
    // Moves the high watermark (never back) and applies what is below it, `batches_max` batches to a state.
    // After an error some of it may be applied and the partition must leave service.
    Result<Applied> advance(WriterExclusion::Hold& hold, Offset high_watermark,
                            std::size_t batches_max = SIZE_MAX);
    // Closes the newest tail segment if the log has closed its segment and all of it is applied.
    void close_complete_segment(WriterExclusion::Hold& hold);

  private:
    Result<void> apply(WriterExclusion::Hold& hold, std::span<LogBatch> batches);
    void follow_segments(WriterExclusion::Hold& hold, Offset next, const std::vector<SegmentInfo>& segments);

    PartitionCore& core_;
};

}  // namespace dl::slave
