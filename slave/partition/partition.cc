#include "slave/partition/partition.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <utility>

#include "common/base/log.h"
#include "slave/partition/appender.h"
#include "slave/partition/commit_mark.h"
#include "slave/partition/compaction_runner.h"
#include "slave/partition/copy_export.h"
#include "slave/partition/loss_acceptance.h"
#include "slave/partition/partition_checker.h"
#include "slave/partition/partition_core.h"
#include "slave/partition/partition_recovery.h"
#include "slave/partition/past_view.h"
#include "slave/partition/pinned_view.h"
#include "slave/partition/record_reader.h"
#include "slave/partition/snapshot_maintainer.h"
#include "slave/partition/time_lookup.h"
#include "slave/partition/wait_list.h"

namespace dl::slave {
namespace {

class WiredPartition : public Partition,
                       public PartitionCopy,
                       public std::enable_shared_from_this<WiredPartition> {
  public:
    WiredPartition(std::string directory, const TableMeta& table, PartitionId id, LeaderEpoch epoch,
                   const PartitionOptions& options, const PartitionContext& context)
        : core_(std::move(directory), table, id, epoch, options, context) {}
    ~WiredPartition() override { close(); }

    Result<void> start() {
        join_tail_budget();
        DL_TRY(recover_partition(core_));
        waits_ = std::make_shared<WaitList>(end_offset());
        appender_ = std::make_unique<Appender>(
            core_, waits_, [this] { maintainer_->schedule_flush(); }, [this] { maintainer_->make_room(); });
        maintainer_ = std::make_unique<SnapshotMaintainer>(core_, *appender_);
        compactions_ = std::make_unique<CompactionRunner>(core_, *maintainer_);
        maintainer_->set_flushed([this] { compactions_->consider(); });
        compactions_->set_owner(weak_from_this());
        appender_->set_owner(weak_from_this());
        maintainer_->set_owner(weak_from_this());
        core_.join_upkeep(weak_from_this());
        serving_ = true;
        maintainer_->schedule_flush();
        return {};
    }

    void append(AppendRequest request, std::function<void(Result<AppendAck>)> done) override {
        appender_->append(std::move(request), std::move(done));
    }
    void set_leader_epoch(LeaderEpoch epoch) override {
        auto hold = core_.exclusion.for_commit();
        core_.set_epoch(hold, epoch);
    }
    LeaderEpoch leader_epoch() const override { return core_.epoch(); }
    Result<void> check_epoch(LeaderEpoch named) const override {
        DL_TRY(core_.check_epoch(named));
        const auto gate = core_.gate();
        return gate == nullptr ? Result<void>() : gate->check_serving(core_.progress().visible_end());
    }
    Result<void> advance_high_watermark(Offset end) override {
        return appender_->advance_high_watermark(end);
    }
    PartitionCopy* copy() override { return this; }
    void set_part(CopyPart part, LeaderEpoch epoch, std::shared_ptr<CommitGate> gate) override {
        appender_->set_part(part, epoch, std::move(gate));
    }
    CopyPart part() const override { return core_.part(); }
    Ends ends() const override {
        return {core_.progress().log_end(), core_.progress().synced_end(), core_.progress().high_watermark(),
                core_.log().newest_epoch(), core_.accepted_losses};
    }
    Result<void> take(LeaderEpoch epoch, const std::vector<StoredBatch>& batches) override {
        return appender_->take_given(epoch, batches);
    }
    Result<Offset> cut(LeaderEpoch epoch, Offset end, LeaderEpoch newest) override {
        return appender_->cut_given(epoch, end, newest);
    }
    void commit_up_to(Offset end) override { appender_->commit_up_to(end); }
    const SharedLog& log() const override { return core_.log(); }
    std::unique_ptr<RetentionHold> retain_from(Offset from) override {
        auto held = core_.log().retain_from(from);
        return held.has_value() ? std::move(*held) : nullptr;
    }
    Result<Export> export_files() override { return looked_after(export_partition(core_)); }
    bool post(std::function<void()> work) override {
        return core_.context.storage_pool->post(std::move(work));
    }
    std::shared_ptr<const ReadView> pin() const override { return make_pinned_view(core_); }
    Result<std::shared_ptr<const ReadView>> pin_at(Offset cut) const override {
        return looked_after(make_past_view(core_, core_.state(), cut));
    }
    UpkeepList::Clock::time_point tick() override {
        const auto now = UpkeepList::Clock::now();
        if (closing_) return core_.earlier.expire(now);
        return std::min({core_.earlier.expire(now), maintainer_->retry_failed(now), forget_batch_ids(now),
                         compactions_->consider_idle(now), seal_at_rest(now), mark_committed_in_time(now)});
    }
    Offset first_offset() const override { return first_stored_offset(core_); }
    Offset history_start() const override {
        return std::min(core_.log().first_offset(), core_.state()->end_offset);
    }
    Result<Offset> offset_for_time(std::int64_t time_us) const override {
        return looked_after(find_offset_for_time(core_, time_us));
    }
    Offset end_offset() const override { return core_.state()->end_offset; }
    Result<std::vector<ReadSlice>> read(Offset from, std::uint64_t max_rows,
                                        std::uint64_t max_bytes) const override {
        return looked_after(read_records(core_, from, max_rows, max_bytes));
    }
    std::shared_ptr<void> notify_beyond(Offset beyond, std::function<void()> wake) override {
        return waits_->add(beyond, std::move(wake));
    }
    void start_compress(std::function<void(Result<void>)> done) override {
        compactions_->start(std::move(done));
    }
    CompressProgress compress_progress() const override { return compactions_->progress(); }
    Result<void> flush() override { return maintainer_->flush_closed_segments(end_offset()); }
    Result<CheckReport> check(const CheckOptions& options) override {
        auto report = check_partition(core_, options);
        core_.wake();
        return report;
    }
    Result<ScrubReport> scrub(const ScrubOptions& options) override {
        auto report = scrub_partition(core_, options);
        if (report.has_value()) {
            core_.counters.scrubbed_bytes += report->bytes;
            core_.counters.scrub_findings += report->findings.size();
        }
        if (report.has_error() || !report->findings.empty()) core_.wake();
        return report;
    }
    void update_table(const TableMeta& table) override {
        core_.update_table(table);
        core_.wake();
    }
    std::optional<Error> write_failure() const override { return appender_->failure(); }
    bool can_be_reopened() override;
    PartitionStats stats() const override;
    void close() override {
        if (appender_ == nullptr) return;  // never started
        closing_ = true;
        appender_->close();
        compactions_->close();
        maintainer_->close();
        const auto hold = core_.exclusion.for_commit();
        seal_log(core_, *hold->log, PartitionLog::Seal::closing);
        mark_committed();
        hold->log->stop_writing();
    }

  private:
    // What a read finds damaged is put right by a tick.
    template <class T>
    Result<T> looked_after(Result<T> read) const {
        if (read.has_error()) core_.wake();
        return read;
    }
    // The parts of tick(): each returns when it is to be called again unless something is changed before.
    UpkeepList::Clock::time_point forget_batch_ids(UpkeepList::Clock::time_point now) {
        const auto due = core_.batch_id_figures.expires_at_us.load();
        if (due == 0) return UpkeepList::kAtRest;
        const auto uptime_us = core_.context.uptime_us();
        if (uptime_us < due) return now + std::chrono::microseconds(due - uptime_us);
        auto hold = core_.exclusion.for_commit();
        hold->batch_ids.drop_expired();
        core_.note_tail_bytes(hold);
        return now;  // the next file's time
    }
    // Nobody has written since the last tick: the seal costs two syncs, once.
    UpkeepList::Clock::time_point seal_at_rest(UpkeepList::Clock::time_point now) {
        const auto end = core_.progress().synced_end();
        const bool at_rest = end == std::exchange(end_at_tick_, end);
        if (end == sealed_at_rest_ || write_failure()) return UpkeepList::kAtRest;
        if (!at_rest) return now;
        auto hold = core_.exclusion.for_commit();
        seal_log(core_, *hold->log, PartitionLog::Seal::goes_on);
        sealed_at_rest_ = end;
        return UpkeepList::kAtRest;
    }
    // What is committed is known also to the next life of a copy. With acknowledgements before the sync only
    // what a seal has synced.
    void mark_committed() {
        const auto committed = core_.progress().high_watermark();
        if (core_.options.synced_is_committed || committed == marked_ || write_failure()) return;
        const auto written =
            write_commit_mark(*core_.context.files, core_.directory, core_.table()->id, core_.id, committed);
        if (written.has_error())
            log_warn("slave.partition", "what is committed could not be written down",
                     {{"partition", core_.label()}, {"error", written.error()}});
        else
            marked_ = committed;
    }
    // At once when all is committed and nobody writes.
    UpkeepList::Clock::time_point mark_committed_in_time(UpkeepList::Clock::time_point now) {
        if (core_.options.synced_is_committed || !core_.options.sync) return UpkeepList::kAtRest;
        const auto committed = core_.progress().high_watermark();
        const bool still = committed == std::exchange(committed_at_tick_, committed);
        const bool all = committed == core_.progress().log_end();
        if (committed == marked_ || write_failure()) return UpkeepList::kAtRest;
        // Without the exclusion, since those that wait for other copies are many.
        if (now < mark_due_ && !(still && all)) return all ? now : mark_due_;
        mark_due_ = now + kCommitMarkInterval;
        auto hold = core_.exclusion.for_commit();
        mark_committed();
        return committed == marked_ ? UpkeepList::kAtRest : mark_due_;
    }
    void join_tail_budget() {
        if (core_.context.tail_budget == nullptr) return;
        const auto with_self = [weak = weak_from_this()](auto call) {
            return [weak, call](const auto&... arguments) {
                if (const auto self = weak.lock(); self != nullptr && self->serving_)
                    call(*self, arguments...);
            };
        };
        TailBudget::Callbacks callbacks;
        callbacks.make_room = with_self([](WiredPartition& self) { self.maintainer_->make_room(); });
        callbacks.resume = with_self([](WiredPartition& self) { self.appender_->resume(); });
        callbacks.failed =
            with_self([](WiredPartition& self, const Error& error) { self.appender_->flush_failed(error); });
        core_.tail_share = core_.context.tail_budget->join(std::move(callbacks));
    }

    PartitionCore core_;
    std::shared_ptr<WaitList> waits_;
    std::unique_ptr<Appender> appender_;
    std::unique_ptr<SnapshotMaintainer> maintainer_;
    std::unique_ptr<CompactionRunner> compactions_;
    std::atomic<bool> serving_{false};  // everything above is there
    std::atomic<bool> closing_{false};
    Offset end_at_tick_ = -1;  // of ticks only
    Offset sealed_at_rest_ = -1;
    Offset committed_at_tick_ = -1;  // of ticks only
    std::atomic<Offset> marked_{0};  // written under the exclusion
    std::chrono::steady_clock::time_point mark_due_ = std::chrono::steady_clock::now() + kCommitMarkInterval;
};

bool WiredPartition::can_be_reopened() {
    if (!appender_->failure() || !core_.exclusion.for_commit()->log->failed_cleanly()) return false;
    auto& files = *core_.context.files;
    const auto path = core_.directory + "/probe";
    const auto tried = [&]() -> Result<void> {
        if (auto removed = files.remove(path);
            removed.has_error() && removed.error().code != ErrorCode::not_found)
            return removed;
        DL_TRY(write_new_file(files, path, "the disk takes writes"));
        DL_TRY(files.sync_directory(core_.directory));
        return files.remove(path);
    }();
    return tried.has_value();
}

PartitionStats WiredPartition::stats() const {
    PartitionStats stats;
    const auto state = core_.state();
    stats.first_offset = first_offset();
    stats.end_offset = state->end_offset;
    stats.flushed_end = core_.publisher().manifest().flushed_end;
    for (const auto& segment : core_.log().segments()) {
        ++stats.segments;
        stats.log_bytes += segment.bytes;
    }
    for (const auto& entry : state->files->entries()) {
        ++stats.files;
        stats.file_rows += entry.file->info().rows;
        stats.file_dead_rows += entry.dead->dead();
        stats.file_bytes += entry.file->info().parquet_bytes;
        stats.index_bytes_mapped += entry.file->index().mapped_bytes();
        stats.index_bytes_resident += entry.dead->resident_bytes();
    }
    stats.tail_rows = state->tail->rows;
    stats.tail_bytes = state->tail->bytes;
    const auto resident = core_.tail_resident_bytes.load();
    const auto beside = std::min(resident, state->tail->bytes + core_.batch_id_figures.table_bytes);
    stats.index_bytes_resident += resident - beside;
    stats.batch_ids = core_.batch_id_figures.ids;
    stats.batch_id_tail_bytes = core_.batch_id_figures.table_bytes;
    stats.batch_id_bytes_resident = core_.batch_id_figures.index_bytes;
    stats.batch_id_file_bytes = core_.batch_id_figures.file_bytes;
    stats.appends = core_.counters.appends;
    stats.appended_rows = core_.counters.appended_rows;
    stats.syncs = core_.counters.syncs;
    stats.flushes = core_.counters.flushes;
    stats.compactions = core_.counters.compactions;
    stats.joins = core_.counters.joins;
    stats.scrubbed_bytes = core_.counters.scrubbed_bytes;
    stats.scrub_findings = core_.counters.scrub_findings;
    return stats;
}

}  // namespace

Result<void> Partition::compress(const std::function<void(const CompressProgress&)>& progress) {
    constexpr auto kProgressInterval = std::chrono::milliseconds(200);
    auto promise = std::make_shared<std::promise<Result<void>>>();
    auto done = promise->get_future();
    start_compress([promise](Result<void> result) { promise->set_value(std::move(result)); });
    while (done.wait_for(kProgressInterval) != std::future_status::ready)
        if (progress) progress(compress_progress());
    return done.get();
}

Result<void> Partition::create(FileSystem& files, const std::string& directory, const TableMeta& table,
                               PartitionId id) {
    return create_partition(files, directory, table.id, id);
}

Result<std::shared_ptr<Partition>> Partition::open(std::string directory, const TableMeta& table,
                                                   PartitionId id, const PartitionOptions& options,
                                                   const PartitionContext& context, LeaderEpoch epoch) {
    auto partition =
        std::make_shared<WiredPartition>(std::move(directory), table, id, epoch, options, context);
    DL_TRY(partition->start());
    return std::shared_ptr<Partition>(std::move(partition));
}

Result<std::vector<LostRange>> Partition::lost_records(std::string directory, const TableMeta& table,
                                                       PartitionId id, const PartitionOptions& options,
                                                       const PartitionContext& context, bool accept) {
    PartitionCore core(std::move(directory), table, id, LeaderEpoch{1}, options, context);
    return accept ? accept_lost_records(core) : find_lost_records(core);
}

}  // namespace dl::slave
