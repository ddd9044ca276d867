#include "slave/partition/partition.h"

#include "slave/partition/partition_core.h"
#include "slave/partition/partition_recovery.h"
#include "slave/partition/partition_writer.h"
#include "slave/partition/past_view.h"
#include "slave/partition/pinned_view.h"
#include "slave/partition/record_reader.h"
#include "slave/partition/snapshot_maintainer.h"
#include "slave/partition/wait_list.h"

namespace dl::slave {
namespace {

class WiredPartition : public Partition, public std::enable_shared_from_this<WiredPartition> {
  public:
    WiredPartition(std::string directory, const TableMeta& table, PartitionId id,
                   const PartitionOptions& options, const PartitionContext& context)
        : core_(std::move(directory), table, id, options, context) {}
    ~WiredPartition() override { close(); }

    Result<void> start() {
        DL_TRY(recover_partition(core_));
        waits_ = std::make_shared<WaitList>(end_offset());
        writer_ = std::make_unique<PartitionWriter>(core_, waits_, [this] { maintainer_->schedule_flush(); });
        maintainer_ = std::make_unique<SnapshotMaintainer>(core_, *writer_);
        writer_->set_owner(weak_from_this());
        maintainer_->set_owner(weak_from_this());
        maintainer_->schedule_flush();
        return {};
    }

    void append(AppendRequest request, std::function<void(Result<AppendAck>)> done) override {
        writer_->append(std::move(request), std::move(done));
    }
    std::shared_ptr<const ReadView> pin() const override { return make_pinned_view(core_.state()); }
    Result<std::shared_ptr<const ReadView>> pin_at(Offset cut) const override {
        return make_past_view(core_, core_.state(), cut);
    }
    Offset first_offset() const override { return first_stored_offset(core_); }
    Offset end_offset() const override { return core_.state()->end_offset; }
    Result<std::vector<ReadSlice>> read(Offset from, std::uint64_t max_rows,
                                        std::uint64_t max_bytes) const override {
        return read_records(core_, from, max_rows, max_bytes);
    }
    std::shared_ptr<void> notify_beyond(Offset beyond, std::function<void()> wake) override {
        return waits_->add(beyond, std::move(wake));
    }
    Result<void> compress(const std::function<void(const CompressProgress&)>& progress) override {
        return maintainer_->compress(progress);
    }
    Result<void> flush() override { return maintainer_->flush_closed_segments(end_offset()); }
    void update_table(const TableMeta& table) override { core_.update_table(table); }
    PartitionStats stats() const override;
    void close() override {
        if (writer_ == nullptr) return;  // never started
        writer_->close();
        maintainer_->close();
    }

  private:
    PartitionCore core_;
    std::shared_ptr<WaitList> waits_;
    std::unique_ptr<PartitionWriter> writer_;
    std::unique_ptr<SnapshotMaintainer> maintainer_;
};

PartitionStats WiredPartition::stats() const {
    PartitionStats stats;
    const auto state = core_.state();
    stats.first_offset = first_offset();
    stats.end_offset = state->end_offset;
    stats.flushed_end = core_.publisher->manifest().flushed_end;
    for (const auto& segment : core_.log->segments()) {
        ++stats.segments;
        stats.log_bytes += segment.bytes;
    }
    for (const auto& entry : state->files->entries()) {
        ++stats.files;
        stats.file_rows += entry.file->info().rows;
        stats.file_dead_rows += entry.dead->dead();
        stats.file_bytes += entry.file->info().parquet_bytes;
        stats.index_bytes_mapped += entry.file->index().mapped_bytes();
    }
    stats.tail_rows = state->tail->rows;
    stats.tail_bytes = state->tail->bytes;
    const auto resident = core_.tail_resident_bytes.load();
    stats.index_bytes_resident = resident - std::min(resident, state->tail->bytes);
    stats.appends = core_.counters.appends;
    stats.appended_rows = core_.counters.appended_rows;
    stats.syncs = core_.counters.syncs;
    stats.flushes = core_.counters.flushes;
    stats.compactions = core_.counters.compactions;
    return stats;
}

}  // namespace

Result<void> Partition::create(FileSystem& files, const std::string& directory, const TableMeta& table,
                               PartitionId id) {
    return create_partition(files, directory, table.id, id);
}

Result<std::shared_ptr<Partition>> Partition::open(std::string directory, const TableMeta& table,
                                                   PartitionId id, const PartitionOptions& options,
                                                   const PartitionContext& context) {
    auto partition = std::make_shared<WiredPartition>(std::move(directory), table, id, options, context);
    DL_TRY(partition->start());
    return std::shared_ptr<Partition>(std::move(partition));
}

}  // namespace dl::slave
