#include "slave/partition/partition_core.h"

#include "common/base/check.h"

namespace dl::slave {

WriterExclusion::Hold WriterExclusion::for_group() {
    std::unique_lock lock(mutex_);
    free_.wait(lock, [this] { return !held_ && commits_waiting_ == 0; });
    held_ = true;
    return Hold(*this);
}

WriterExclusion::Hold WriterExclusion::for_commit() {
    std::unique_lock lock(mutex_);
    ++commits_waiting_;
    free_.wait(lock, [this] { return !held_; });
    --commits_waiting_;
    held_ = true;
    return Hold(*this);
}

void WriterExclusion::release() {
    {
        const std::lock_guard lock(mutex_);
        held_ = false;
    }
    free_.notify_all();
}

PartitionCore::PartitionCore(std::string directory_in, const TableMeta& table, PartitionId id_in,
                             const PartitionOptions& options_in, const PartitionContext& context_in)
    : directory(std::move(directory_in)),
      id(id_in),
      options(options_in),
      context(context_in),
      table_(std::make_shared<const TableMeta>(table)) {}

std::string PartitionCore::label() const {
    return "partition " + std::to_string(id.value) + " of table " + table()->name;
}

std::shared_ptr<const TableMeta> PartitionCore::table() const {
    const std::lock_guard lock(mutex_);
    return table_;
}

void PartitionCore::update_table(const TableMeta& table) {
    const std::lock_guard lock(mutex_);
    if (table.id == table_->id && table.schema.id >= table_->schema.id)
        table_ = std::make_shared<const TableMeta>(table);
}

void PartitionCore::set_leader_epoch(LeaderEpoch epoch) {
    auto known = epoch_.load();
    while (known < epoch.value && !epoch_.compare_exchange_weak(known, epoch.value)) {
    }
}

std::shared_ptr<const PartitionState> PartitionCore::state() const {
    const std::lock_guard lock(mutex_);
    return state_;
}

void PartitionCore::publish(std::shared_ptr<const PartitionState> state) {
    const std::lock_guard lock(mutex_);
    DL_CHECK(state_ == nullptr || state->end_offset >= state_->end_offset,
             "INV-9 the visible end never moves back");
    state_.swap(state);
}

// Keeps one tail segment per log segment: `next` is where the next batch lies.
void PartitionCore::follow_segments(Offset next, const std::vector<SegmentInfo>& segments) {
    const auto& own = tail.segments();
    for (const auto& segment : segments) {
        if (segment.first_offset != next) continue;
        if (own.empty() || own.back()->first_offset() != next) tail.start_segment();
        return;
    }
    DL_CHECK(!own.empty() && !own.back()->closed(), "INV-2 a batch lies in the newest log segment");
}

Result<void> PartitionCore::apply(std::span<const Applied> batches) {
    const auto segments = log->segments();
    std::vector<TailSegment::FreshKey> missing;
    for (const auto& batch : batches) {
        DL_CHECK(batch.header.base_offset == tail.end_offset(), "INV-2 offsets are dense");
        follow_segments(batch.header.base_offset, segments);
        DL_TRY(tail.append(batch.batch, batch.header.append_time_us, batch.hashes, &missing));
    }
    // A segment the log has closed takes nothing more, even when nothing has been written behind it yet; but
    // recovery applies the batches of a closed one in several groups.
    if (!tail.segments().empty() && !tail.segments().back()->closed())
        for (const auto& segment : segments)
            if (segment.closed && segment.first_offset == tail.segments().back()->first_offset() &&
                segment.end_offset == tail.end_offset())
                tail.close_segment();
    auto next = std::make_shared<PartitionState>();
    const auto before = state();
    next->end_offset = tail.end_offset();
    next->files = before->files->superseded_by(std::move(missing));
    if (next->files == nullptr) next->files = before->files;
    next->tail = tail.snapshot();
    note_tail_bytes();
    publish(std::move(next));
    return {};
}

void PartitionCore::note_tail_bytes() {
    const auto bytes = tail.resident_bytes();
    tail_resident_bytes = bytes;
    if (tail_share != nullptr) tail_share->set(bytes);
}

Result<void> PartitionCore::make_log_durable(Offset from) const {
    if (options.sync) return {};
    for (const auto& segment : log->segments()) {
        if (segment.end_offset <= from || segment.bytes == 0) continue;
        char name[32];
        std::snprintf(name, sizeof name, "/%020lld.log", static_cast<long long>(segment.first_offset));
        DL_TRY(context.files->sync_file(log_directory() + name));
    }
    return {};
}

}  // namespace dl::slave
