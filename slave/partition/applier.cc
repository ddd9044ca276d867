#include "slave/partition/applier.h"

#include "common/base/check.h"
#include "slave/partition/derived_repair.h"

namespace dl::slave {
namespace {

void close_complete(Tail& tail, const std::vector<SegmentInfo>& segments) {
    if (tail.segments().empty() || tail.segments().back()->closed()) return;
    for (const auto& segment : segments)
        if (segment.closed && segment.first_offset == tail.segments().back()->first_offset() &&
            segment.end_offset == tail.end_offset())
            tail.close_segment();
}

// What the tail still has to follow. The log may have many older segments.
std::vector<SegmentInfo> newest_segments(const SharedLog& log, const Tail& tail) {
    const auto& own = tail.segments();
    return log.segments_from(own.empty() ? tail.end_offset() : own.back()->first_offset());
}

}  // namespace

// Keeps one tail segment per log segment: `next` is where the next batch lies.
void Applier::follow_segments(WriterExclusion::Hold& hold, Offset next,
                              const std::vector<SegmentInfo>& segments) {
    auto& tail = hold->tail;
    const auto& own = tail.segments();
    for (const auto& segment : segments) {
        if (segment.first_offset != next) continue;
        if (own.empty() || own.back()->first_offset() != next) tail.start_segment();
        hold->batch_ids.begin_segment(next);
        return;
    }
    DL_CHECK(!own.empty() && !own.back()->closed(), "INV-2 a batch lies in the segment of the one before it");
}

Result<void> Applier::apply(WriterExclusion::Hold& hold, std::span<LogBatch> batches) {
    auto& tail = hold->tail;
    const auto table = core_.table();
    const auto segments = newest_segments(core_.log(), tail);
    std::vector<TailSegment::FreshKey> missing;
    for (auto& batch : batches) {
        const auto& header = batch.header;
        DL_CHECK(header.base_offset == tail.end_offset(), "INV-2 offsets are dense");
        DL_CHECK(header.end_offset() <= core_.progress().high_watermark(),
                 "INV-9 only what is committed is applied");
        if (batch.hashes.empty()) {
            auto hashes = hash_keys(batch.batch, table->schema.key().id, table->index_hash_seed);
            if (hashes.has_error())
                return hashes.error().in(core_.label() + ", record batch at offset " +
                                         std::to_string(header.base_offset));
            batch.hashes = std::move(*hashes);
        }
        follow_segments(hold, header.base_offset, segments);
        DL_TRY(tail.append(batch.batch, header.append_time_us, batch.hashes, &missing));
        if (header.has_batch_id()) hold->batch_ids.add(batch_id_entry(batch));
        DL_CHECK(tail.end_offset() == header.end_offset(), "INV-2 every record of a batch is applied");
    }
    // A segment the log has closed takes nothing more, even when nothing has been written behind it yet.
    close_complete(tail, segments);
    hold->unapplied.drop_front(batches.size());
    auto next = std::make_shared<PartitionState>();
    const auto before = core_.state();
    next->end_offset = tail.end_offset();
    auto marked = before->files->superseded_by(missing);
    if (marked.has_error() && before->files->has_doubted_index()) {
        // Nothing is acknowledged on a wrong look-up: the writers wait until all indexes are right.
        core_.derived_doubted = true;
        DL_TRY(rebuild_doubted_indexes(core_, *before->files));
        marked = before->files->superseded_by(missing);
    }
    if (marked.has_error()) return marked.error();
    next->files = *marked != nullptr ? *marked : before->files;
    DL_CHECK(next->files->entries().size() == before->files->entries().size(),
             "INV-7 applying brings and takes no file");
    next->tail = tail.snapshot();
    core_.note_tail_bytes(hold);
    core_.publish(hold, std::move(next));
    return {};
}

Result<Applier::Applied> Applier::advance(WriterExclusion::Hold& hold, Offset high_watermark,
                                          std::size_t batches_max) {
    hold->progress.advance_high_watermark(high_watermark);
    const auto& segments = hold->tail.segments();
    const auto newest = [&segments] {
        return segments.empty() ? Offset{-1} : segments.back()->first_offset();
    };
    const Offset before = newest();
    Applied applied;
    for (;;) {
        const auto batches = hold->unapplied.ready(core_.progress().high_watermark(), batches_max);
        if (batches.empty()) break;
        DL_TRY(apply(hold, batches));
    }
    applied.segment_closed = newest() != before || (!segments.empty() && segments.back()->closed());
    return applied;
}

void Applier::close_complete_segment(WriterExclusion::Hold& hold) {
    close_complete(hold->tail, newest_segments(core_.log(), hold->tail));
}

}  // namespace dl::slave
